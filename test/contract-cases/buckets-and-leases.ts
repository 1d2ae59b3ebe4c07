// What every bucket and every keeper of leases does, on a server as in memory.

import assert from 'node:assert/strict';
import type { KeyValueStore } from '../../src/engine/ports/buckets.ts';
import type { Lease, LeaseKeeper } from '../../src/engine/ports/leases.ts';
import { bytes, refused, textOf, type ContractCase } from './world.ts';

const valueOf = async (store: KeyValueStore, key: string): Promise<string | undefined> => {
  const entry = await store.get(key);
  return entry === undefined ? undefined : textOf(entry.data);
};

const never = new AbortController().signal;
const TTL_MS = 2000;

const acquire = (keeper: LeaseKeeper, name: string, holder: string, signal = never): Promise<Lease | undefined> =>
  keeper.acquire(name, { ttlMs: TTL_MS, holder, signal });

let leases = 0;
const newName = (): string => `contract-${(leases += 1)}`;

export const bucketCases: readonly ContractCase[] = [
  {
    name: 'writes give growing revisions, and what is read is what was written',
    run: async ({ ports, newBucket }) => {
      const store = ports.bucket(await newBucket());
      const [one = 0, two = 0] = await store.commit([
        { key: 'a', data: bytes('1'), expectedRevision: 0 },
        { key: 'b', data: bytes('2'), expectedRevision: 0 },
      ]);
      assert.ok(two > one);
      const entries = await store.getMany(['b', 'none', 'a']);
      assert.deepEqual(
        entries.map((entry) => entry && [entry.key, textOf(entry.data), entry.revision]),
        [['b', '2', two], undefined, ['a', '1', one]],
      );
    },
  },
  {
    name: 'a write is refused when its key is not at the revision that it expects',
    run: async ({ ports, other, newBucket }) => {
      const bucket = await newBucket();
      const [first = 0] = await ports.bucket(bucket).commit([{ key: 'a', data: bytes('1'), expectedRevision: 0 }]);
      await refused(other.bucket(bucket).commit([{ key: 'a', data: bytes('2'), expectedRevision: 0 }]), 'JS_CONFLICT');
      await other.bucket(bucket).commit([{ key: 'a', data: bytes('3'), expectedRevision: first }]);
      await refused(
        ports.bucket(bucket).commit([{ key: 'a', data: bytes('4'), expectedRevision: first }]),
        'JS_CONFLICT',
      );
      assert.equal(await valueOf(ports.bucket(bucket), 'a'), '3');
    },
  },
  {
    name: 'a deleted key is none, can be written again, and is still among the keys',
    run: async ({ ports, newBucket }) => {
      const store = ports.bucket(await newBucket());
      const [first = 0] = await store.commit([{ key: 'x.a', data: bytes('1'), expectedRevision: 0 }]);
      await store.commit([{ key: 'x.a', data: undefined, expectedRevision: first }]);
      assert.equal(await store.get('x.a'), undefined);
      assert.deepEqual(await store.keys('x.>', 10), ['x.a']);
      assert.equal(await store.keys('x.>', 0), undefined);
      await store.commit([{ key: 'x.a', data: bytes('2'), expectedRevision: 0 }]);
      assert.equal(await valueOf(store, 'x.a'), '2');
    },
  },
  {
    name: 'a marker of a later revision than a write knows of is a conflict',
    run: async ({ ports, newBucket }) => {
      const store = ports.bucket(await newBucket());
      const [first = 0] = await store.commit([{ key: 'a', data: bytes('1'), expectedRevision: 0 }]);
      const [marker = 0] = await store.commit([{ key: 'a', data: undefined, expectedRevision: first }]);
      const write = { key: 'a', data: bytes('2'), expectedRevision: 0 };
      await refused(store.commit([{ ...write, markersUpTo: marker - 1 }]), 'JS_CONFLICT');
      await store.commit([{ ...write, markersUpTo: marker }]);
      assert.equal(await valueOf(store, 'a'), '2');
    },
  },
  {
    name: 'the last write of a commit is behind the others, and a whole commit is all or nothing',
    run: async ({ ports, newBucket }) => {
      const store = ports.bucket(await newBucket());
      const writes = Array.from({ length: 20 }, (_, index) => ({ key: `k.${index}`, data: bytes(`${index}`) }));
      const revisions = await store.commit(writes, { key: 'position', data: bytes('20') });
      assert.equal(revisions.length, 21);
      assert.equal(Math.max(...revisions), revisions.at(-1));
      await refused(
        store.commitWhole([
          { key: 'k.0', data: bytes('changed') },
          { key: 'k.1', data: bytes('changed'), expectedRevision: 0 },
        ]),
        'JS_CONFLICT',
      );
      assert.equal(await valueOf(store, 'k.0'), '0');
      await store.commitWhole([
        { key: 'k.0', data: bytes('changed') },
        { key: 'k.1', data: bytes('changed') },
      ]);
      assert.equal(await valueOf(store, 'k.1'), 'changed');
    },
  },
  {
    name: 'a write that names no revision is told from those that do',
    run: async ({ ports, newBucket }) => {
      const store = ports.bucket(await newBucket());
      await store.commit([{ key: 'a', data: bytes('1') }]);
      await store.commit([{ key: 'b', data: bytes('1'), expectedRevision: 0 }]);
      assert.equal((await store.get('a'))?.isUnchecked, true);
      assert.equal((await store.get('b'))?.isUnchecked, undefined);
    },
  },
];

export const leaseCases: readonly ContractCase[] = [
  {
    name: 'one holds a lease, the next gets it when it is released, with a larger token',
    run: async ({ ports, other, leaseBucket, until }) => {
      const name = newName();
      const first = await acquire(ports.leases(leaseBucket), name, 'first');
      assert.ok(first !== undefined);
      const got: Lease[] = [];
      const waiting = acquire(other.leases(leaseBucket), name, 'second').then((lease) => {
        if (lease !== undefined) got.push(lease);
      });
      const record = await until(() => ports.bucket(leaseBucket).get(name), 'the record');
      assert.equal((JSON.parse(textOf(record.data)) as { readonly holder: string }).holder, 'first');
      assert.equal(got.length, 0);
      await first.release();
      const second = await until(() => got[0], 'the next holder');
      await waiting;
      assert.ok(second.token > first.token);
      assert.equal(first.lost.aborted, false);
      await second.release();
    },
  },
  {
    name: 'a lease is held for longer than its time to live',
    run: async ({ ports, leaseBucket, pass }) => {
      const lease = await acquire(ports.leases(leaseBucket), newName(), 'first');
      await pass(TTL_MS * 2);
      assert.equal(lease?.lost.aborted, false);
      await lease?.release();
    },
  },
  {
    name: 'a lease that somebody else has taken is lost',
    run: async ({ ports, other, leaseBucket, until }) => {
      const name = newName();
      const lease = await acquire(ports.leases(leaseBucket), name, 'first');
      await other.bucket(leaseBucket).commit([{ key: name, data: undefined }]);
      await until(() => lease?.lost.aborted, 'the loss');
    },
  },
  {
    name: 'nobody waits for a lease whose signal has aborted',
    run: async ({ ports, other, leaseBucket }) => {
      const name = newName();
      const lease = await acquire(ports.leases(leaseBucket), name, 'first');
      const stopping = new AbortController();
      const waiting = acquire(other.leases(leaseBucket), name, 'second', stopping.signal);
      stopping.abort();
      assert.equal(await waiting, undefined);
      await lease?.release();
    },
  },
];
