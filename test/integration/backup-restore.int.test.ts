// `opstream backup` and `opstream restore` on real servers: what an instance has stored under compression comes back uncompressed, message by
// message as it was, and whatever is not so is told.

import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import { headers } from 'nats';
import { ensureChannelStream, ensureStream, provision } from '../../src/jetstream/provision.ts';
import { readStreamDefinitions } from '../../src/jetstream/stream-definitions.ts';
import { createServiceHost } from '../../src/jetstream/service-host.ts';
import { namesFor } from '../../src/messages/subjects.ts';
import { leakGuard, temporaryFolder } from '../support/children.ts';
import { api, bytes, configOf, consumersOf, fill, openConnection, type Opened } from '../support/jetstream.ts';
import { startNatsServer, type TestServer } from '../support/nats-server.ts';
import { opstreamAt } from '../support/opstream-at.ts';
import { silentLog } from '../support/silent-log.ts';
import { waitFor } from '../support/wait-for.ts';

leakGuard();

const names = namesFor('opstream');
const EVENTS = names.streams.events;
/** Of its size, the only file whose blocks are full: only full blocks are compressed. */
const COUNT = 9000;
const folder = temporaryFolder();
let [server, target]: (TestServer | undefined)[] = [];
const opened: Opened[] = [];

const serverOf = (one: TestServer | undefined): TestServer => {
  assert.ok(one !== undefined);
  return one;
};
const open = async (which: TestServer | undefined) => {
  const one = await openConnection(serverOf(which));
  opened.push(one);
  return one.connection;
};
/** How the files of a stream's messages begin. */
const blocksOf = (which: TestServer | undefined, stream: string): readonly string[] => {
  const blocks = join(serverOf(which).storeDir, 'jetstream', '$G', 'streams', stream, 'msgs');
  return readdirSync(blocks)
    .filter((name) => name.endsWith('.blk'))
    .map((name) => readFileSync(join(blocks, name)).subarray(0, 3).toString('latin1'));
};

before(async () => {
  server = await startNatsServer();
  target = await startNatsServer();
  const connection = await open(server);
  for (const definition of readStreamDefinitions({ prefix: 'opstream' }))
    await ensureStream(connection, definition.name === EVENTS ? { ...definition, compression: 's2' } : definition);
  await fill(connection, { subject: 'opstream.event.01.resource.public.a', count: COUNT, size: 2000 });
  const withHeaders = headers();
  withHeaders.append('Nats-Msg-Id', 'one');
  withHeaders.append('Several', 'a');
  withHeaders.append('Several', 'b');
  await connection.slots.request('opstream.outcome.c1', bytes('{}'), { headers: withHeaders });
  for (const key of ['a', 'b', 'a']) await connection.slots.request(`$KV.opstream-entities.${key}`, bytes('{}'));
  await ensureChannelStream(connection, { prefix: 'opstream', stream: 'CHAN', subjects: ['chan.op'] });
  await connection.slots.request('chan.op', bytes('{"a":1}'));
  await api(connection, 'CONSUMER.DURABLE.CREATE.CHAN.worker', {
    stream_name: 'CHAN',
    config: { durable_name: 'worker', ack_policy: 'explicit' },
  });
  await ensureStream(connection, { name: 'THEIRS', subjects: ['theirs.>'] });
});
afterEach(async () => {
  for (const one of opened.splice(0)) await one.connection.close();
});
after(async () => {
  await server?.stop();
  await target?.stop();
  folder.remove();
});

describe('backup and restore', () => {
  const backup = join(folder.path, 'backup');
  const at = (which: TestServer | undefined, ...argv: readonly string[]) => opstreamAt(serverOf(which).url, ...argv);

  it('takes no backup while a process of the instance runs', async () => {
    const connection = await open(server);
    const service = await createServiceHost(connection, silentLog).serve({
      ...{ name: names.services.projector, version: '1.0.0', description: 'x', endpoints: [] },
      stats: async () => ({}),
      onRequest: () => undefined,
    });
    const { code, err } = await at(server, 'backup', backup);
    assert.equal(code, 2);
    assert.match(err, /opstream-projector still runs; stop the processes/);
    assert.equal(existsSync(backup), false);
    await service.stop();
  });

  it("writes all that is the instance's, for its owner only, and changes nothing", async () => {
    const lease = headers();
    lease.set('Nats-TTL', '5s');
    await (await open(server)).slots.request('$KV.opstream-leases.gone', bytes('{}'), { headers: lease });
    const { code, out, err } = await at(server, 'backup', backup);
    assert.equal(code, 0, err);
    assert.match(out, new RegExp(`^${EVENTS}: ${COUNT} messages$`, 'm'));
    assert.match(out, /^CHAN: 1 messages$/m);
    assert.doesNotMatch(out, /THEIRS/);
    assert.equal(statSync(join(backup, `${EVENTS}.snapshot`)).mode & 0o777, 0o600);
    const again = await at(server, 'backup', backup);
    assert.equal(again.code, 2);
    assert.match(again.err, /is not empty; name a new folder/);
  });

  it('restores it to another server, uncompressed, and says so of every message', async () => {
    assert.ok(blocksOf(server, EVENTS).includes('cmp'));
    const origin = await open(server);
    const leases = async () =>
      (await api(origin, 'STREAM.INFO.KV_opstream-leases')) as { readonly state: { readonly messages: number } };
    await waitFor(async () => (await leases()).state.messages === 0, { what: 'the end of the lease' });
    const { code, out, err } = await at(target, 'restore', backup);
    assert.equal(code, 0, out + err);
    assert.match(out, new RegExp(`^${EVENTS}: ${COUNT} messages read, equal$`, 'm'));
    assert.match(out, /^KV_opstream-leases: 0 messages read, equal, 1 expired since$/m);
    assert.match(err, /every message read and equal/);
    const blocks = blocksOf(target, EVENTS);
    assert.ok(blocks.length > 1 && !blocks.includes('cmp'), blocks.join());
    const connection = await open(target);
    assert.deepEqual(await consumersOf(connection, 'CHAN'), ['worker']);
    // Provisioning finds what it would have made, replicas included.
    await provision(connection, { prefix: 'opstream' });
    assert.equal((await configOf(connection, EVENTS))['compression'] ?? 'none', 'none');
  });

  it('leaves what is there and equal, and tells of each message that is not', async () => {
    const again = await at(target, 'restore', backup);
    assert.equal(again.code, 0, again.err);
    assert.match(again.out, /^CHAN: 1 messages read, equal \(it was there already\)$/m);
    const connection = await open(target);
    await api(connection, 'STREAM.MSG.DELETE.CHAN', { seq: 1, no_erase: true });
    await connection.slots.request('chan.op', bytes('{"a":2}'));
    const { code, err } = await at(target, 'restore', backup);
    assert.equal(code, 1);
    assert.match(err, /CHAN is there already and 2 messages differ; delete it \(nats stream rm CHAN\)/);
    assert.match(err, /message 1 is missing\n {2}message 2 was not there before/);
    await api(connection, 'STREAM.DELETE.CHAN');
    assert.equal((await at(target, 'restore', backup)).code, 0);
  });

  it('does not take the compressed original for the restored stream', async () => {
    const connection = await open(server);
    // As provisioning leaves it: to be stored uncompressed from now on, with the old blocks still there.
    await provision(connection, { prefix: 'opstream' });
    const { code, err } = await at(server, 'restore', backup);
    assert.equal(code, 1);
    assert.match(
      err,
      new RegExp(`${EVENTS} is there already and is the stream that was backed up, compressed as it was`),
    );
    await api(connection, `STREAM.DELETE.${EVENTS}`);
    const { code: second, out } = await at(server, 'restore', backup);
    assert.equal(second, 0, out);
    assert.ok(!blocksOf(server, EVENTS).includes('cmp'));
    assert.equal(
      ((await configOf(connection, EVENTS))['metadata'] as Record<string, string>)['opstream.compressed'],
      undefined,
    );
  });

  it('refuses what is no backup, or only a part of one', async () => {
    for (const [argv, code, text] of [
      [['restore'], 2, /DIR is missing/],
      [['backup'], 2, /DIR is missing/],
      [['restore', folder.path], 2, /holds no backup \(no backup.json\)/],
      [['restore', backup, '--replicas', '7'], 2, /--replicas: expected 1, 2, 3, 4, 5; found "7"/],
      [['restore', backup, '--prefix', 'team-a'], 2, /the backup is of the instance opstream, found --prefix team-a/],
      [['backup', join(folder.path, 'other'), '--prefix', 'team-a'], 1, /no stream of team-a is there/],
    ] as const) {
      const result = await at(target, ...argv);
      assert.equal(result.code, code, result.err);
      assert.match(result.err, text);
    }
    const connection = await open(target);
    await api(connection, 'STREAM.DELETE.CHAN');
    writeFileSync(join(backup, 'CHAN.snapshot'), 'nothing that a server wrote');
    const { code, err } = await at(target, 'restore', backup);
    assert.equal(code, 1);
    assert.match(err, /restoring stream CHAN: /);
  });
});
