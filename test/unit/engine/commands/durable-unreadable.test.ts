// A durable command whose stored outcome cannot be read: it is neither carried out again nor does it stop those behind it.

import assert from 'node:assert/strict';
import { it } from 'node:test';
import { Fault } from '../../../../src/core/fault.ts';
import { createCommandDoors } from '../../../../src/engine/commands/command-doors.ts';
import type { Delivery } from '../../../../src/engine/ports/streams.ts';
import { datasetOf } from '../../../support/manifests.ts';
import { manualClock } from '../../../support/memory-ports.ts';
import { silentLog } from '../../../support/silent-log.ts';

it('a durable command whose outcome cannot be read is set aside after some tries', async () => {
  const happened: string[] = [];
  const done = new AbortController();
  const unreadable = async (): Promise<never> => {
    throw new Fault('DOCUMENT_INVALID', 'the outcome cannot be read');
  };
  const doors = createCommandDoors({
    executor: {
      execute: () => {
        happened.push('tried');
        return unreadable();
      },
    },
    outcomes: { find: unreadable, record: unreadable },
    ids: { next: () => 'id' },
    clock: manualClock(),
    log: silentLog,
    deadLetters: async ({ code }) => {
      happened.push(`dead letter ${code}`);
    },
    commandStream: 'COMMANDS',
    erase: async () => undefined,
  });
  const delivery: Delivery = {
    ...{ sequence: 7, subject: 'opstream.cmd.apply', timeMs: 0, attempt: 1, header: () => undefined },
    data: new TextEncoder().encode(JSON.stringify(datasetOf('op', 'a', {}))),
    ack: () => {
      happened.push('ack');
      done.abort();
    },
    nak: () => undefined,
    working: () => undefined,
  };
  let rounds = 0;
  const queue = {
    consume: async ({ onDelivery }: { onDelivery(delivery: Delivery): void }) => {
      rounds += 1;
      assert.ok(rounds < 10, 'it is tried for ever');
      onDelivery(delivery);
    },
  };
  await doors.consumeDurable(queue, done.signal);
  assert.deepEqual(happened, [...Array<string>(5).fill('tried'), 'dead letter DOCUMENT_INVALID', 'ack']);
});
