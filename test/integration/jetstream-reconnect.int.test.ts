// How a connection comes back when the first attempts go wrong: a server that takes the connection and says nothing, or that goes away in the
// middle of the greeting.

import assert from 'node:assert/strict';
import { createServer, connect, type Server, type Socket } from 'node:net';
import { after, before, test } from 'node:test';
import { connectNats } from '../../src/jetstream/connection.ts';
import { startNatsServer, type TestServer } from '../support/nats-server.ts';
import { silentLog } from '../support/silent-log.ts';
import { waitFor } from '../support/wait-for.ts';

type Way = 'pass' | 'silent' | 'cut';

let server: TestServer;
let door: Server;
let port = 0;
let way: Way = 'pass';
/** Connections that were taken while the door did not let them through. */
let turnedAway = 0;
const open = new Set<Socket>();

const enter = (socket: Socket): void => {
  open.add(socket);
  socket.on('error', () => undefined).once('close', () => open.delete(socket));
  if (way !== 'pass') turnedAway += 1;
  if (way === 'silent') return;
  const inner = connect(server.port, '127.0.0.1');
  inner.on('error', () => socket.destroy());
  if (way === 'cut') {
    // The greeting of the server, and the end instead of an answer to it.
    inner.once('data', (greeting) => socket.write(greeting));
    socket.once('data', () => socket.destroy());
    socket.once('close', () => inner.destroy());
    return;
  }
  inner.pipe(socket).pipe(inner);
  socket.once('close', () => inner.destroy());
  inner.once('close', () => socket.destroy());
};

before(async () => {
  server = await startNatsServer();
  door = createServer(enter);
  await new Promise<void>((resolve) => door.listen(0, '127.0.0.1', resolve));
  const address = door.address();
  assert.ok(typeof address === 'object' && address !== null);
  port = address.port;
});

after(async () => {
  for (const socket of open) socket.destroy();
  door.close();
  await server.stop();
});

for (const wrong of ['silent', 'cut'] as const) {
  test(`a connection comes back soon after attempts that go wrong (${wrong})`, async () => {
    way = 'pass';
    const connection = await connectNats({ url: `nats://127.0.0.1:${port}`, name: 'test', log: silentLog });
    way = wrong;
    const before = turnedAway;
    for (const socket of open) socket.destroy();
    await waitFor(() => turnedAway > before, { what: 'an attempt that goes wrong' });
    way = 'pass';
    await waitFor(() => connection.reconnects > 0 && connection.isUp, { what: 'the connection', timeoutMs: 15_000 });
    await connection.close();
  });
}
