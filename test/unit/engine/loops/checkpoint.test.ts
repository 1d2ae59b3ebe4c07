import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decodeJson } from '../../../../src/core/decode.ts';
import { isFault } from '../../../../src/core/fault.ts';
import { askUntilAnswered, runAskList } from '../../../../src/engine/loops/ask-list.ts';
import { openCheckpoint } from '../../../../src/engine/loops/checkpoint.ts';
import { createTurn, everyShard, leaseOf, type ShardGroup } from '../../../../src/engine/loops/turn.ts';
import { Fault } from '../../../../src/core/fault.ts';
import type { StoredMessage } from '../../../../src/engine/ports/streams.ts';
import { namesFor } from '../../../../src/messages/subjects.ts';
import { arrayFollower, manualClock, memoryStore, stored } from '../../../support/memory-ports.ts';

const message = (sequence: number): StoredMessage => stored(sequence, 'opstream.status.00.o.w.n', {});
const inStore = (store: ReturnType<typeof memoryStore>, key: string): unknown => {
  const entry = store.entries.get(key);
  return entry === undefined ? undefined : decodeJson(entry.data);
};

describe('a checkpoint', () => {
  it('is written when it is due, and once more at the end', async () => {
    const positions = memoryStore();
    const isDue = ({ messages }: { readonly messages: number }): boolean => messages >= 3;
    const open = () => openCheckpoint({ positions, key: 'checkpoint.x', clock: manualClock(), isDue, facts: { a: 1 } });
    const checkpoint = await open();
    assert.equal(checkpoint.next, 1);
    await checkpoint.handled([message(1), message(2)], 0);
    assert.equal(inStore(positions, 'checkpoint.x'), undefined);
    await checkpoint.handled([message(5)], 0);
    assert.deepEqual(inStore(positions, 'checkpoint.x'), { sequence: 5, a: 1 });
    await checkpoint.handled([message(6)], 0);
    await checkpoint.write();
    await checkpoint.write();
    assert.equal(positions.commits, 2);
    assert.equal((await open()).next, 7);
  });

  it('tells when somebody else has written it, where that ends the loop', async () => {
    const positions = memoryStore();
    const options = { positions, key: 'checkpoint.x', clock: manualClock(), takenOver: 'taken over' };
    const [first, second] = [await openCheckpoint(options), await openCheckpoint(options)];
    await first.handled([message(1)], 0);
    await second.handled([message(2)], 0);
    await first.write();
    await assert.rejects(second.write(), (error) => isFault(error, 'LEASE_LOST'));
    assert.deepEqual(inStore(positions, 'checkpoint.x'), { sequence: 1 });
  });
});

describe('a turn', () => {
  const some: ShardGroup = { name: 'low', shards: ['00', '01'] };
  const turnOf = (group: ShardGroup, positions = memoryStore()) =>
    createTurn({ group, fence: 1, signal: new AbortController().signal, positions, clock: manualClock() });

  it('reads all of a stream in the one group of all shards, and its part in another', () => {
    const { statusFilter } = namesFor('opstream');
    assert.deepEqual(turnOf(everyShard).filters(statusFilter), ['opstream.status.>']);
    assert.deepEqual(turnOf(some).filters(statusFilter), ['opstream.status.00.>', 'opstream.status.01.>']);
    assert.deepEqual([leaseOf('runtime', everyShard), leaseOf('runtime', some)], ['runtime', 'runtime.low']);
  });

  it('keeps the positions of groups apart', async () => {
    const positions = memoryStore();
    for (const group of [everyShard, some]) {
      const checkpoint = await turnOf(group, positions).checkpoint('x');
      await checkpoint.handled([message(4)], 0);
      await checkpoint.write();
    }
    assert.deepEqual([...positions.entries.keys()], ['checkpoint.x', 'checkpoint.x.low']);
  });

  it('asks about what it reads, and passes what is answered', async () => {
    const positions = memoryStore();
    const asked: number[] = [];
    await runAskList({
      ...{ turn: turnOf(everyShard, positions), loop: 'x', filter: 'opstream.status.>', restMs: 0 },
      follower: arrayFollower([message(1), message(2), message(3)], 2),
      itemsIn: (batch) => batch.map(({ sequence }) => sequence).filter((sequence) => sequence !== 2),
      ask: async (sequence) => {
        asked.push(sequence);
      },
    });
    assert.deepEqual(asked, [1, 3]);
    assert.deepEqual(inStore(positions, 'checkpoint.x'), { sequence: 3 });
  });
});

describe('asking until there is an answer', () => {
  const question = { subject: 's', body: new Uint8Array(), headers: {} };
  const reply = (text: string) => ({ data: new TextEncoder().encode(text), headers: {} });

  it('passes over faults and what is no receipt', async () => {
    const answers = [new Fault('NATS_TIMEOUT', 'late'), reply('{}'), reply('{"accepted":false}')];
    const faults: unknown[] = [];
    const receipt = await askUntilAnswered(question, {
      requester: {
        request: async () => {
          const answer = answers.shift();
          if (answer === undefined || answer instanceof Fault) throw answer ?? new Error('asked too often');
          return answer as never;
        },
      },
      clock: manualClock(),
      signal: new AbortController().signal,
      retryMs: 10,
      onFault: (error) => faults.push(error),
    });
    assert.equal(receipt?.accepted, false);
    assert.equal(faults.length, 1);
  });
});
