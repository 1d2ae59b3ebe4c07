// The durable door and what may hold a secret: erased before the ack, withheld from dead letters; nothing else is touched.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createCommandDoors } from '../../../../src/engine/commands/command-doors.ts';
import { Fault } from '../../../../src/core/fault.ts';
import type { Delivery, StoredMessage } from '../../../../src/engine/ports/streams.ts';
import { datasetOf } from '../../../support/manifests.ts';
import { memoryEvents, memoryHandler } from '../../../support/memory-handler.ts';
import { silentLog } from '../../../support/silent-log.ts';

const SECRET = { name: 'db', version: 'v1', secret: { type: 'key-value', acl: 'r', data: { A: 'hidden-value' } } };

/** What happens to one durable command, in order. */
const deliver = async (body: object, options: { readonly header?: string; readonly eraseFails?: number } = {}) => {
  const happened: string[] = [];
  const letters: string[] = [];
  let failures = options.eraseFails ?? 0;
  const handler = memoryHandler(memoryEvents());
  const doors = createCommandDoors({
    executor: handler.executor,
    outcomes: {
      find: async () => undefined,
      record: async (_origin, receipt) => {
        assert.ok(!JSON.stringify(receipt).includes('hidden-value'));
        happened.push('outcome');
        return receipt;
      },
    },
    ids: { next: () => 'id' },
    clock: handler.clock,
    log: silentLog,
    deadLetters: async (_origin, message: StoredMessage) => {
      letters.push(new TextDecoder().decode(message.data));
      happened.push('dead letter');
    },
    commandStream: 'COMMANDS',
    erase: async (sequence) => {
      if (failures > 0) {
        failures -= 1;
        throw new Fault('JS_UNAVAILABLE', 'away');
      }
      happened.push(`erase ${sequence}`);
    },
  });
  const done = new AbortController();
  const delivery: Delivery = {
    sequence: 7,
    subject: 'opstream.cmd.apply',
    data: new TextEncoder().encode(JSON.stringify(body)),
    timeMs: 0,
    attempt: 1,
    header: (name) => (name === 'Opstream-Dry-Run' ? options.header : undefined),
    ack: () => {
      happened.push('ack');
      done.abort();
    },
    nak: () => undefined,
    working: () => undefined,
  };
  const queue = {
    consume: async ({ onDelivery }: { onDelivery(delivery: Delivery): void }) => onDelivery(delivery),
  };
  await doors.consumeDurable(queue, done.signal);
  return { happened, letters };
};

describe('a durable command', () => {
  it('with a secret is erased before it is acknowledged', async () => {
    assert.deepEqual((await deliver(SECRET)).happened.slice(-2), ['erase 7', 'ack']);
  });

  it('with a secret is not acknowledged until it is erased', async () => {
    const { happened } = await deliver(SECRET, { eraseFails: 3 });
    assert.deepEqual(happened.slice(-2), ['erase 7', 'ack']);
    assert.equal(happened.filter((one) => one === 'ack').length, 1);
  });

  it('with a secret that is set aside is withheld and erased', async () => {
    const { happened, letters } = await deliver(SECRET, { header: 'perhaps' });
    assert.deepEqual(happened, ['dead letter', 'outcome', 'erase 7', 'ack']);
    assert.match(letters[0] ?? '', /^\(withheld/);
  });

  it('without one is acknowledged, and kept whole when it is set aside', async () => {
    const body = datasetOf('op', 'plain', { text: 'nothing to hide' });
    assert.ok(!(await deliver(body)).happened.includes('erase 7'));
    const { letters, happened } = await deliver(body, { header: 'perhaps' });
    assert.match(letters[0] ?? '', /nothing to hide/);
    assert.ok(!happened.includes('erase 7'));
  });
});
