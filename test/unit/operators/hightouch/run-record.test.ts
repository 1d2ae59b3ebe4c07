import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createLedger } from '../../../../src/operators/hightouch/ledger.ts';
import { knownIn, recordProperties, runRecord, settledIntent } from '../../../../src/operators/hightouch/run-record.ts';
import type { EntityStatus, JsonObject } from '../../../../src/sdk/index.ts';
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
const known = { model: { id: '1', slug: 'm', madeAt: at }, sync: { id: '2', slug: 's' }, appliedGeneration: 3 };

describe('what is kept of a run', () => {
  it('comes back from the status as it was written', () => {
    const written = intent(1, { fence: 7, queuedRunIds: ['6135', '9007199254740993'], isWithdrawn: true });
    const stored = JSON.parse(JSON.stringify(recordProperties(known, written, { status: 'queued' }))) as JsonObject;
    assert.deepEqual(runRecord(statusWith(stored, '6136'), 'uid-1'), {
      ...{ id: 'run-1', state: 'pending', externalRunId: '6136', intent: written, syncRun: { status: 'queued' } },
    });
    assert.equal(runRecord(statusWith({ unseenSince: at }, '6136'), 'uid-1')?.unseenSince, at);
    assert.deepEqual(knownIn(stored), known);
    const { syncId, earlierRunIds, queuedRunIds } = stored['intent'] as JsonObject;
    assert.deepEqual([syncId, earlierRunIds, queuedRunIds], [3093, [6134], [6135, '9007199254740993']]);
    assert.deepEqual(stored['sync'], { id: 2, slug: 's' });
    assert.deepEqual(stored['syncRun'], { status: 'queued' });
    assert.deepEqual([settledIntent(written).earlierRunIds, settledIntent(written).queuedRunIds], [[], []]);
  });

  it('is nothing for another uid, and never a crash for what somebody else wrote', () => {
    assert.equal(runRecord(statusWith({}), 'uid-2'), undefined);
    assert.equal(runRecord(undefined, 'uid-1'), undefined);
    for (const bad of [
      7,
      null,
      [],
      { runId: 1 },
      { runId: 'r', syncId: 'x', at },
      { runId: 'r', syncId: 3, at: 'noon' },
    ]) {
      const found = runRecord(
        statusWith(
          { intent: bad, model: 'x', sync: { id: true }, syncRun: 5, unseenSince: 'noon' } as JsonObject,
          'no number',
        ),
        'uid-1',
      );
      assert.deepEqual(found, { id: 'run-1', state: 'pending' });
    }
    const { since: _since, queuedRunIds: _queued, ...older } = intent(1);
    const read = runRecord(
      statusWith({ intent: { ...older, earlierRunIds: [1, 'x', 2] } as JsonObject }),
      'uid-1',
    )?.intent;
    assert.deepEqual([read?.since, read?.earlierRunIds, read?.queuedRunIds], [older.at, ['1', '2'], []]);
    assert.deepEqual(knownIn({ model: { id: 'x' }, sync: { id: 2, slug: 's', madeAt: 'noon' } }), {
      sync: { id: '2', slug: 's' },
    });
  });
});

describe('the ledger', () => {
  it('gives one unconfirmed start per sync, and knows whose a run is', () => {
    const ledger = createLedger(() => 0);
    assert.ok(
      ledger.reserve('1', 'a', 'public.a') &&
        ledger.reserve('1', 'a', 'public.a') &&
        !ledger.reserve('1', 'b', 'public.b') &&
        ledger.reserve('2', 'b', 'public.b'),
    );
    ledger.keepAnswer('a', '6134');
    assert.equal(ledger.answerFor('a'), '6134');
    ledger.settle('a');
    assert.ok(ledger.reserve('1', 'c', 'public.c'));
    assert.equal(ledger.answerFor('a'), undefined);
    ledger.claim('6134', 'public.a');
    assert.deepEqual(
      [ledger.isClaimedByOther('6134', 'public.a'), ledger.isClaimedByOther('6134', 'public.b')],
      [false, true],
    );
  });

  it('holds no start for what is gone', () => {
    const ledger = createLedger(() => 0);
    assert.ok(ledger.reserve('1', 'a', 'public.a') && !ledger.reserve('1', 'b', 'public.b'));
    ledger.forget('public.a');
    assert.ok(ledger.reserve('1', 'b', 'public.b'));
  });

  it('waits for others, and holds no start, when another led in between', () => {
    let nowMs = 1000;
    const ledger = createLedger(() => nowMs);
    ledger.inTerm(4);
    assert.ok(ledger.reserve('1', 'a', 'public.a'));
    nowMs = 9000;
    ledger.inTerm(4);
    assert.equal(ledger.sinceMs, 1000);
    assert.ok(!ledger.reserve('1', 'b', 'public.b'));
    ledger.inTerm(6);
    assert.equal(ledger.sinceMs, 9000);
    assert.ok(ledger.reserve('1', 'b', 'public.b'));
  });

  it('knows who else uses a sync, by id or slug', () => {
    const ledger = createLedger(() => 0);
    ledger.use('public.a', ['3093', 'slug']);
    ledger.use('public.b', ['slug']);
    ledger.use('public.c', ['other']);
    assert.deepEqual(ledger.othersUsing('public.a', ['3093', 'slug']), ['public.b']);
    assert.deepEqual(ledger.othersUsing('public.b', ['3093']), ['public.a']);
    ledger.forget('public.b');
    assert.deepEqual(ledger.othersUsing('public.a', ['3093', 'slug']), []);
  });

  it('spreads comparisons over the interval, then keeps to it', () => {
    const ledger = createLedger(
      () => 0,
      () => 0.5,
    );
    assert.ok(!ledger.isDriftCheckDue('public.a', 1000, 10_000));
    assert.ok(ledger.isDriftCheckDue('public.a', 1000, 10_500));
    ledger.driftChecked('public.a', 10_500);
    assert.ok(!ledger.isDriftCheckDue('public.a', 1000, 11_499));
    assert.ok(ledger.isDriftCheckDue('public.a', 1000, 11_500));
  });
});
