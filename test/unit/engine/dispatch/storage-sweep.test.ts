// The sweep of a deleted operator's streams and buckets, on a driven clock: it removes what is empty, ours and unused, and nothing else.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Fault } from '../../../../src/core/fault.ts';
import { storageKey, storageOf } from '../../../../src/engine/history/operator-storage.ts';
import type { GoneOperator } from '../../../../src/engine/history/operator-directory.ts';
import type { StorageFacts, StorageRef } from '../../../../src/engine/ports/storage.ts';
import { createStorageSweep } from '../../../../src/engine/dispatch/storage-sweep.ts';
import type { OperatorDocument } from '../../../../src/messages/queries.ts';
import { drivenClock } from '../../../../src/testing/driven-clock.ts';
import { operatorManifest } from '../../../support/fixtures.ts';
import { operatorNamed } from '../../../support/manifests.ts';
import { silentLog } from '../../../support/silent-log.ts';

const documentOf = (name: string): OperatorDocument => ({
  ...{
    name,
    uid: `uid-${name}`,
    generation: 1,
    createdAt: '',
    updatedAt: '',
    createdBy: '',
    updatedBy: '',
    sequence: 1,
  },
  manifest: operatorNamed(name) as never,
});
const goneOf = (name: string): GoneOperator => {
  const last = documentOf(name);
  return { last, storage: storageOf(last, 'opstream'), leases: ['component-x'] };
};
const free: StorageFacts = { isOurs: true, subjects: [], messages: 0, isEmpty: true, isUsed: false };
const STREAM = 'stream op-channel';
const BUCKET = 'bucket opstream-state-op-adf-controller';

const start = (there: Readonly<Record<string, Partial<StorageFacts> | Fault>>) => {
  const stop = new AbortController();
  const clock = drivenClock();
  const world = {
    ...{ there: new Map(Object.entries(there)), all: [] as OperatorDocument[], gone: [goneOf('op')] },
    ...{ removed: [] as string[], leases: new Set<string>(), instances: 'none' as 'none' | 'some' | 'unknown' },
    ...{ onRefresh: (): void => undefined, lostAnswers: 0 },
  };
  const sweep = createStorageSweep({
    ...{ prefix: 'opstream', clock, log: silentLog, signal: stop.signal },
    directory: { all: () => world.all, gone: () => world.gone },
    leases: { get: async (key) => (world.leases.has(key) ? { key, revision: 1, data: new Uint8Array() } : undefined) },
    instancesOf: () => world.instances,
    hasOwnServer: () => false,
    refresh: async () => world.onRefresh(),
    storage: {
      look: async (ref: StorageRef) => {
        const facts = world.there.get(storageKey(ref));
        if (facts instanceof Fault) throw facts;
        return facts === undefined ? undefined : { ...free, ...facts };
      },
      remove: async (ref: StorageRef) => {
        world.removed.push(storageKey(ref));
        world.there.delete(storageKey(ref));
        if (world.lostAnswers-- > 0) throw new Fault('NATS_TIMEOUT', 'no answer');
      },
    },
  });
  const running = sweep.run();
  return {
    ...{ world, clock, sweep },
    end: async (): Promise<void> => {
      stop.abort();
      await clock.advance(1);
      await running;
    },
  };
};

const MINUTE_MS = 60_000;

describe('the sweep of what a deleted operator has on the NATS server', () => {
  it('removes its empty stream and bucket, once', async () => {
    const { world, clock, end } = start({ [STREAM]: { subjects: ['op.dataset', 'op.pipeline-run'] }, [BUCKET]: {} });
    await clock.advance(MINUTE_MS);
    assert.deepEqual(world.removed, [STREAM, BUCKET]);
    await end();
  });

  it('takes a removal whose answer was lost for done when it looks again', async () => {
    const { world, clock, end } = start({ [STREAM]: {} });
    world.lostAnswers = 1;
    await clock.advance(MINUTE_MS);
    assert.deepEqual(world.removed, [STREAM]);
    await end();
  });

  for (const [what, facts] of [
    ['holds messages', { isEmpty: false, messages: 3 }],
    ['has a consumer at work', { isUsed: true }],
    ['has a subject that no manifest names', { subjects: ['op.dataset', 'somebody.else'] }],
    ['opstream did not make', { isOurs: false }],
    ['cannot be read', new Fault('JS_UNAVAILABLE', 'no leader')],
  ] as const) {
    it(`leaves a stream that ${what}, and removes it when that has passed`, async () => {
      const { world, clock, end } = start({ [STREAM]: facts });
      await clock.advance(10 * MINUTE_MS);
      assert.deepEqual(world.removed, []);
      world.there.set(STREAM, {});
      await clock.advance(11 * MINUTE_MS);
      assert.deepEqual(world.removed, [STREAM]);
      await end();
    });
  }

  for (const [what, change] of [
    ['an instance of it is there', { instances: 'some' }],
    ['nobody knows whether an instance of it is there', { instances: 'unknown' }],
    ['a component of it holds its lease', { leases: new Set(['component-x']) }],
    ['another operator has the same stream', { all: [documentOf('op')] }],
  ] as const) {
    it(`removes nothing while ${what}`, async () => {
      const { world, clock, end } = start({ [STREAM]: {} });
      Object.assign(world, change);
      await clock.advance(10 * MINUTE_MS);
      assert.deepEqual(world.removed, []);
      Object.assign(world, { instances: 'none', leases: new Set(), all: [] });
      await clock.advance(11 * MINUTE_MS);
      assert.deepEqual(world.removed, [STREAM]);
      await end();
    });
  }

  it('removes nothing of an operator that was registered again at the last moment', async () => {
    const { world, clock, end } = start({ [STREAM]: {}, [BUCKET]: {} });
    world.onRefresh = () => Object.assign(world, { all: [documentOf('op')], gone: [] });
    await clock.advance(10 * MINUTE_MS);
    assert.deepEqual(world.removed, []);
    await end();
  });

  it('looks again at the streams of an operator that was registered and deleted once more', async () => {
    const { world, clock, end } = start({ [STREAM]: {} });
    await clock.advance(MINUTE_MS);
    Object.assign(world, { all: [documentOf('op')], gone: [] });
    world.there.set(STREAM, {});
    await clock.advance(MINUTE_MS);
    assert.deepEqual(world.removed, [STREAM]);
    Object.assign(world, { all: [], gone: [goneOf('op')] });
    await clock.advance(MINUTE_MS);
    assert.deepEqual(world.removed, [STREAM, STREAM]);
    await end();
  });
});

describe('what an operator has on the NATS server', () => {
  it('is the streams of its types, and a bucket for each queue that a component may have', () => {
    const manifest = operatorManifest();
    const [component] = manifest.operator.components;
    assert.ok(component);
    const components = [
      component,
      { ...component, name: 'other', environmentVars: { ENTITY_OF_INTEREST_MESSAGE_QUEUE: 'q.1' } },
    ];
    const given = { ...manifest, operator: { ...manifest.operator, components } };
    assert.deepEqual(storageOf({ ...documentOf('adf-operator'), manifest: given }, 'opstream').map(storageKey), [
      'stream dataos-azure-entities',
      'bucket opstream-state-adf-pipeline-run',
      'bucket opstream-state-adf-dataset',
      'bucket opstream-state-adf-operator-adf-controller',
      'bucket opstream-state-q-1',
    ]);
  });
});
