import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  confirmedIntent,
  nextIntent,
  recordProperties,
  runRecord,
  withdrawnIntent,
} from '../../../../src/operators/azure-data-factory/run-record.ts';
import type { EntityStatus, JsonObject } from '../../../../src/sdk/index.ts';
import { seedSpec } from './support.ts';

const request = { target: seedSpec, parameters: { day: 1 }, isRecovery: false };
const [noon, later] = ['2026-01-01T12:00:00.000Z', '2026-01-01T13:00:00.000Z'];

const statusWith = (properties: JsonObject, externalId?: string): EntityStatus => ({
  key: 'public.run-1',
  operator: 'adf-operator',
  uid: 'uid-1',
  observedGeneration: 1,
  observedSequence: 1,
  status: 'active',
  runtime: 'pending',
  run: { id: 'r1', state: 'pending', ...(externalId === undefined ? {} : { externalId }) },
  conditions: [],
  properties,
});

describe('what is kept of a run', () => {
  it('comes back from the status as it was written', () => {
    const intent = nextIntent('r1', noon, 7, undefined, request, 'corr');
    const stored = JSON.parse(JSON.stringify(recordProperties(seedSpec, intent))) as JsonObject;
    assert.deepEqual(runRecord(statusWith(stored), 'uid-1'), { id: 'r1', state: 'pending', target: seedSpec, intent });
    assert.deepEqual(intent.sent, { isRecovery: false, parameters: { day: 1 }, correlationParameter: 'corr' });
    assert.equal(confirmedIntent(intent).sent, undefined);
  });

  it('is nothing for another uid, and never a crash for what somebody else wrote', () => {
    assert.equal(runRecord(statusWith({}), 'uid-2'), undefined);
    assert.equal(runRecord(undefined, 'uid-1'), undefined);
    for (const intent of [7, null, [], { runId: 1 }, { runId: 'r1', at: 'noon' }]) {
      assert.deepEqual(runRecord(statusWith({ intent, pipeline: 'x' } as JsonObject), 'uid-1'), {
        id: 'r1',
        state: 'pending',
      });
    }
  });

  it('searches from the first intent of a run, and knows the runs before it', () => {
    const first = nextIntent('r1', noon, 1, undefined, request, undefined);
    const again = nextIntent('r1', later, 2, { id: 'r1', state: 'pending', intent: first }, request, undefined);
    assert.deepEqual([again.at, again.since, again.fence], [later, noon, 2]);
    const ended = { id: 'r1', state: 'succeeded', adfRunId: 'adf-1', intent: confirmedIntent(first) } as const;
    const second = nextIntent('r2', later, 2, ended, request, undefined);
    assert.deepEqual([second.since, second.earlierRunIds], [later, ['adf-1']]);
    const withdrawn = withdrawnIntent('r2', { id: 'r2', state: 'pending', intent: second });
    assert.ok(withdrawn);
    const third = nextIntent('r2', noon, 3, { id: 'r2', state: 'pending', intent: withdrawn }, request, undefined);
    assert.deepEqual([third.since, third.earlierRunIds, third.isWithdrawn], [noon, ['adf-1'], undefined]);
  });
});
