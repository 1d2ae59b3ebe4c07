// What every other integration test relies on: the server it is given, what happens to it when the test process goes, and the guard that
// makes a file fail which leaves a program running.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { connectNats } from '../../src/jetstream/connection.ts';
import { provision } from '../../src/jetstream/provision.ts';
import { silentLog } from '../../src/program/logger.ts';
import { temporaryFolder } from '../support/children.ts';
import { startNatsServer } from '../support/nats-server.ts';
import { leakGuard, root, startProcess } from '../support/processes.ts';
import { waitFor } from '../support/wait-for.ts';

leakGuard();

const support = JSON.stringify(join(root, 'test', 'support'));

const isThere = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

test('the server keeps port and store over a restart and a kill -9, and takes its folder with it when it stops', async () => {
  const server = await startNatsServer({ syncAlways: true });
  const firstPid = server.pid;
  const streamCount = async (isProvisioned: boolean): Promise<number> => {
    const connection = await connectNats({ url: server.url, name: 'test', log: silentLog });
    if (!isProvisioned) await provision(connection, { prefix: 'opstream' });
    const manager = await connection.nc.jetstreamManager();
    const { streams } = await manager.getAccountInfo();
    await connection.close();
    return streams;
  };
  const before = await streamCount(false);
  assert.ok(before > 0);

  await server.restart();
  assert.notEqual(server.pid, firstPid);
  assert.equal(await streamCount(true), before);

  await server.kill9();
  assert.equal(isThere(server.pid), false);
  await server.restart();
  assert.equal(await streamCount(true), before);

  await server.stop();
  assert.equal(isThere(server.pid), false);
  assert.equal(existsSync(dirname(server.storeDir)), false);
});

test('a store that was given stays', async (t) => {
  const folder = temporaryFolder();
  t.after(() => folder.remove());
  const storeDir = join(folder.path, 'kept');
  const server = await startNatsServer({ storeDir });
  await server.stop();
  assert.equal(existsSync(storeDir), true);
});

test('a server that cannot start says why', async () => {
  const starting = startNatsServer({ port: 20_999, configuration: 'nonsense: {' });
  await assert.rejects(starting, /nats-server ended with 1[^]*Parse error/);
});

test('when the test process is killed, its server and its folders go too', async (t) => {
  const folder = temporaryFolder();
  t.after(() => folder.remove());
  const program = join(folder.path, 'starts-a-server.mts');
  writeFileSync(
    program,
    `const { startNatsServer } = await import(${support} + '/nats-server.ts');
     const server = await startNatsServer();
     console.log(JSON.stringify({ msg: 'started', pid: server.pid, storeDir: server.storeDir }));`,
  );
  const owner = startProcess(program, { env: { OPSTREAM_NATS_SERVER: process.env['OPSTREAM_NATS_SERVER'] ?? '' } });
  const { pid, storeDir } = await owner.waitForLine('started');
  assert.equal(isThere(Number(pid)), true);
  await owner.kill9();
  await waitFor(() => !isThere(Number(pid)), { what: 'the server to be ended by the watchdog' });
  await waitFor(() => !existsSync(dirname(String(storeDir))), { what: 'its folder to be removed' });
});

test('a program that ends before its line came fails the wait at once, with what it printed', async (t) => {
  const folder = temporaryFolder();
  t.after(() => folder.remove());
  const program = join(folder.path, 'gives-up.mjs');
  writeFileSync(program, `console.error('no luck'); process.exit(3);`);
  const started = startProcess(program, { name: 'gives-up' });
  await assert.rejects(started.waitForLine('ready'), /line "ready" of gives-up: it ended with \{"code":3[^]*no luck/);
});

test('SIGTERM ends politely; what ignores it is killed and fails the test', async (t) => {
  const folder = temporaryFolder();
  t.after(() => folder.remove());
  const program = join(folder.path, 'stubborn.mjs');
  writeFileSync(
    program,
    `process.on('SIGTERM', () => process.argv[2] === 'polite' && process.exit(7));
     setInterval(() => undefined, 1000);
     console.log(JSON.stringify({ msg: 'ready' }));`,
  );
  const polite = startProcess(program, { arguments: ['polite'] });
  await polite.waitForLine('ready');
  assert.deepEqual(await polite.terminate(), { code: 7, signal: null });
  const stubborn = startProcess(program, { name: 'stubborn' });
  await stubborn.waitForLine((line) => line['msg'] === 'ready');
  await assert.rejects(stubborn.terminate(100), /stubborn to end after SIGTERM: not within 100 ms/);
  assert.deepEqual(await stubborn.ended, { code: null, signal: 'SIGKILL' });
});

test('the guard fails a file that leaves a program running', async (t) => {
  const folder = temporaryFolder();
  t.after(() => folder.remove());
  const file = join(folder.path, 'leaks.test.mts');
  const run = (isStopped: boolean) => {
    writeFileSync(
      file,
      `import { after, test } from 'node:test';
       const { leakGuard, startProcess } = await import(${support} + '/processes.ts');
       leakGuard();
       let child;
       test('starts a program', () => { child = startProcess('-', { name: 'forgotten' }); });
       if (${isStopped}) after(() => child.kill9());`.replace("'-'", JSON.stringify(join(folder.path, 'waits.mjs'))),
    );
    writeFileSync(join(folder.path, 'waits.mjs'), 'setInterval(() => undefined, 1000);');
    const { NODE_TEST_CONTEXT: _, ...env } = process.env;
    return spawnSync(process.execPath, ['--import', import.meta.resolve('tsx'), '--test', file], {
      encoding: 'utf8',
      env,
    });
  };
  const leaking = run(false);
  assert.equal(leaking.status, 1);
  assert.match(leaking.stdout, /left running by this test file: forgotten/);
  assert.equal(run(true).status, 0);
});
