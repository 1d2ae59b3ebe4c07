import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { openViewWriter } from '../../src/engine/projection/view-writer.ts';
import type { Projection } from '../../src/views/projection.ts';
import { silentLog } from '../support/silent-log.ts';
import type { StreamConfig } from 'nats';
import { Fault, isFault } from '../../src/core/fault.ts';
import type { KeyValueEntry } from '../../src/engine/ports/buckets.ts';
import type { Log } from '../../src/engine/ports/log.ts';
import { createCommitPacer, type CommitPacer, type CommitWay } from '../../src/jetstream/commit-pacer.ts';
import { connectNats, type JetStreamConnection } from '../../src/jetstream/connection.ts';
import { createKeyValueStore } from '../../src/jetstream/key-value-store.ts';
import type { SendOptions } from '../../src/jetstream/reply-slots.ts';
import { startNatsServer, type TestServer } from '../support/nats-server.ts';
import { waitFor } from '../support/wait-for.ts';

const silent: Log = { debug() {}, info() {}, warn() {}, error() {}, child: () => silent };
const encoder = new TextEncoder();
const bytes = (text: string): Uint8Array => encoder.encode(text);
const textOf = (entry: KeyValueEntry | undefined): string | undefined =>
  entry === undefined ? undefined : Buffer.from(entry.data).toString();

const always = (way: CommitWay): CommitPacer => ({
  ...createCommitPacer(),
  choose: () => way,
  isTrial: false,
  breakEven: way === 'batch' ? 1 : Number.POSITIVE_INFINITY,
});

const failureOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => undefined,
    (error: unknown) => error,
  );

describe('key-value store on a server', () => {
  let server: TestServer;
  let connection: JetStreamConnection;
  let count = 0;

  const newBucket = async (): Promise<string> => {
    count += 1;
    const bucket = `bucket-${count}`;
    const manager = await connection.nc.jetstreamManager();
    const config = {
      name: `KV_${bucket}`,
      subjects: [`$KV.${bucket}.>`],
      max_msgs_per_subject: 1,
      discard: 'new',
      allow_direct: true,
      allow_atomic: true,
      allow_rollup_hdrs: true,
      deny_delete: true,
    };
    await manager.streams.add(config as Partial<StreamConfig> as StreamConfig);
    return bucket;
  };

  before(async () => {
    server = await startNatsServer();
    connection = await connectNats({ url: server.url, name: 'test', log: silent });
  });
  after(async () => {
    await connection.close();
    await server.stop();
  });

  for (const way of ['single', 'batch'] as const) {
    describe(`${way} by ${way}`, () => {
      const open = async (over: JetStreamConnection = connection) => {
        const bucket = await newBucket();
        return { bucket, store: createKeyValueStore(over, bucket, { pacer: always(way) }) };
      };

      it('keeps out a view writer that was held up while its successor made and deleted a document', async () => {
        const { store } = await open();
        const projection = { stream: 'S', bucket: 'b' } as unknown as Projection;
        const options = { projection, store, log: silentLog };
        await (await openViewWriter(options)).commit([], 1);
        const heldUp = await openViewWriter(options);
        const alsoHeldUp = await openViewWriter(options);
        const successor = await openViewWriter(options);
        const [revision = 0] = await successor.commit([{ key: 'x', data: bytes('1'), expectedRevision: 0 }], 2);
        await successor.commit([{ key: 'x', data: undefined, expectedRevision: revision }], 3);
        const late = { key: 'x', data: bytes('1'), expectedRevision: 0 };
        await assert.rejects(heldUp.commitAlone(late, 2), (error) => isFault(error, 'LEASE_LOST'));
        await assert.rejects(alsoHeldUp.commit([late], 2), (error) => isFault(error, 'LEASE_LOST'));
        assert.equal(await store.get('x'), undefined);
        const [again] = await successor.commitAlone(late, 4);
        assert.ok((again ?? 0) > revision);
      });

      it('creates, replaces, deletes and creates again, with expected revisions', async () => {
        const { store } = await open();
        const [first = 0, other = 0] = await store.commit([
          { key: 'a.b', data: bytes('1'), expectedRevision: 0 },
          { key: 'other', data: bytes('o'), expectedRevision: 0 },
        ]);
        assert.deepEqual(await store.get('a.b'), { key: 'a.b', revision: first, data: Buffer.from('1') });
        const [second = 0] = await store.commit([{ key: 'a.b', data: bytes('2'), expectedRevision: first }]);
        assert.equal(textOf(await store.getLatest('a.b')), '2');
        await store.commit([{ key: 'a.b', data: undefined, expectedRevision: second }]);
        assert.equal(await store.get('a.b'), undefined);
        assert.equal(await store.getLatest('a.b'), undefined);
        const again = await store.commit(
          [
            { key: 'a.b', data: bytes('3'), expectedRevision: 0 },
            { key: 'other', data: bytes('p'), expectedRevision: other },
          ],
          { key: 'checkpoint', data: bytes('c'), expectedRevision: 0 },
        );
        assert.equal(again.length, 3);
        const entries = await store.getMany(['a.b', 'missing', 'checkpoint', 'other']);
        assert.deepEqual(entries.map(textOf), ['3', undefined, 'c', 'p']);
        assert.deepEqual([entries[0]?.revision, entries[3]?.revision, entries[2]?.revision], again);
      });

      it('refuses a revision that is not the last, and then leaves the last write out', async () => {
        const { store } = await open();
        await store.commit([{ key: 'k', data: bytes('1') }]);
        const failure = await failureOf(
          store.commit(
            [
              { key: 'x', data: bytes('x'), expectedRevision: 0 },
              { key: 'k', data: bytes('2'), expectedRevision: 0 },
            ],
            { key: 'checkpoint', data: bytes('c'), expectedRevision: 0 },
          ),
        );
        assert.ok(isFault(failure, 'JS_CONFLICT'));
        assert.equal(textOf(await store.get('k')), '1');
        assert.equal(await store.get('checkpoint'), undefined);
      });

      it('commits thousands, reads them all, and keeps their order', async () => {
        const { store } = await open();
        const keys = Array.from({ length: 2500 }, (_, index) => `entity.ws.n${index}`);
        const writes = keys.map((key) => ({ key, data: bytes(key), expectedRevision: 0 }));
        const revisions = await store.commit(writes, { key: 'checkpoint', data: bytes('c'), expectedRevision: 0 });
        assert.equal(revisions.length, 2501);
        assert.equal(Math.max(...revisions), revisions[2500]);
        assert.deepEqual(
          revisions,
          [...revisions].sort((a, b) => a - b),
        );
        const entries = await store.getMany([...keys, 'none']);
        assert.deepEqual(entries.map(textOf), [...keys, undefined]);
        assert.deepEqual(
          entries.slice(0, 2500).map((entry) => entry?.revision),
          revisions.slice(0, 2500),
        );
      });

      it('recognises its own writes after answers were lost, and not those of another', async () => {
        let losses = 0;
        const lossy = (limit: number) => {
          losses = 0;
          const send = (subject: string, body: Uint8Array, options: SendOptions): void => {
            if (!subject.startsWith('$KV.') || (losses += 1) > limit)
              return connection.slots.send(subject, body, options);
            const lose = (): void => options.onFault(new Fault('NATS_TIMEOUT', 'lost'));
            connection.slots.send(subject, body, { ...options, onReply: lose });
          };
          return Object.create(connection, { slots: { value: { ...connection.slots, send } } }) as JetStreamConnection;
        };
        const { bucket, store } = await open(lossy(4));
        const keys = ['a', 'b', 'c'];
        const writes = keys.map((key) => ({ key, data: bytes(key), expectedRevision: 0 }));
        const revisions = await store.commit(writes, { key: 'checkpoint', data: bytes('1'), expectedRevision: 0 });
        assert.ok(losses > 4);
        assert.deepEqual(revisions, [1, 2, 3, 4]);
        const other = createKeyValueStore(connection, bucket);
        await other.commit([{ key: 'a', data: bytes('other'), expectedRevision: revisions[0] ?? 0 }]);
        const late = createKeyValueStore(lossy(1), bucket, { pacer: always(way) });
        const failure = await failureOf(
          late.commit([{ key: 'a', data: bytes('mine'), expectedRevision: revisions[0] ?? 0 }]),
        );
        assert.ok(isFault(failure, 'JS_CONFLICT'));
        assert.equal(textOf(await other.get('a')), 'other');
      });

      it('goes on over kill -9', async () => {
        const { store } = await open();
        let rounds = 0;
        const work = (async () => {
          let revision = 0;
          const revisions = new Map<string, number>();
          for (let round = 0; round < 60; round += 1) {
            const keys = Array.from({ length: 40 }, (_, index) => `k${index}`);
            const writes = keys.map((key) => ({
              key,
              data: bytes(`${key}-${round}`),
              expectedRevision: revisions.get(key) ?? 0,
            }));
            const last = { key: 'checkpoint', data: bytes(String(round)), expectedRevision: revision };
            const stored = await store.commit(writes, last);
            for (const [index, key] of keys.entries()) revisions.set(key, stored[index] ?? 0);
            revision = stored[40] ?? 0;
            rounds = round;
          }
        })();
        await waitFor(() => rounds > 15, { what: 'some rounds', intervalMs: 1 });
        await server.kill9();
        await server.restart();
        await work;
        assert.equal(textOf(await store.get('checkpoint')), '59');
        assert.equal(textOf(await store.get('k39')), 'k39-59');
      });
    });
  }

  it('refuses keys that would be protocol', async () => {
    const store = createKeyValueStore(connection, await newBucket());
    for (const key of ['', 'a b', 'a\r\nb', 'a.*', '>', 'ä']) {
      await assert.rejects(store.get(key));
      await assert.rejects(store.commit([{ key, data: bytes('x') }]));
    }
    assert.throws(() => createKeyValueStore(connection, 'no.bucket'));
  });

  it('takes empty values for values', async () => {
    const store = createKeyValueStore(connection, await newBucket());
    const [revision = 0] = await store.commit([{ key: 'empty', data: new Uint8Array() }]);
    assert.equal((await store.get('empty'))?.revision, revision);
    assert.equal((await store.getLatest('empty'))?.revision, revision);
  });

  it('has nothing to do for an empty commit', async () => {
    const store = createKeyValueStore(connection, await newBucket());
    assert.deepEqual(await store.commit([]), []);
    assert.deepEqual(await store.getMany([]), []);
  });
});
