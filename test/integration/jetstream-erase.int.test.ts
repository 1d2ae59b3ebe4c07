// Erasing a message: gone from the stream, and written over on the disk, which an ordinary deletion does not do.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { connectNats, type JetStreamConnection } from '../../src/jetstream/connection.ts';
import { createEraser } from '../../src/jetstream/erase-message.ts';
import { api } from '../support/jetstream.ts';
import { startNatsServer, type TestServer } from '../support/nats-server.ts';
import { leakGuard } from '../support/processes.ts';
import { silentLog } from '../support/silent-log.ts';

leakGuard();

let server: TestServer;
let connection: JetStreamConnection;
before(async () => {
  server = await startNatsServer();
  connection = await connectNats({ url: server.url, name: 'test', log: silentLog });
  await api(connection, 'STREAM.CREATE.KEPT', {
    name: 'KEPT',
    subjects: ['kept'],
    retention: 'workqueue',
    storage: 'file',
  });
  for (const text of ['first', 'deleted-but-on-disk', 'erased-from-the-disk', 'last'])
    await connection.slots.request('kept', new TextEncoder().encode(text), { timeoutMs: 5000 });
});
after(async () => {
  await connection.close();
  await server.stop();
});

const isOnDisk = (text: string): boolean =>
  readdirSync(server.storeDir, { recursive: true, encoding: 'utf8' })
    .map((name) => join(server.storeDir, name))
    .some((file) => statSync(file).isFile() && readFileSync(file).includes(text));

describe('an erased message', () => {
  it('is gone from stream and disk, and erasing it again is no fault', async () => {
    const erase = createEraser(connection, 'KEPT');
    await erase(3);
    await erase(3);
    await erase(99);
    await api(connection, 'STREAM.MSG.DELETE.KEPT', { seq: 2, no_erase: true });
    const { state } = (await api(connection, 'STREAM.INFO.KEPT')) as unknown as { state: { messages: number } };
    assert.equal(state.messages, 2);
    // What shows that the search sees the block at all.
    assert.ok(isOnDisk('first') && isOnDisk('deleted-but-on-disk'));
    assert.ok(!isOnDisk('erased-from-the-disk'));
  });

  it('of a stream that is not there is a fault', async () => {
    await assert.rejects(createEraser(connection, 'NOBODYS')(1), { name: 'Fault' });
  });
});
