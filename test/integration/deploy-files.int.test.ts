// The unit of systemd and the compose file of scripts/deploy/, as far as they can be run without systemd and without images: what they start becomes a whole
// instance, systemd takes the unit, and every variable that they set is one that is read.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { parse } from 'yaml';
import { leakGuard, root, startProcess, type TestProcess } from '../support/processes.ts';
import { temporaryFolder } from '../support/children.ts';
import { startNatsServer, type TestServer } from '../support/nats-server.ts';
import { opstreamAt } from '../support/opstream-at.ts';
import { programs } from '../support/running-instance.ts';
import { waitFor } from '../support/wait-for.ts';

leakGuard();

type Service = {
  readonly command: readonly string[];
  readonly restart: string;
  readonly environment?: Readonly<Record<string, string>>;
};

const deploy = join(root, 'scripts', 'deploy');
const unit = readFileSync(join(deploy, 'opstream@.service'), 'utf8');
const settings = (name: string): readonly string[] =>
  [...unit.matchAll(new RegExp(`^${name}=(.*)$`, 'gm'))].map(([, value = '']) => value);
const { services } = parse(readFileSync(join(deploy, 'compose.yaml'), 'utf8'), { merge: true }) as {
  readonly services: Readonly<Record<string, Service>>;
};
/** The program that a command line starts, as startProcess wants it. */
const programIn = (words: readonly string[]): string => {
  const path = words.find((word) => word.includes('dist/processes/')) ?? '';
  return path.replace(/^.*dist\//, 'src/').replace(/\.js$/, '.ts');
};
const analyze = ['/usr/bin/systemd-analyze', '/bin/systemd-analyze'].find((path) => existsSync(path));

let server: TestServer;
const folder = temporaryFolder();
const processes: TestProcess[] = [];
before(async () => {
  server = await startNatsServer();
});
after(async () => {
  await Promise.all(processes.map((one) => one.kill9()));
  await server.stop();
  folder.remove();
});

describe('the files of scripts/deploy/', () => {
  it('start every program, and again when it has ended', () => {
    assert.deepEqual(Object.keys(services).sort(), ['nats', ...programs].sort());
    for (const [name, { restart }] of Object.entries(services)) assert.equal(restart, 'always', name);
    assert.deepEqual(settings('Restart'), ['always']);
    assert.deepEqual(settings('StartLimitIntervalSec'), ['0']);
  });

  it('make a whole instance: half of it as the unit says, half as the compose file does', async () => {
    const fromUnit = (name: string): void => {
      const words = (settings('ExecStart')[0] ?? '').replaceAll('%i', name).split(' ');
      const lines = [...settings('Environment'), ...readFileSync(join(deploy, 'opstream.env'), 'utf8').split('\n')];
      const pairs = lines.filter((line) => /^[A-Z_]+=/.test(line)).map((line) => line.split('=', 2));
      const env = { ...Object.fromEntries(pairs), OPSTREAM_NATS_URL: server.url, OPSTREAM_DATA: folder.path };
      processes.push(startProcess(programIn(words), { name, env }));
    };
    const fromCompose = (name: string): void => {
      const { command = [], environment = {} } = services[name] ?? {};
      const filled = Object.entries(environment).map(([key, value]) => [key, value.replace(/\$\{\w+:-\}/, '')]);
      const env = { ...Object.fromEntries(filled), OPSTREAM_NATS_URL: server.url, METRIC_PORT: '0' };
      processes.push(startProcess(programIn(command), { name, env }));
    };
    fromUnit('projector');
    fromUnit('operator-runtime');
    fromCompose('command-handler');
    fromCompose('query-responder');
    await waitFor(async () => (await opstreamAt(server.url, 'doctor')).code === 0, {
      ...{ timeoutMs: 60_000, intervalMs: 300, what: 'the instance to be whole' },
    });
  });

  it('are a unit that systemd takes', { skip: analyze === undefined && 'systemd-analyze is not there' }, () => {
    // Prints what it does not understand, and ends with 1 for what it cannot use.
    const said = execFileSync(analyze ?? '', ['verify', join(deploy, 'opstream@.service')], { encoding: 'utf8' });
    assert.equal(said, '');
  });
});
