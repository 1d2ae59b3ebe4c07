import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { concerns, judge, waitReady } from '../../../src/client/wait-ready.ts';
import type { Client, LiveMessage, Progress } from '../../../src/client/types.ts';
import { reject } from '../../../src/core/rejection.ts';
import { err, ok } from '../../../src/core/result.ts';
import type { Condition, RuntimeStatus } from '../../../src/messages/entity.ts';
import type { EntityStatusDocument, GetAnswer } from '../../../src/messages/queries.ts';
import { summaryOfEntity } from '../../../src/views/summary.ts';
import { entityAt } from '../../support/entities.ts';
import { drivenClock } from '../../../src/testing/driven-clock.ts';
import { waitFor } from '../../support/wait-for.ts';

const condition = (type: string, status: Condition['status']): Condition => ({
  type,
  status,
  reason: 'Because',
  message: 'the reason',
  lastTransitionTime: '2026-01-01T00:00:00.000Z',
  observedGeneration: 1,
});

type Observed = Partial<EntityStatusDocument>;
const answerWith = (observed: Observed | undefined, changes: Parameters<typeof entityAt>[1] = {}): GetAnswer => {
  const entity = entityAt(1, changes);
  if (observed === undefined)
    return { type: 'resource', summary: summaryOfEntity(entity, undefined), entity, sequence: 1 };
  const status: EntityStatusDocument = {
    key: entity.key,
    operator: entity.manifest.resource.operator,
    uid: entity.uid,
    observedGeneration: 1,
    observedSequence: 1,
    status: 'active',
    conditions: [condition('Ready', 'True')],
    properties: {},
    updatedAt: '2026-01-01T00:00:00.000Z',
    sequence: 1,
    ...observed,
  };
  return { type: 'resource', summary: summaryOfEntity(entity, status), entity, status, sequence: 1 };
};

const run = { id: 'run-1', number: 1, requestedAt: '2026-01-01T00:00:00.000Z', cancelRequested: false };
const ran = (runtime: RuntimeStatus, id = 'run-1') =>
  answerWith({ runtime, run: { id, state: runtime } }, { runnable: true, run });

describe('whether a thing is as it was wanted', () => {
  it('is open until its generation was observed', () => {
    assert.equal(judge(answerWith(undefined), 1, false), undefined);
    assert.equal(judge(answerWith({ observedGeneration: 1 }, { generation: 2 }), 2, false), undefined);
    assert.equal(judge(answerWith({ observedGeneration: 2 }, { generation: 2 }), 2, false), 'ready');
  });

  it('is a matter of the condition Ready where nothing runs', () => {
    assert.equal(judge(answerWith({ conditions: [condition('Reconciling', 'True')] }), 1, false), undefined);
    assert.equal(judge(answerWith({ status: 'error', conditions: [condition('Ready', 'False')] }), 1, false), 'failed');
  });

  it('is a matter of this very run where something runs', () => {
    assert.equal(judge(ran('inprogress'), 1, false), undefined);
    assert.equal(judge(ran('succeeded'), 1, false), 'ready');
    assert.equal(judge(ran('failed'), 1, false), 'failed');
    assert.equal(judge(ran('cancelled'), 1, false), 'failed');
    assert.equal(judge(ran('succeeded', 'an-earlier-run'), 1, false), undefined);
  });

  it('is being gone where that is waited for', () => {
    assert.equal(judge(undefined, 1, true), 'ready');
    assert.equal(judge(answerWith({}), 1, true), undefined);
    assert.equal(judge(undefined, 1, false), 'failed');
  });
});

const identity = { kind: 'resource', workspace: 'public', name: 'run-1' } as const;

describe('live messages', () => {
  const message = (stream: LiveMessage['stream'], subject: string): LiveMessage => ({
    stream,
    subject,
    sequence: 1,
    event: {},
  });

  it('concern the thing that their subject names', () => {
    assert.ok(concerns(message('status', 'opstream.live.status.adf.public.run-1'), identity));
    assert.ok(concerns(message('events', 'opstream.live.event.resource.public.run-1'), identity));
    assert.ok(!concerns(message('events', 'opstream.live.event.operator._.run-1'), identity));
    assert.ok(!concerns(message('status', 'opstream.live.status.adf.sandbox.run-1'), identity));
    assert.ok(
      concerns(message('status', 'opstream.live.status.adf._.adf'), { kind: 'operator', workspace: '_', name: 'adf' }),
    );
  });
});

/** A client whose answer to `get` the test sets. */
const fakeClient = (first: GetAnswer | undefined) => {
  const state = { answer: first, asked: 0 };
  const client = {
    query: async () => {
      state.asked += 1;
      return state.answer === undefined ? err(reject('NOT_FOUND', 'no')) : ok(state.answer);
    },
    liveEvents: async () => undefined,
  } as unknown as Pick<Client, 'query' | 'liveEvents'>;
  return { client, state };
};

describe('waiting', () => {
  it('ends when the answer is as wanted, and tells each change once', async () => {
    const clock = drivenClock();
    const { client, state } = fakeClient(ran('inprogress'));
    const seen: Progress[] = [];
    const waiting = waitReady(client, clock, identity, 1, {
      timeoutMs: 60_000,
      onChange: (progress) => seen.push(progress),
    });
    await waitFor(() => clock.sleepers > 0);
    await clock.advance(500);
    state.answer = ran('succeeded');
    await clock.advance(2000);
    assert.equal((await waiting).outcome, 'ready');
    assert.deepEqual(
      seen.map(({ runtime }) => runtime),
      ['inprogress', 'succeeded'],
    );
    assert.ok(state.asked >= 3);
  });

  it('ends when the time is over', async () => {
    const clock = drivenClock();
    const { client } = fakeClient(ran('inprogress'));
    const waiting = waitReady(client, clock, identity, 1, { timeoutMs: 3000 });
    await waitFor(() => clock.sleepers > 0);
    await clock.advance(4000);
    const { outcome, last } = await waiting;
    assert.equal(outcome, 'timed-out');
    assert.equal(last?.runtime, 'inprogress');
  });

  it('ends when it is told to stop', async () => {
    const clock = drivenClock();
    const { client } = fakeClient(ran('inprogress'));
    const stop = new AbortController();
    const waiting = waitReady(client, clock, identity, 1, { timeoutMs: 3000, signal: stop.signal });
    await waitFor(() => clock.sleepers > 0);
    stop.abort();
    assert.equal((await waiting).outcome, 'stopped');
  });

  it('for being gone ends with the answer that there is no such thing', async () => {
    const clock = drivenClock();
    const { client } = fakeClient(undefined);
    assert.equal((await waitReady(client, clock, identity, 1, { timeoutMs: 3000, untilGone: true })).outcome, 'ready');
  });
});
