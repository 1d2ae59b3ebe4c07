import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decodeJson } from '../../../../src/core/decode.ts';
import { isFault } from '../../../../src/core/fault.ts';
import { runDispatch } from '../../../../src/engine/dispatch/dispatch-loop.ts';
import { createOperatorDirectory } from '../../../../src/engine/history/operator-directory.ts';
import { createTurn, everyShard } from '../../../../src/engine/loops/turn.ts';
import type { StoredMessage } from '../../../../src/engine/ports/streams.ts';
import { namesFor, resourceRef } from '../../../../src/messages/subjects.ts';
import { drivenClock } from '../../../../src/testing/driven-clock.ts';
import { arrayFollower, memoryStore, stored } from '../../../support/memory-ports.ts';
import { silentLog } from '../../../support/silent-log.ts';

const names = namesFor('opstream');
/** None of ours: handling it is setting it aside, which a test can see. */
const message = (sequence: number): StoredMessage =>
  stored(sequence, names.event(resourceRef('public', 'a')), 'not json');

const rig = (positions = memoryStore()) => {
  const handled: number[] = [];
  const clock = drivenClock();
  const run = (messages: readonly StoredMessage[], batchSize: number): Promise<void> =>
    runDispatch({
      names,
      turn: createTurn({ ...{ group: everyShard, positions, fence: 1, clock }, signal: new AbortController().signal }),
      follower: arrayFollower(messages, batchSize),
      snapshots: { read: async () => ({ messages: [] }) },
      directory: createOperatorDirectory(names),
      clock,
      log: silentLog,
      channel: () => Promise.reject(new Error('nothing is to be sent')),
      onReleased: async () => undefined,
      onOperator: () => undefined,
      deadLetter: async ({ sequence }) => {
        handled.push(sequence);
      },
    });
  const passed = (): unknown => {
    const entry = positions.entries.get('checkpoint.dispatch');
    return entry === undefined ? 0 : (decodeJson(entry.data) as { sequence: number }).sequence;
  };
  return { run, handled, passed };
};

describe('the dispatch loop', () => {
  it('stops at a hole in the stream: what is behind it is not handled, and the checkpoint does not pass it', async () => {
    for (const batchSize of [1, 2, 3]) {
      const { run, handled, passed } = rig();
      await assert.rejects(
        run([message(1), message(2), message(4), message(5)], batchSize),
        (error) => isFault(error, 'STREAM_DAMAGED') && /it lacks #3/.test(error.message) && error.retry === 'later',
      );
      assert.ok(handled.every((sequence) => sequence < 3));
      assert.ok((passed() as number) < 3);
    }
  });

  it('takes for a hole what is missing right behind its checkpoint', async () => {
    const positions = memoryStore();
    const data = new TextEncoder().encode('{"sequence":7,"fence":1}');
    await positions.commit([{ key: 'checkpoint.dispatch', data }]);
    const { run, handled } = rig(positions);
    await assert.rejects(run([message(7), message(9)], 3), /it lacks #8/);
    assert.deepEqual(handled, []);
  });
});
