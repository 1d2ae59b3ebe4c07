import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { lookOnly, nextStep as stepOf, type Entity, type Intent, type RunRecord } from '../../../../src/sdk/index.ts';
import { deletionRequestedAt, wanting } from './job-operator.ts';

const nextStep = (entity: Entity, record: RunRecord | undefined, canCancel = true) =>
  stepOf(entity, record, { canCancel });

const idOf = (run: number): string => wanting(run).run?.id ?? '';
const intent = (run: number): Intent => ({
  runId: idOf(run),
  at: '2026-01-01T00:00:00.000Z',
  since: '2026-01-01T00:00:00.000Z',
  fence: 1,
  earlierRunIds: [],
});
const record = (run: number, changes: Partial<RunRecord> = {}): RunRecord => ({
  id: idOf(run),
  state: 'pending',
  ...changes,
});

describe('the next step', () => {
  it('starts what is wanted and was not started', () => {
    assert.deepEqual(nextStep(wanting(1), undefined), { kind: 'start', runId: idOf(1) });
    assert.deepEqual(nextStep(wanting(2), record(1, { state: 'succeeded', externalId: 'a' })), {
      kind: 'start',
      runId: idOf(2),
    });
    assert.equal(nextStep(wanting(1), record(1)).kind, 'start', 'no intent: nothing was started');
    const withdrawn = record(1, { intent: { ...intent(1), isWithdrawn: true } });
    assert.equal(nextStep(wanting(1), withdrawn).kind, 'start');
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
    assert.equal(find(wanting(1, { deletionRequestedAt })), 'call-off');
    assert.equal(find(wanting(2)), 'call-off');
  });

  it('follows what runs, whatever is wanted by now', () => {
    const running = record(1, { state: 'inprogress', externalId: 'a', intent: intent(1) });
    const follow = (entity: Parameters<typeof nextStep>[0]): unknown => {
      const step = nextStep(entity, running);
      return step.kind === 'follow' ? { cancel: step.isToEnd, isInTheWay: step.isInTheWay } : step.kind;
    };
    assert.deepEqual(follow(wanting(1)), { cancel: false, isInTheWay: false });
    assert.deepEqual(follow(wanting(1, { suspended: true })), { cancel: false, isInTheWay: false });
    assert.deepEqual(follow(wanting(1, { cancelRequested: true })), { cancel: true, isInTheWay: false });
    assert.deepEqual(follow(wanting(1, { deletionRequestedAt })), { cancel: true, isInTheWay: true });
    assert.deepEqual(follow(wanting(2)), { cancel: false, isInTheWay: true });
    assert.deepEqual(follow(wanting(2, { cancelRequested: true })), { cancel: false, isInTheWay: true });
  });

  it('settles, waits, calls off and lets go', () => {
    const ended = record(1, { state: 'failed', externalId: 'a' });
    const { run: _run, ...idle } = wanting(1);
    assert.equal(nextStep(wanting(1), ended).kind, 'settled');
    assert.equal(nextStep(wanting(1, { cancelRequested: true }), ended).kind, 'settled');
    assert.equal(nextStep(idle, undefined).kind, 'idle');
    assert.equal(nextStep(idle, ended).kind, 'settled');
    assert.equal(nextStep(wanting(2, { suspended: true }), ended).kind, 'suspended');
    assert.equal(nextStep(wanting(2, { cancelRequested: true }), ended).kind, 'call-off');
    assert.equal(nextStep(wanting(1, { deletionRequestedAt }), ended).kind, 'gone');
    assert.equal(nextStep(wanting(1, { deletionRequestedAt }), undefined).kind, 'gone');
    assert.equal(nextStep(wanting(1, { deletionRequestedAt }), record(1)).kind, 'gone');
  });

  it('of a suspended resource is to look at what runs, and nothing else', () => {
    const runs = record(1, { state: 'inprogress', externalId: 'a', intent: intent(1) });
    for (const changes of [{}, { cancelRequested: true }, { deletionRequestedAt }]) {
      assert.equal(lookOnly(wanting(1, { suspended: true, ...changes }), runs)?.isToEnd, false);
    }
    assert.equal(lookOnly(wanting(1, { suspended: true }), undefined), undefined);
    assert.equal(lookOnly(wanting(1, { suspended: true }), record(1, { intent: intent(1) })), undefined);
    assert.equal(
      lookOnly(wanting(2, { suspended: true }), record(1, { state: 'succeeded', externalId: 'a' })),
      undefined,
    );
  });

  it('does not wait for a run that cannot be cancelled when its resource is deleted', () => {
    const runs = record(1, { state: 'inprogress', externalId: 'a', intent: intent(1) });
    assert.equal(nextStep(wanting(1, { deletionRequestedAt }), runs, false).kind, 'gone');
    assert.equal(nextStep(wanting(1, { deletionRequestedAt }), record(1, { intent: intent(1) }), false).kind, 'gone');
    const step = nextStep(wanting(1, { cancelRequested: true }), runs, false);
    assert.ok(step.kind === 'follow' && step.cancelRequested && !step.isInTheWay);
  });
});
