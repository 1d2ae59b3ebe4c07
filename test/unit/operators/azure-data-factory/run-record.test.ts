import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { keptOf, readIntent, sentOf, targetIn } from '../../../../src/operators/azure-data-factory/run-record.ts';
import { nextIntent, type JsonObject } from '../../../../src/sdk/index.ts';
import { seedSpec } from './support.ts';

const request = { target: seedSpec, parameters: { day: 1 }, isRecovery: false };
const intent = nextIntent('r1', '2026-01-01T12:00:00.000Z', 7, undefined);

describe('what is kept of a run beside what the SDK keeps', () => {
  it('comes back from the status as it was written', () => {
    const sent = sentOf(request, 'corr');
    const stored = JSON.parse(JSON.stringify({ intent: { ...intent, sent }, pipeline: seedSpec })) as JsonObject;
    assert.deepEqual(readIntent(intent, stored['intent'] as JsonObject), { ...intent, sent });
    assert.deepEqual(sent, { isRecovery: false, parameters: { day: 1 }, correlationParameter: 'corr' });
    assert.deepEqual(targetIn(stored['pipeline']), seedSpec);
    assert.deepEqual(keptOf({ ...intent, sent }), intent);
  });

  it('has no correlation parameter with a reference, whose parameters are sent', () => {
    const again = { target: seedSpec, referencePipelineRunId: 'x', isRecovery: true };
    assert.deepEqual(sentOf(again, 'corr'), { isRecovery: true, referencePipelineRunId: 'x' });
  });

  it('is never a crash for what somebody else wrote', () => {
    for (const sent of [7, null, [], 'x']) assert.deepEqual(readIntent(intent, { sent } as JsonObject), intent);
    for (const target of [7, null, 'x', { factoryName: 'x' }]) assert.equal(targetIn(target), undefined);
  });
});
