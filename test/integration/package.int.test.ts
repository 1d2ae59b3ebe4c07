// The package as `npm pack` makes it: unpacked elsewhere, with the dependencies beside it, it is a working `opstream`.

import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { mustRun } from '../../scripts/run-command.mjs';
import { temporaryFolder } from '../support/children.ts';
import { root } from '../support/processes.ts';

test('an unpacked package runs, and holds what it points to', async () => {
  const { path: folder, remove } = temporaryFolder();
  // The build that the tests run by is not made anew under them.
  await mustRun('npm', ['pack', '--ignore-scripts', '--pack-destination', folder], { cwd: root });
  const [tarball = ''] = readdirSync(folder);
  await mustRun('tar', ['-xzf', join(folder, tarball), '-C', folder]);
  const home = join(folder, 'package');
  symlinkSync(join(root, 'node_modules'), join(home, 'node_modules'));
  const { bin, version, scripts } = JSON.parse(readFileSync(join(home, 'package.json'), 'utf8')) as {
    readonly bin: { readonly opstream: string };
    readonly version: string;
    readonly scripts: Readonly<Record<string, string>>;
  };
  assert.match(scripts['prepack'] ?? '', /prepack\.mjs/, 'packing builds first');
  const program = join(home, bin.opstream);
  const elsewhere = join(folder, 'elsewhere');
  mkdirSync(elsewhere);
  const run = (...args: readonly string[]): Promise<string> =>
    mustRun(process.execPath, [program, ...args], { cwd: elsewhere });
  assert.equal((await run('version')).trim(), `opstream ${version}`);
  const manifests = join(home, 'src', 'operators', 'azure-data-factory', 'manifests');
  assert.ok(existsSync(manifests), '`up --example` names this folder');
  await run('lint', '-f', join(manifests, 'operator.yaml'));
  assert.ok(existsSync(join(home, 'scripts', 'nats-server.mjs')), '`up` fetches a server by it');
  assert.ok(existsSync(join(home, 'scripts', 'deploy', 'compose.yaml')), 'the README tells to copy from this folder');
  remove();
});
