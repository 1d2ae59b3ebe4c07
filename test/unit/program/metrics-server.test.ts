import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:net';
import type { AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import { serveMetrics, type MetricsServer } from '../../../src/program/metrics-server.ts';
import { waitFor } from '../../support/wait-for.ts';
import type { Log } from '../../../src/engine/ports/log.ts';

const open = async (
  port = 0,
  missing: () => readonly string[] = () => [],
): Promise<{ readonly server: MetricsServer; readonly logged: string[] }> => {
  const logged: string[] = [];
  const write = (level: string) => (_fields: unknown, message: string) => void logged.push(`${level} ${message}`);
  const log: Log = {
    ...{ debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') },
    child: () => log,
  };
  const metrics = { contentType: 'text/plain; version=0.0.4', expose: async () => 'up 1\n' };
  const server = await serveMetrics({ port, log, metrics, missing, againAfterMs: 20 });
  return { server, logged };
};

const get = async (port: number | undefined, path: string, init?: RequestInit) => {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, init);
  return { status: response.status, text: await response.text(), type: response.headers.get('content-type') };
};

const close = (server: Server): Promise<void> => new Promise((resolve) => server.close(() => resolve()));

describe('the metrics port', () => {
  it('serves metrics and says what is missing', async () => {
    let missing: readonly string[] = ['the connection to NATS is down', 'no lease'];
    const { server } = await open(0, () => missing);
    assert.deepEqual(await get(server.port, '/metrics'), {
      status: 200,
      text: 'up 1\n',
      type: 'text/plain; version=0.0.4',
    });
    assert.equal((await get(server.port, '/healthz?x=1')).status, 200);
    const notReady = await get(server.port, '/readyz');
    assert.equal(notReady.status, 503);
    assert.equal(notReady.text, 'the connection to NATS is down\nno lease\n');
    missing = [];
    assert.equal((await get(server.port, '/readyz')).status, 200);
    assert.equal((await get(server.port, '/')).status, 404);
    assert.equal((await get(server.port, '/metrics', { method: 'POST', body: 'x' })).status, 405);
    server.stop();
    await assert.rejects(fetch(`http://127.0.0.1:${server.port ?? 1}/healthz`));
  });

  it('that is taken is warned about once, and taken as soon as it is free', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, resolve));
    const { port } = other.address() as AddressInfo;
    const { server, logged } = await open(port);
    assert.equal(server.port, undefined);
    assert.deepEqual(logged, ['warn metrics are not served']);
    await close(other);
    await waitFor(() => server.port, { what: 'the port' });
    assert.equal((await get(port, '/healthz')).status, 200);
    assert.deepEqual(logged, ['warn metrics are not served', 'info metrics served']);
    server.stop();
  });
});
