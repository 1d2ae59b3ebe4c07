import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { keptOf, knownIn, readIntent, recordProperties } from '../../../../src/operators/hightouch/run-record.ts';
import { createUses } from '../../../../src/operators/hightouch/uses.ts';
import { readRunRecord, type EntityStatus, type JsonObject } from '../../../../src/sdk/index.ts';
import { at, intent } from './support.ts';

const statusWith = (properties: JsonObject, externalId?: string): EntityStatus => ({
  ...{
    key: 'public.run-1',
    operator: 'op',
    uid: 'uid-1',
    observedGeneration: 1,
    observedSequence: 1,
    status: 'active',
  },
  ...{ runtime: 'pending', conditions: [], properties },
  run: { id: 'run-1', state: 'pending', ...(externalId === undefined ? {} : { externalId }) },
});
const runRecord = (status: EntityStatus) => readRunRecord(status, 'uid-1', readIntent);
const known = { model: { id: '1', slug: 'm', madeAt: at }, sync: { id: '2', slug: 's' }, appliedGeneration: 3 };

describe('what is kept of a run', () => {
  it('comes back from the status as it was written', () => {
    const written = intent(1, { fence: 7, queuedRunIds: ['6135', '9007199254740993'], isWithdrawn: true });
    const stored = JSON.parse(JSON.stringify(recordProperties(known, written, { status: 'queued' }))) as JsonObject;
    assert.deepEqual(runRecord(statusWith(stored, '6136')), {
      ...{ id: 'run-1', state: 'pending', externalId: '6136', intent: written },
    });
    assert.deepEqual(knownIn(stored), known);
    const { syncId, earlierRunIds, queuedRunIds } = stored['intent'] as JsonObject;
    assert.deepEqual([syncId, earlierRunIds, queuedRunIds], [3093, [6134], [6135, '9007199254740993']]);
    assert.deepEqual(stored['sync'], { id: 2, slug: 's' });
    assert.deepEqual(stored['syncRun'], { status: 'queued' });
    assert.deepEqual([keptOf(written).earlierRunIds, keptOf(written).queuedRunIds], [[], []]);
  });

  it('is never a crash for what somebody else wrote', () => {
    for (const bad of [
      7,
      null,
      [],
      { runId: 1 },
      { runId: 'r', syncId: 'x', at },
      { runId: 'r', syncId: 3, at: 'noon' },
    ]) {
      const status = statusWith({ intent: bad, model: 'x', sync: { id: true }, syncRun: 5 } as JsonObject);
      assert.deepEqual(runRecord(status), { id: 'run-1', state: 'pending' });
    }
    const { since: _since, queuedRunIds: _queued, ...older } = intent(1);
    const read = runRecord(statusWith({ intent: { ...older, earlierRunIds: [1, 'x', 2] } as JsonObject }))?.intent;
    assert.deepEqual([read?.since, read?.earlierRunIds, read?.queuedRunIds], [older.at, ['1', '2'], []]);
    assert.deepEqual(knownIn({ model: { id: 'x' }, sync: { id: 2, slug: 's', madeAt: 'noon' } }), {
      sync: { id: '2', slug: 's' },
    });
  });
});

describe('what is known of syncs', () => {
  it('is who else uses one, by id or slug', () => {
    const uses = createUses();
    uses.use('public.a', ['3093', 'slug']);
    uses.use('public.b', ['slug']);
    uses.use('public.c', ['other']);
    assert.deepEqual(uses.othersUsing('public.a', ['3093', 'slug']), ['public.b']);
    assert.deepEqual(uses.othersUsing('public.b', ['3093']), ['public.a']);
    uses.forget('public.b');
    assert.deepEqual(uses.othersUsing('public.a', ['3093', 'slug']), []);
  });

  it('spreads comparisons over the interval, then keeps to it', () => {
    const uses = createUses(() => 0.5);
    assert.ok(!uses.isDriftCheckDue('public.a', 1000, 10_000));
    assert.ok(uses.isDriftCheckDue('public.a', 1000, 10_500));
    uses.driftChecked('public.a', 10_500);
    assert.ok(!uses.isDriftCheckDue('public.a', 1000, 11_499));
    assert.ok(uses.isDriftCheckDue('public.a', 1000, 11_500));
  });
});
