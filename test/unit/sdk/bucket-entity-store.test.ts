import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeJson, encodeJson } from '../../../src/core/decode.ts';
import { Fault } from '../../../src/core/fault.ts';
import type { StoredMessage } from '../../../src/engine/ports/streams.ts';
import { silentLog } from '../../../src/program/logger.ts';
import { createBucketEntityStore } from '../../../src/sdk/bucket-entity-store.ts';
import type { EntityStore } from '../../../src/sdk/types.ts';
import { entityAt } from '../../support/entities.ts';
import { arrayFollower, memoryStore, stored, type MemoryStore } from '../../support/memory-ports.ts';

const open = async (store: MemoryStore): Promise<EntityStore> => {
  const messages: StoredMessage[] = [...store.entries.values()]
    .sort((a, b) => a.revision - b.revision)
    .map(({ key, revision, data }) => stored(revision, `$KV.state.${key}`, new TextDecoder().decode(data)));
  const follower =
    messages.length > 0
      ? arrayFollower(messages)
      : { follow: async (options: { onEmpty?(): void }) => options.onEmpty?.() };
  const entities = createBucketEntityStore({ bucket: 'state', store, follower, log: silentLog });
  await entities.open?.(new AbortController().signal);
  return entities;
};

const listed = async (entities: EntityStore): Promise<readonly string[]> => {
  const keys: string[] = [];
  for await (const { key, type } of entities.list()) keys.push(`${key} ${type}`);
  return keys;
};

const keptSequence = (store: MemoryStore, name: string): unknown => {
  const entry = store.entries.get(`entity.public.${name}`);
  return entry === undefined ? undefined : (decodeJson(entry.data) as { entity: { sequence: number } }).entity.sequence;
};

test('the larger sequence stays, and a later process finds it', async () => {
  const store = memoryStore();
  const entities = await open(store);
  assert.equal(await entities.put(entityAt(5)), true);
  assert.equal(await entities.put(entityAt(4)), false);
  assert.equal(await entities.put(entityAt(7)), true);
  const later = await open(store);
  assert.equal((await later.get('public.run-1'))?.sequence, 7);
  assert.deepEqual(await listed(later), ['public.run-1 pipeline-run']);
  assert.equal(await later.put(entityAt(6)), false);
  assert.equal(keptSequence(store, 'run-1'), 7);
});

test('puts that wait together are committed together, also several of one key', async () => {
  const store = memoryStore();
  const entities = await open(store);
  const puts = Array.from({ length: 300 }, (_, index) =>
    entities.put(entityAt(index + 1, { name: `run-${index % 100}` })),
  );
  await Promise.all(puts);
  assert.equal(keptSequence(store, 'run-7'), 208);
  assert.ok(store.commits <= 3, `${store.commits} commits`);
});

test('another writer is noticed: what it wrote later stays, what it wrote earlier is replaced', async () => {
  const store = memoryStore();
  const one = await open(store);
  const two = await open(store);
  await one.put(entityAt(5, { name: 'a' }));
  await one.put(entityAt(5, { name: 'b' }));
  await Promise.all([
    two.put(entityAt(4, { name: 'a' })),
    two.put(entityAt(6, { name: 'b' })),
    two.put(entityAt(1, { name: 'c' })),
  ]);
  assert.deepEqual(
    ['a', 'b', 'c'].map((name) => keptSequence(store, name)),
    [5, 6, 1],
  );
  assert.equal((await two.get('public.a'))?.sequence, 5, 'it learnt the other one');
});

test('a failed commit fails its puts, and a later put works', async () => {
  const store = memoryStore();
  const entities = await open(store);
  store.beforeWrite = () => {
    throw new Fault('JS_UNAVAILABLE', 'away');
  };
  await assert.rejects(entities.put(entityAt(5)), { code: 'JS_UNAVAILABLE' });
  delete store.beforeWrite;
  assert.equal(await entities.put(entityAt(5)), true);
  assert.equal(await entities.get('public.run-1').then((entity) => entity?.sequence), 5);
});

test('delete removes only the sequence it means, and the key can come again', async () => {
  const store = memoryStore();
  const entities = await open(store);
  await entities.put(entityAt(5));
  await entities.delete('public.run-1', 4);
  assert.equal(keptSequence(store, 'run-1'), 5);
  await entities.delete('public.run-1', 5);
  assert.equal(keptSequence(store, 'run-1'), undefined);
  assert.equal(await entities.get('public.run-1'), undefined);
  assert.deepEqual(await listed(entities), []);
  assert.equal(await entities.put(entityAt(9)), true);
  assert.equal(keptSequence(store, 'run-1'), 9);
});

test('a document that cannot be read is passed over until its next command', async () => {
  const store = memoryStore();
  await store.commit([{ key: 'entity.public.run-1', data: encodeJson({ other: true }) }]);
  const entities = await open(store);
  assert.equal(await entities.get('public.run-1'), undefined);
  assert.equal(await entities.put(entityAt(5)), true);
  assert.equal(keptSequence(store, 'run-1'), 5);
});

test('what is put is answered before it is durable, and no more when it cannot be stored', async () => {
  const store = memoryStore();
  const entities = await open(store);
  let announced = 0;
  const put = entities.put(entityAt(5), undefined, () => (announced += 1));
  assert.equal(announced, 1);
  const isKept = keptSequence(store, 'run-1') !== undefined;
  assert.equal((await entities.get('public.run-1'))?.sequence, 5);
  assert.equal(isKept, false);
  assert.equal(await put, true);
  assert.equal(keptSequence(store, 'run-1'), 5);

  store.beforeWrite = () => {
    throw new Fault('JS_UNAVAILABLE', 'away');
  };
  const failed = entities.put(entityAt(6), undefined, () => (announced += 1));
  assert.equal((await entities.get('public.run-1'))?.sequence, 6);
  await assert.rejects(failed);
  assert.equal((await entities.get('public.run-1'))?.sequence, 5);
  assert.equal(announced, 2);
});
