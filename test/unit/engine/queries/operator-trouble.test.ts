// What a resource says while its operator cannot work.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { waitReady } from '../../../../src/client/wait-ready.ts';
import type { Client, Progress } from '../../../../src/client/types.ts';
import { ok } from '../../../../src/core/result.ts';
import { withOperatorTrouble } from '../../../../src/engine/queries/operator-trouble.ts';
import type { Condition } from '../../../../src/messages/entity.ts';
import type { EntityStatusDocument, GetAnswer, OperatorStatusDocument } from '../../../../src/messages/queries.ts';
import { summaryOfEntity } from '../../../../src/views/summary.ts';
import { drivenClock } from '../../../../src/testing/driven-clock.ts';
import { entityAt } from '../../../support/entities.ts';

const SINCE = '2026-02-03T04:05:06.000Z';
const condition = (type: string, status: Condition['status'], reason: string, message = ''): Condition => ({
  ...{ type, status, reason, message, lastTransitionTime: SINCE, observedGeneration: 1 },
});
const crashing = condition('Ready', 'False', 'CrashLoopBackOff', 'component worker: replica 0 ended with exit code 3');

const operatorSays = (ready: Condition) => async (): Promise<OperatorStatusDocument> => ({
  ...{
    operator: 'adf-operator',
    observedGeneration: 1,
    observedSequence: 1,
    status: 'active',
    updatedAt: '',
    sequence: 1,
  },
  conditions: [ready],
});

const entity = entityAt(7);
const reported = (observedSequence: number, ready: Condition): EntityStatusDocument => ({
  ...{ key: entity.key, operator: 'adf-operator', uid: entity.uid, observedGeneration: 1, observedSequence },
  ...{ status: 'active', conditions: [ready, condition('Healthy', 'True', 'Fine')], properties: { a: 1 } },
  ...{ updatedAt: '', sequence: 3 },
});
const ready = condition('Ready', 'True', 'Reconciled');

describe('a resource of an operator that cannot work', () => {
  it('says so itself, with why and since when, though nobody has reported on it', async () => {
    const status = await withOperatorTrouble(entity, undefined, operatorSays(crashing));
    const [told] = status?.conditions ?? [];
    assert.deepEqual([told?.type, told?.status, told?.reason], ['Ready', 'False', 'OperatorNotReady']);
    assert.equal(
      status?.message,
      `operator adf-operator: CrashLoopBackOff, component worker: replica 0 ended with exit code 3, since ${SINCE}`,
    );
    assert.equal(status.status, 'pending');
  });

  it('says so when its last change is not answered, or it was not ready, and keeps what was reported', async () => {
    for (const own of [reported(6, ready), reported(7, condition('Ready', 'False', 'Pending'))]) {
      const status = await withOperatorTrouble(entity, own, operatorSays(crashing));
      assert.deepEqual(
        status?.conditions.map(({ type, reason }) => `${type} ${reason}`),
        ['Ready OperatorNotReady', 'Healthy Fine'],
      );
      assert.deepEqual(status?.properties, { a: 1 });
    }
  });

  it('is as it was reported when it waits for nothing, or when the operator is on its way', async () => {
    const well = reported(7, ready);
    assert.equal(await withOperatorTrouble(entity, well, () => assert.fail('not asked for')), well);
    const starting = operatorSays(condition('Ready', 'False', 'Progressing'));
    assert.equal(await withOperatorTrouble(entity, undefined, starting), undefined);
    assert.equal(await withOperatorTrouble(entity, undefined, operatorSays(ready)), undefined);
    assert.equal(await withOperatorTrouble(entity, undefined, async () => undefined), undefined);
  });
});

it('who waits for it is told, also when the trouble comes later', async () => {
  const clock = drivenClock();
  const seen: Progress[] = [];
  let trouble = false;
  const answer = async (): Promise<GetAnswer> => {
    const status = trouble ? await withOperatorTrouble(entity, undefined, operatorSays(crashing)) : undefined;
    const summary = summaryOfEntity(entity, undefined);
    return { type: 'resource', summary, entity, sequence: 1, ...(status === undefined ? {} : { status }) };
  };
  const client = { query: async () => ok(await answer()), liveEvents: async () => {} } as unknown as Client;
  const identity = { kind: 'resource', workspace: 'public', name: 'run-1' } as const;
  const waiting = waitReady(client, clock, identity, 1, {
    timeoutMs: 20_000,
    onChange: (progress) => seen.push(progress),
  });
  await clock.advance(5000);
  trouble = true;
  await clock.advance(20_000);
  const outcome = await waiting;
  assert.equal(outcome.outcome, 'timed-out');
  assert.deepEqual(
    seen.map(({ message }) => message.slice(0, 45)),
    ['', 'operator adf-operator: CrashLoopBackOff, comp'],
  );
  assert.match(outcome.last?.message ?? '', /exit code 3, since 2026/);
});
