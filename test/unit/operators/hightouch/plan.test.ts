import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { lookOnly, nextStep } from '../../../../src/operators/hightouch/plan.ts';
import { idOf, intent, record, wanting } from './support.ts';

const deletionRequestedAt = '2026-01-01T00:00:00.000Z';

describe('the next step', () => {
  it('starts what is wanted and was not started', () => {
    assert.deepEqual(nextStep(wanting(1), undefined), { kind: 'start', runId: idOf(1) });
    assert.deepEqual(nextStep(wanting(2), record(1, { state: 'succeeded', externalRunId: '1' })), {
      kind: 'start',
      runId: idOf(2),
    });
    assert.equal(nextStep(wanting(1), record(1)).kind, 'start', 'no intent: nothing was triggered');
    assert.equal(nextStep(wanting(1), record(1, { intent: intent(1, { isWithdrawn: true }) })).kind, 'start');
    assert.equal(nextStep(wanting(2), record(2, { intent: intent(1) })).kind, 'start', 'the intent is for another run');
  });

  it('looks for what may have been started', () => {
    const pending = record(1, { intent: intent(1) });
    const find = (entity: Parameters<typeof nextStep>[0]): unknown => {
      const step = nextStep(entity, pending);
      return step.kind === 'find' ? step.onMissing : step.kind;
    };
    assert.equal(find(wanting(1)), 'start');
    assert.equal(find(wanting(1, { suspended: true })), 'wait');
    assert.equal(find(wanting(1, { cancelRequested: true })), 'call-off');
    assert.equal(find(wanting(2)), 'call-off', 'before the next one is started');
    assert.equal(find(wanting(1, { deletionRequestedAt })), 'gone', 'nothing could end it');
  });

  it('follows what runs to its end, whatever is wanted by now', () => {
    const runs = record(1, { state: 'inprogress', externalRunId: '6135', intent: intent(1) });
    const follow = (entity: Parameters<typeof nextStep>[0]): unknown => {
      const step = nextStep(entity, runs);
      return step.kind === 'follow' ? [step.cancelRequested, step.isInTheWay] : step.kind;
    };
    assert.deepEqual(follow(wanting(1)), [false, false]);
    assert.deepEqual(follow(wanting(1, { suspended: true })), [false, false]);
    assert.deepEqual(follow(wanting(1, { cancelRequested: true })), [true, false]);
    assert.deepEqual(follow(wanting(2)), [false, true]);
    assert.deepEqual(follow(wanting(2, { cancelRequested: true })), [false, true], 'that cancel is not its own');
  });

  it('settles, waits, calls off and lets go', () => {
    const ended = record(1, { state: 'failed', externalRunId: '1' });
    const { run: _run, ...idle } = wanting(1);
    assert.equal(nextStep(wanting(1), ended).kind, 'settled');
    assert.equal(nextStep(wanting(1, { cancelRequested: true }), ended).kind, 'settled');
    assert.equal(nextStep(idle, undefined).kind, 'idle');
    assert.equal(nextStep(idle, ended).kind, 'settled');
    assert.equal(nextStep(wanting(2, { suspended: true }), ended).kind, 'suspended');
    assert.equal(nextStep(wanting(2, { cancelRequested: true }), ended).kind, 'call-off');
    assert.equal(nextStep(wanting(1, { deletionRequestedAt }), ended).kind, 'gone');
    assert.equal(nextStep(wanting(1, { deletionRequestedAt }), undefined).kind, 'gone');
  });

  it('of a suspended resource is to look at what runs, and nothing else', () => {
    const runs = record(1, { state: 'inprogress', externalRunId: '6135', intent: intent(1) });
    for (const changes of [{}, { cancelRequested: true }, { deletionRequestedAt }]) {
      assert.equal(lookOnly(wanting(1, { suspended: true, ...changes }), runs)?.kind, 'follow');
    }
    assert.equal(lookOnly(wanting(1, { suspended: true }), undefined), undefined);
    assert.equal(lookOnly(wanting(1, { suspended: true }), record(1, { intent: intent(1) })), undefined);
  });
});
