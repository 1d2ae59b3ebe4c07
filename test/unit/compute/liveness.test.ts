// What counts as a failed check: 5xx and silence after a first answer; not a server that knows no such path.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { it } from 'node:test';
import { createLiveness } from '../../../src/compute/liveness.ts';
import { waitFor } from '../../support/wait-for.ts';

it('counts failed checks in a row', async () => {
  let status: number | undefined = 404;
  let asked = 0;
  const server = createServer((_request, response) => {
    asked += 1;
    if (status !== undefined) response.writeHead(status).end();
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const liveness = createLiveness(30);
  const { port: metricPort } = server.address() as AddressInfo;
  const look = () => liveness.of({ id: 'a', startedMs: 1, metricPort });
  const until = (what: string, isSo: () => boolean) => waitFor(() => isSo() || undefined, { what, intervalMs: 5 });
  try {
    await until('some checks', () => look() === 0 && asked >= 3);
    status = 503;
    await until('three failures', () => look() >= 3);
    status = 200;
    await until('none', () => look() === 0);
    status = undefined;
    await until('three silences', () => look() >= 3);
    assert.equal(liveness.of({ id: 'b', startedMs: 1, metricPort: undefined }), 0);
  } finally {
    server.closeAllConnections();
    server.close();
  }
});
