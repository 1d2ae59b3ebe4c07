import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isFault } from '../../../../src/core/fault.ts';
import type { FollowOptions, StoredMessage, StreamFollower } from '../../../../src/engine/ports/streams.ts';
import { rebuildView } from '../../../../src/engine/projection/rebuild.ts';
import { namesFor, operatorRef, resourceRef } from '../../../../src/messages/subjects.ts';
import { entities, operators } from '../../../../src/views/desired-state.ts';
import type { ProjectionOf } from '../../../../src/views/projection.ts';
import { manualClock, memoryStore, stored } from '../../../support/memory-ports.ts';
import { silentLog } from '../../../support/silent-log.ts';

const names = namesFor('opstream');
const operator = (sequence: number): StoredMessage => stored(sequence, names.event(operatorRef('op')), 'not json');
const resource = (sequence: number): StoredMessage =>
  stored(sequence, names.event(resourceRef('public', 'a')), 'not json');

/** As a server does it: only what the filters want, and it goes on until it is told to stop. */
const following = (messages: readonly StoredMessage[]): StreamFollower => ({
  follow: async ({ filters = [], onBatch, signal }: FollowOptions) => {
    const isWanted = ({ subject }: StoredMessage): boolean =>
      filters.length === 0 ||
      filters.some((filter) => new RegExp(filter.replaceAll('*', '[^.]+').replace('>', '.+')).test(subject));
    const wanted = messages.filter(isWanted);
    for (const [index, message] of wanted.entries()) {
      if (signal.aborted) return;
      await onBatch([message], wanted.length - index - 1);
    }
    if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve));
  },
});

const rebuild = async (projectionOf: ProjectionOf, messages: readonly StoredMessage[], upToSequence: number) => {
  const setAside: number[] = [];
  await rebuildView({
    projection: projectionOf(names),
    follower: following(messages),
    keepsAll: true,
    store: memoryStore(),
    history: { readSubject: async () => [], lastSequence: async () => messages.at(-1)?.sequence ?? 0 },
    upToSequence,
    clock: manualClock(),
    log: silentLog,
    signal: new AbortController().signal,
    onSetAside: ({ sequence }) => setAside.push(sequence),
  });
  return setAside;
};

describe('a view that is built anew of a stream that keeps everything', () => {
  it('takes what it wants, up to where it is told, and ends', async () => {
    const messages = [operator(1), resource(2), operator(3), resource(4), resource(5)];
    assert.deepEqual(await rebuild(operators, messages, 3), [1, 3]);
    assert.deepEqual(await rebuild(operators, messages, 5), [1, 3]);
    assert.deepEqual(await rebuild(operators, [resource(1), resource(2)], 2), []);
    assert.deepEqual(await rebuild(entities, messages, 4), [2, 4]);
  });

  it('is not built over a hole, also by a view that wants little of the stream', async () => {
    const isHole = (error: unknown): boolean => isFault(error, 'STREAM_DAMAGED') && /lacks #2/.test(error.message);
    for (const one of [operators, entities])
      await assert.rejects(rebuild(one, [operator(1), resource(3), operator(4)], 4), isHole);
  });
});
