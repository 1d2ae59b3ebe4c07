// What a test file leaves behind when it is ended in the middle: nothing, not even what outlives a killed instance on purpose.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { isAlive } from '../../src/compute/os-process.ts';
import { temporaryFolder, track } from '../support/children.ts';
import { root } from '../support/processes.ts';
import { waitFor } from '../support/wait-for.ts';

const support = JSON.stringify(new URL('../support/children.ts', import.meta.url).href);

/**
 * Starts a program as the process driver does: in a session of its own, known to nobody, with its folder in its environment. What it starts
 * itself, as the watcher of a container does, knows nothing of the folder.
 */
const script = `import { spawn } from 'node:child_process';
  import { temporaryFolder } from ${support};
  const folder = temporaryFolder().path;
  const child = spawn('sh', ['-c', 'env -u FOLDER sleep 300 & echo $!; wait'], {
    detached: true,
    stdio: ['ignore', 'pipe', 'ignore'],
    env: { ...process.env, FOLDER: folder + '/x' },
  });
  child.stdout.once('data', (line) => console.log(JSON.stringify({ pids: [child.pid, Number(line)], folder })));
  setInterval(() => {}, 1000);`;

test('a test file that is killed takes along what its instances left running, and its folders', async (context) => {
  if (!existsSync('/proc/self/environ')) {
    context.skip('there is no /proc here, by which what was left is found');
    return;
  }
  const child = track(
    spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
      cwd: root,
      stdio: ['ignore', 'pipe', 'inherit'],
    }),
    'test file',
  );
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
  await waitFor(() => text.includes('\n'), { what: 'the file to start its program' });
  const { pids, folder } = JSON.parse(text) as { readonly pids: readonly number[]; readonly folder: string };
  assert.ok(pids.every(isAlive) && existsSync(folder));
  child.kill('SIGKILL');
  await waitFor(() => !pids.some(isAlive) && !existsSync(folder), { what: 'the end of what it left' });
});

const guarded = JSON.stringify(new URL('../../src/embedded/kill-on-exit.ts', import.meta.url).href);

test('a kill -9 of a program with a guarded folder ends its children and removes the folder', async () => {
  const place = temporaryFolder();
  const folder = join(place.path, 'guarded');
  const program = `import { spawn } from 'node:child_process';
    import { mkdirSync, writeFileSync } from 'node:fs';
    import { guardFolder, killOnExit } from ${guarded};
    const folder = ${JSON.stringify(folder)};
    mkdirSync(folder);
    guardFolder(folder);
    const start = () => killOnExit(spawn('sh', ['-c', 'sleep 300 & echo $! >> ' + folder + '/pids; wait'], { detached: true, stdio: 'ignore' }));
    start();
    start();
    setInterval(() => {}, 1000);`;
  const child = track(
    spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', program], { cwd: root, stdio: 'inherit' }),
    'guarded program',
  );
  const pids = (): readonly number[] =>
    existsSync(join(folder, 'pids')) ? readFileSync(join(folder, 'pids'), 'utf8').trim().split('\n').map(Number) : [];
  const known = await waitFor(() => (pids().length === 2 ? pids() : undefined), { what: 'both children to start' });
  child.kill('SIGKILL');
  await waitFor(() => known.every((pid) => !isAlive(pid)) && !existsSync(folder), { what: 'the end of both' });
  place.remove();
});
