// The first start of an instance on a server that cannot serve it yet: processes wait, say what they wait for, and begin by themselves.

import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { leakGuard, startProcess, type TestProcess } from '../support/processes.ts';
import { startNatsServer, type TestServer } from '../support/nats-server.ts';
import { programs } from '../support/running-instance.ts';

leakGuard();

let server: TestServer | undefined;
let processes: readonly TestProcess[] = [];
after(async () => {
  await Promise.all(processes.map((one) => one.kill9()));
  await server?.stop();
});

describe('the first start', () => {
  const endings: string[] = [];
  const configuration = { text: 'jetstream: disabled' };

  it('waits for JetStream and says so, in the log and at /readyz', async () => {
    server = await startNatsServer({
      get configuration() {
        return configuration.text;
      },
    });
    const env = { OPSTREAM_NATS_URL: server.url, METRIC_PORT: '0' };
    processes = programs.map((name) => startProcess(`src/processes/${name}.ts`, { name, env }));
    for (const one of processes) void one.ended.then(({ code }) => endings.push(`${one.name} ended with ${code}`));
    for (const one of processes) {
      const line = await one.waitForLine('waiting, and trying again', { timeoutMs: 30_000 });
      assert.equal(line['what'], 'the streams');
      const { port } = await one.waitForLine(({ port: open }) => typeof open === 'number');
      const ready = await fetch(`http://127.0.0.1:${String(port)}/readyz`);
      assert.equal(ready.status, 503);
      assert.match(await ready.text(), /it waits for the streams: /);
    }
    assert.deepEqual(endings, []);
  });

  it('ends at once, and well, when a process that waits is asked to stop', async () => {
    const [first, ...others] = processes;
    assert.ok(first !== undefined);
    assert.deepEqual(await first.terminate(), { code: 0, signal: null });
    processes = others;
    endings.splice(0);
  });

  it('goes on by itself when JetStream is there', async () => {
    configuration.text = '';
    await server?.restart();
    for (const one of processes) await one.waitForLine('waited for is there', { timeoutMs: 30_000 });
    const responder = processes.find(({ name }) => name === 'query-responder');
    await responder?.waitForLine('ready', { timeoutMs: 30_000 });
    assert.deepEqual(endings, []);
  });
});
