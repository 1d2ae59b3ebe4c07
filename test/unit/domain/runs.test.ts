import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { evolveResource } from '../../../src/domain/resource/evolve.ts';
import type { ResourceState } from '../../../src/domain/resource/state.ts';
import type { ResourceEvent } from '../../../src/messages/events.ts';
import type { IfRunning } from '../../../src/messages/if-running.ts';
import { createRunList } from '../../../src/views/run-list.ts';
import { resourceManifest } from '../../support/fixtures.ts';

type Of<TType extends ResourceEvent['type']> = Extract<ResourceEvent, { type: TType }>['data'];

/** A resource with run 1, and what comes then. */
const story = () => {
  const manifest = resourceManifest({ pipelineName: 'p' });
  const list = createRunList();
  let state: ResourceState = { generation: 0 };
  let sequence = 0;
  const happen = <TType extends ResourceEvent['type']>(type: TType, data: Of<TType>): void => {
    sequence += 1;
    const time = `2026-01-01T00:00:${String(sequence).padStart(2, '0')}.000Z`;
    const event = { type, data, id: `e${sequence}`, time, generation: 1, actor: 'iamgroot', commandid: `c${sequence}` };
    state = evolveResource(state, event as unknown as ResourceEvent, sequence);
    list.absorb(event as unknown as ResourceEvent, sequence);
  };
  const run = (number: number, ofSpec?: true) => ({
    ...{ id: `run-${number}`, number, requestedAt: '2026-01-01T00:00:00.000Z' },
    ...(ofSpec === undefined ? {} : { ofSpec }),
  });
  happen('io.opstream.resource.declared.v1', { uid: 'u', manifest, runnable: true, run: run(1) });
  return {
    happen,
    request: (number: number, ifRunning?: IfRunning) =>
      happen('io.opstream.resource.run-requested.v1', {
        run: run(number),
        ...(ifRunning === undefined ? {} : { ifRunning }),
      }),
    change: (number: number, ifRunning: IfRunning) =>
      happen('io.opstream.resource.changed.v1', { patch: [], run: run(number, true), ifRunning }),
    end: (number: number, how: 'succeeded' | 'failed' | 'cancelled' = 'succeeded') =>
      happen('io.opstream.resource.run-ended.v1', { runId: `run-${number}`, state: how, finishedAt: 'then' }),
    cancel: (number: number, all?: true) =>
      happen('io.opstream.resource.cancel-requested.v1', {
        runId: `run-${number}`,
        ...(all === undefined ? {} : { all }),
      }),
    entity: () => state.entity,
    current: () => state.entity?.run?.number,
    waiting: () => state.entity?.waitingRuns?.map(({ number }) => number) ?? [],
    states: () =>
      Object.fromEntries(
        list
          .rows(undefined)
          .map(({ number, state: how }) => [number, how] as const)
          .reverse(),
      ),
  };
};

describe('runs of a resource', () => {
  it('end without having been changed by anybody', () => {
    const { end, entity } = story();
    const { updatedAt } = entity() ?? {};
    end(1);
    assert.equal(entity()?.run?.ended, 'succeeded');
    assert.equal(entity()?.updatedAt, updatedAt);
  });

  it('wait for their turn, in the order in which they were asked for', () => {
    const { request, end, current, waiting, states } = story();
    request(2, 'queue');
    request(3, 'queue');
    assert.deepEqual([current(), waiting()], [1, [2, 3]]);
    end(1, 'failed');
    assert.deepEqual([current(), waiting()], [2, [3]]);
    end(2);
    end(3, 'cancelled');
    assert.deepEqual([current(), waiting()], [3, []]);
    assert.deepEqual(states(), { 1: 'failed', 2: 'succeeded', 3: 'cancelled' });
  });

  it('end once, whatever is told again', () => {
    const { request, end, current, waiting, entity } = story();
    request(2, 'queue');
    end(1);
    end(1, 'failed');
    end(2);
    end(2, 'failed');
    assert.deepEqual([current(), waiting(), entity()?.run?.ended], [2, [], 'succeeded']);
    request(3, 'queue');
    assert.deepEqual([current(), entity()?.run?.ended], [3, undefined]);
  });

  it('take the place of what goes on and of what waits, when they are to replace it', () => {
    const { request, end, current, waiting, entity, states } = story();
    request(2, 'queue');
    request(3, 'replace');
    assert.deepEqual([current(), entity()?.run?.cancelRequested, waiting()], [1, true, [3]]);
    end(1, 'cancelled');
    assert.deepEqual([current(), entity()?.run?.cancelRequested, waiting()], [3, false, []]);
    end(3);
    assert.deepEqual(states(), { 1: 'replaced', 2: 'replaced', 3: 'succeeded' });
  });

  it('of specs that have changed again are not done', () => {
    const { change, request, end, waiting, states } = story();
    change(2, 'queue');
    request(3, 'queue');
    change(4, 'queue');
    assert.deepEqual(waiting(), [3, 4]);
    for (const number of [1, 3, 4]) end(number);
    assert.deepEqual(states(), { 1: 'succeeded', 2: 'superseded', 3: 'succeeded', 4: 'succeeded' });
  });

  it('are dropped by a cancel of all, and by a deletion', () => {
    const all = story();
    all.request(2, 'queue');
    all.cancel(1, true);
    assert.deepEqual([all.current(), all.waiting(), all.entity()?.run?.cancelRequested], [1, [], true]);
    all.end(1, 'cancelled');
    assert.deepEqual(all.states(), { 1: 'cancelled', 2: 'cancelled' });
    const deleted = story();
    deleted.request(2, 'queue');
    deleted.happen('io.opstream.resource.deletion-requested.v1', {});
    assert.deepEqual(deleted.waiting(), []);
    deleted.happen('io.opstream.resource.deleted.v1', {});
    assert.deepEqual(deleted.states(), { 1: 'cancelled', 2: 'cancelled' });
  });

  it('of events of earlier versions are as they were: the newest took the place of the one before', () => {
    const { request, current, waiting, states } = story();
    request(2);
    request(3);
    assert.deepEqual([current(), waiting()], [3, []]);
    assert.deepEqual(states(), { 1: 'unknown', 2: 'unknown', 3: 'pending' });
  });
});
