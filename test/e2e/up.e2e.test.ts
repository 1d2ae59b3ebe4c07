// `opstream up` itself: what it leaves behind when it is stopped, killed or started twice, and where its server is.

import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { after, afterEach, describe, it } from 'node:test';
import { findNatsServer } from '../../scripts/nats-server.mjs';
import { exampleManifests } from '../../src/embedded/example.ts';
import { processNames } from '../../src/embedded/embedded.ts';
import { startEmbeddedServer } from '../../src/embedded/embedded-server.ts';
import { allRecords, componentsFolder, isRunning } from '../../src/compute/instance-records.ts';
import { pidIn } from '../../src/compute/os-process.ts';
import { cliProgram, dataFolder, runningOf, startUp, untilUp } from '../support/instance.ts';
import { startNatsServer, type TestServer } from '../support/nats-server.ts';
import { leakGuard, startProcess } from '../support/processes.ts';
import { waitFor } from '../support/wait-for.ts';

leakGuard();

let folders: ReturnType<typeof dataFolder>[] = [];
const newFolder = (): string => {
  const folder = dataFolder();
  folders.push(folder);
  return folder.path;
};
afterEach(async () => {
  for (const folder of folders) await folder.remove();
  folders = [];
});

const opstream = async (url: string, ...argv: string[]): Promise<{ code: number | null; text: string }> => {
  const child = startProcess(cliProgram, { arguments: argv, env: { OPSTREAM_NATS_URL: url }, name: argv.join(' ') });
  const { code } = await child.ended;
  return { code, text: child.output() };
};

describe('opstream up', () => {
  it('brings a whole instance up, and takes everything down at Ctrl-C', async () => {
    const folder = newFolder();
    const up = await startUp(folder);
    const url = await untilUp(up);
    const doctor = await opstream(url, 'doctor');
    assert.equal(doctor.code, 0, doctor.text);
    // The server, four processes and `up` itself.
    assert.equal(runningOf(folder).length, 6);
    assert.match(readFileSync(join(folder, 'nats-server.conf'), 'utf8'), /sync_interval: always/);
    up.signal('SIGINT');
    assert.deepEqual(await up.ended, { code: 0, signal: null });
    assert.deepEqual(runningOf(folder), []);
    assert.equal((await opstream(url, 'doctor')).code, 4);
  });

  it('leaves nothing running when it is interrupted twice', async () => {
    const folder = newFolder();
    const up = await startUp(folder);
    await untilUp(up);
    // A process that does not stop: only the second signal ends it.
    const handler = Number.parseInt(readFileSync(join(folder, 'command-handler.pid'), 'utf8'), 10);
    const before = runningOf(folder);
    assert.equal(before.length, 6);
    process.kill(handler, 'SIGSTOP');
    up.signal('SIGINT');
    await waitFor(() => /stopping/.test(up.output()), { what: 'the first signal to be seen' });
    up.signal('SIGINT');
    assert.deepEqual(await up.ended, { code: 130, signal: null });
    await waitFor(() => runningOf(folder).length === 0, { what: 'all of them to be gone', timeoutMs: 3000 });
  });

  it('starts again whatever of it dies, also the server', async () => {
    const folder = newFolder();
    const up = await startUp(folder);
    const url = await untilUp(up);
    const applied = await opstream(url, 'apply', '-f', join(exampleManifests, 'operator.yaml'));
    assert.equal(applied.code, 0, applied.text);
    const pidOf = (name: string): number => pidIn(readFileSync(join(folder, `${name}.pid`), 'utf8'));
    const all = [...processNames, 'nats-server'];
    const first = all.map(pidOf);
    for (const pid of first) process.kill(pid, 'SIGKILL');
    const isAnother = (name: string, index: number): boolean => pidOf(name) > 0 && pidOf(name) !== first[index];
    await waitFor(() => all.every(isAnother), { timeoutMs: 15_000, what: 'another of each' });
    for (const name of all) assert.match(up.output(), new RegExp(`process ended, starting it again process=${name}`));
    await waitFor(() => /process runs again process=nats-server url=/.test(up.output()), { what: 'that to be said' });
    await waitFor(async () => (await opstream(url, 'doctor')).code === 0, { timeoutMs: 20_000, what: 'all of them' });
    assert.match((await opstream(url, 'get', '-t', 'operator', '-a')).text, /adf-operator/);
    assert.equal(runningOf(folder).length, 6);
    assert.equal((await up.terminate(25_000)).code, 0);
    assert.deepEqual(runningOf(folder), []);
  });

  it('goes on where a killed one was, and ends what that one left', async () => {
    const folder = newFolder();
    const startedMs = performance.now();
    const killed = await startUp(folder);
    await untilUp(killed);
    const startMs = performance.now() - startedMs;
    const left = runningOf(folder);
    await killed.kill9();
    assert.equal(runningOf(folder).length, 5);
    const killedMs = performance.now();
    const next = await startUp(folder);
    const url = await untilUp(next);
    // Programs whose server is ended before them take 5 s each.
    const takeoverMs = performance.now() - killedMs;
    assert.ok(takeoverMs < startMs + 10_000, `${takeoverMs} ms, after a start of ${startMs} ms`);
    const now = runningOf(folder);
    assert.equal(now.length, 6);
    assert.deepEqual(
      now.filter((pid) => left.includes(pid)),
      [],
    );
    assert.equal((await opstream(url, 'doctor')).code, 0);
    assert.equal((await next.terminate(25_000)).code, 0);
  });

  it('runs once on one folder', async () => {
    const folder = newFolder();
    const ups = await Promise.all([startUp(folder), startUp(folder)]);
    const loser = await Promise.race(ups.map(async (one) => ({ one, ending: await one.ended })));
    assert.equal(loser.ending.code, 2);
    assert.match(loser.one.output(), /another opstream \(process \d+\) is running on/);
    const winner = ups.find((one) => one !== loser.one);
    assert.ok(winner);
    await untilUp(winner);
    assert.equal((await winner.terminate(25_000)).code, 0);
  });

  it('says what is wrong with a folder that it cannot use, and leaves no server running', async () => {
    const folder = newFolder();
    mkdirSync(join(folder, 'logs', 'command-handler.log'), { recursive: true });
    const up = await startUp(folder);
    assert.equal((await up.ended).code, 2);
    assert.match(up.output(), /command-handler\.log cannot be written \(EISDIR\); choose another folder/);
    assert.deepEqual(runningOf(folder), []);
  });
});

describe('opstream up --example', () => {
  /** Components of a data folder, as the operating system has them. */
  const componentsOf = (folder: string): readonly number[] =>
    allRecords(componentsFolder(folder, 'opstream'))
      .filter(isRunning)
      .map(({ pid }) => pid);

  for (const { signals, code, what } of [
    { signals: 1, code: 0, what: 'in order' },
    { signals: 2, code: 130, what: 'at once' },
  ]) {
    it(`runs the components of the seed's operator, and ends ${what} with them`, async () => {
      const folder = newFolder();
      const up = await startUp(folder, { arguments: ['--port', '0', '--example'] });
      const url = await untilUp(up);
      assert.deepEqual(componentsOf(folder), []);
      const applied = await opstream(url, 'apply', '-f', join(exampleManifests, 'operator.yaml'), '--wait=30s');
      assert.equal(applied.code, 0, applied.text);
      // Two replicas, and the NATS server that the operator has for itself.
      assert.equal(componentsOf(folder).length, 3);
      // Whoever starts a second one there by mistake disturbs nothing: the table of images is still the first one's.
      const table = (): string => readFileSync(join(folder, 'local-images.json'), 'utf8');
      const before = table();
      const second = await startUp(folder, { arguments: ['--port', '0', '--example'] });
      assert.equal((await second.ended).code, 2);
      assert.match(second.output(), new RegExp(`another opstream \\(process ${up.pid}\\) is running on`));
      assert.equal(table(), before);
      const details = await opstream(url, 'get', '-t', 'operator', '-n', 'adf-operator', '-d');
      assert.match(details.text, /components:\n\s+- name: adf-controller\n[^]*state: Running/);
      assert.match(details.text, /nats:\n\s+location: own\n\s+name: adf-nats\n/);
      up.signal('SIGINT');
      await waitFor(() => /stopping/.test(up.output()), { what: 'the first signal to be seen' });
      if (signals > 1) up.signal('SIGINT');
      assert.deepEqual(await up.ended, { code, signal: null });
      // What was killed a moment ago may still be there.
      const nothing = (): boolean => componentsOf(folder).length === 0 && runningOf(folder).length === 0;
      await waitFor(nothing, { what: 'all to be gone', timeoutMs: 3000 });
      assert.match(up.output(), /stopping, with 3 of the operators' components/);
    });
  }

  it('has the components once after a kill -9 and another up', async () => {
    const folder = newFolder();
    const killed = await startUp(folder, { arguments: ['--port', '0', '--example'] });
    const applied = await opstream(
      await untilUp(killed),
      ...['apply', '-f', join(exampleManifests, 'operator.yaml'), '--wait=30s'],
    );
    assert.equal(applied.code, 0, applied.text);
    const left = componentsOf(folder);
    await killed.kill9();
    assert.deepEqual(componentsOf(folder), left);
    const next = await startUp(folder, { arguments: ['--port', '0', '--example'] });
    await untilUp(next);
    // The stand-in has another address now, so that the replicas are other ones; the operator's NATS server goes on.
    const areOthers = (): boolean => {
      const now = componentsOf(folder);
      return now.length === 3 && now.filter((pid) => left.includes(pid)).length === 1;
    };
    await waitFor(areOthers, { timeoutMs: 20_000, what: 'two new ones in place of the old ones' });
    assert.equal((await next.terminate(25_000)).code, 0);
    assert.deepEqual(componentsOf(folder), []);
  });
});

describe('the port of opstream up', () => {
  it('is refused when it was asked for and is taken', async () => {
    const taken = createServer();
    await new Promise<void>((done) => taken.listen(0, '127.0.0.1', done));
    const address = taken.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    try {
      const up = await startUp(newFolder(), { arguments: ['--port', String(port)] });
      assert.equal((await up.ended).code, 2);
      assert.match(up.output(), new RegExp(`port ${port} of 127\\.0\\.0\\.1 is taken`));
    } finally {
      taken.close();
    }
  });
});

describe('the embedded server', () => {
  it('takes the next free port where that is allowed', async () => {
    const taken = createServer();
    await new Promise<void>((done) => taken.listen(0, '127.0.0.1', done));
    const address = taken.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const binary = process.env['OPSTREAM_NATS_SERVER'] ?? (await findNatsServer());
    const options = { directory: newFolder(), binary, port, syncAlways: false };
    try {
      await assert.rejects(startEmbeddedServer(options), { code: 'CONFIG_INVALID' });
      const server = await startEmbeddedServer({ ...options, nextFreePort: true });
      try {
        assert.ok(server.port > port && server.port < port + 100, `${server.port} after ${port}`);
      } finally {
        await server.stop();
      }
    } finally {
      taken.close();
    }
  });
});

describe('opstream up --nats-url', () => {
  let server: TestServer | undefined;
  after(() => server?.stop());

  it('uses that server under the given prefix, and leaves it running', async () => {
    server = await startNatsServer();
    const folder = newFolder();
    const up = await startUp(folder, { arguments: ['--nats-url', server.url, '--prefix', 'other'] });
    assert.equal(await untilUp(up), server.url);
    assert.match(up.output(), /sub 'other\.live\.>'/);
    assert.equal(runningOf(folder).length, 5);
    assert.equal((await opstream(server.url, 'doctor', '--prefix', 'other')).code, 0);
    assert.equal((await opstream(server.url, 'doctor')).code, 1);
    assert.equal((await up.terminate(25_000)).code, 0);
    assert.deepEqual(runningOf(folder), []);
    assert.equal((await opstream(server.url, 'version', '--server')).code, 0);
  });

  it('says at once that nobody answers there', async () => {
    const up = await startUp(newFolder(), { arguments: ['--nats-url', 'nats://127.0.0.1:1'] });
    assert.equal((await up.ended).code, 4);
    const both = await startUp(newFolder(), { arguments: ['--nats-url', 'nats://127.0.0.1:1', '--port', '0'] });
    assert.equal((await both.ended).code, 2);
  });
});
