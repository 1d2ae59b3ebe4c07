import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  nextIntent,
  readRunRecord,
  withEarlier,
  type EntityStatus,
  type Intent,
  type JsonObject,
} from '../../../../src/sdk/index.ts';
import { withdrawnIntent } from '../../../../src/sdk/once/intent.ts';

const [noon, later] = ['2026-01-01T12:00:00.000Z', '2026-01-01T13:00:00.000Z'];

const statusWith = (properties: JsonObject, externalId?: string): EntityStatus => ({
  ...{ key: 'public.run-1', operator: 'op', uid: 'uid-1', observedGeneration: 1, observedSequence: 1 },
  ...{ status: 'active', runtime: 'pending', conditions: [], properties },
  run: { id: 'r1', state: 'pending', ...(externalId === undefined ? {} : { externalId }) },
});
const read = (status: EntityStatus | undefined, uid = 'uid-1') => readRunRecord(status, uid, (intent) => intent);
const all = (intent: Intent): Intent => intent;

describe('what is kept of a run', () => {
  it('comes back from the status as it was written', () => {
    const intent = { ...nextIntent('r1', noon, 7, undefined), earlierRunIds: ['x'] };
    const stored = JSON.parse(JSON.stringify({ intent, unseenSince: later })) as JsonObject;
    assert.deepEqual(read(statusWith(stored, 'job-1')), {
      ...{ id: 'r1', state: 'pending', externalId: 'job-1', intent, unseenSince: later },
    });
  });

  it('is nothing for another uid, and never a crash for what somebody else wrote', () => {
    assert.equal(read(statusWith({}), 'uid-2'), undefined);
    assert.equal(read(undefined), undefined);
    for (const intent of [7, null, [], { runId: 1 }, { runId: 'r1', at: 'noon' }])
      assert.deepEqual(read(statusWith({ intent, unseenSince: 'noon' } as JsonObject)), { id: 'r1', state: 'pending' });
    const older = { runId: 'r1', at: noon, since: 'noon', earlierRunIds: [1, 'x'] } as unknown as JsonObject;
    const intent = { runId: 'r1', at: noon, since: noon, fence: 0, earlierRunIds: ['x'] };
    assert.deepEqual(read(statusWith({ intent: older }))?.intent, intent);
  });

  it('searches from the first intent of a run, and knows the runs before it', () => {
    const first = nextIntent('r1', noon, 1, undefined);
    const again = nextIntent('r1', later, 2, { id: 'r1', state: 'pending', intent: first });
    assert.deepEqual([again.at, again.since, again.fence], [later, noon, 2]);
    const ended = { id: 'r1', state: 'succeeded', externalId: 'job-1', intent: first } as const;
    const second = nextIntent('r2', later, 2, ended);
    assert.deepEqual([second.since, second.earlierRunIds], [later, ['job-1']]);
    const withdrawn = withdrawnIntent('r2', { id: 'r2', state: 'pending', intent: second }, all);
    assert.ok(withdrawn);
    const third = nextIntent('r2', noon, 3, { id: 'r2', state: 'pending', intent: withdrawn });
    assert.deepEqual([third.since, third.earlierRunIds, third.isWithdrawn], [noon, ['job-1'], undefined]);
    assert.equal(withdrawnIntent('r2', undefined, all), undefined);
  });

  it('remembers a bounded number of earlier runs, once each', () => {
    const many = Array.from({ length: 30 }, (_, index) => String(index)).reduce<readonly string[]>(withEarlier, []);
    const same = [withEarlier(many, '29'), withEarlier(many, undefined)];
    assert.deepEqual([many.length, many.at(-1), ...same], [20, '29', many, many]);
  });
});
