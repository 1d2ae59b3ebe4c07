import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { headers, type MsgHdrs } from 'nats';
import type { JetStreamConnection } from '../../../src/jetstream/connection.ts';
import { parsePosition } from '../../../src/jetstream/delivery.ts';
import { createFollower } from '../../../src/jetstream/follower.ts';
import { silentLog } from '../../support/silent-log.ts';
import { waitFor } from '../../support/wait-for.ts';

const position = { sequence: 4711, delivery: 12, timeMs: 1_795_411_427_152.07, pending: 99 };

const check = (reply: string): void => {
  const found = parsePosition(reply);
  assert.ok(found !== undefined);
  assert.ok(Math.abs(found.timeMs - position.timeMs) < 0.01, `time ${found.timeMs}`);
  assert.deepEqual({ ...found, timeMs: position.timeMs }, position);
};

describe('position of a delivery', () => {
  it('is read from the first form of ack subjects', () => {
    check('$JS.ACK.OPSTREAM_EVENTS.KvItcbld.1.4711.12.1795411427152069921.99');
  });

  it('is read from the form with domain and account, with and without the token at the end', () => {
    check('$JS.ACK._.AbC123.OPSTREAM_EVENTS.KvItcbld.1.4711.12.1795411427152069921.99.x7Zk');
    check('$JS.ACK._.AbC123.OPSTREAM_EVENTS.KvItcbld.1.4711.12.1795411427152069921.99');
  });

  it('is not disturbed by names that look like numbers', () => {
    check('$JS.ACK.2024.77.1.4711.12.1795411427152069921.99');
  });

  it('is not there on any other subject', () => {
    for (const reply of ['', '_INBOX.a.b', '$JS.ACK', '$JS.ACK.S.C.1.2.3', '$JS.API.1.2.3.4.5.6.7.8'])
      assert.equal(parsePosition(reply), undefined, reply);
  });
});

type Delivered = {
  readonly subject: string;
  readonly data: Uint8Array;
  readonly reply?: string;
  readonly headers?: MsgHdrs;
};

/** A connection whose server is the test: it says what is delivered, and sees which consumers and pulls are asked for. */
const rig = () => {
  const starts: number[] = [];
  const pulls: string[] = [];
  let deliver: (message: Delivered) => void = () => undefined;
  const answer = (subject: string, data: Uint8Array): unknown => {
    if (!subject.startsWith('$JS.API.CONSUMER.CREATE.')) return {};
    const { config } = JSON.parse(new TextDecoder().decode(data)) as { config: { opt_start_seq: number } };
    starts.push(config.opt_start_seq);
    return { name: `c${starts.length}`, num_pending: 100 };
  };
  const connection = {
    log: silentLog,
    slots: {
      request: (subject: string, data: Uint8Array) =>
        Promise.resolve({ data: new TextEncoder().encode(JSON.stringify(answer(subject, data))) }),
    },
    nc: {
      publish: (subject: string) => pulls.push(subject),
      subscribe: (_subject: string, options: { callback(error: Error | null, message: Delivered): void }) => {
        deliver = (message) => options.callback(null, message);
        return { unsubscribe: () => undefined };
      },
    },
    onReconnect: () => () => undefined,
  };
  const sequences: number[] = [];
  const stopping = new AbortController();
  const ended = createFollower(connection as unknown as JetStreamConnection, 'S').follow({
    fromSequence: 1,
    signal: stopping.signal,
    onBatch: (batch) => {
      for (const { sequence } of batch) sequences.push(sequence);
    },
  });
  return {
    starts,
    pulls,
    sequences,
    message: (sequence: number, delivery: number) =>
      deliver({ subject: 's.x', data: new Uint8Array(1), reply: `$JS.ACK.S.c.1.${sequence}.${delivery}.0.9` }),
    status: (code: number) => {
      const fields = headers(code, 'status');
      deliver({ subject: 's', data: new Uint8Array(), headers: fields });
    },
    stop: async () => {
      stopping.abort();
      await ended;
    },
  };
};

/** Waits without timers, which are mocked. */
const turnsUntil = async (isThere: () => boolean): Promise<void> => {
  for (let turn = 0; turn < 1000 && !isThere(); turn += 1) await Promise.resolve();
  assert.ok(isThere());
};

describe('follower', () => {
  it('throws a consumer away that skips a delivery, and reads on behind the last message handed over', async () => {
    const { starts, pulls, sequences, message, stop } = rig();
    await waitFor(() => pulls.length > 0);
    message(1, 1);
    message(2, 2);
    message(4, 4);
    await waitFor(() => starts.length === 2, { what: 'a second consumer' });
    await stop();
    assert.deepEqual(sequences, [1, 2]);
    assert.deepEqual(starts, [1, 3]);
  });

  it('takes a jump of the stream for what it is: other subjects, or messages that were deleted', async () => {
    const { starts, pulls, sequences, message, stop } = rig();
    await waitFor(() => pulls.length > 0);
    message(1, 1);
    message(7, 2);
    await waitFor(() => sequences.length === 2);
    await stop();
    assert.deepEqual(sequences, [1, 7]);
    assert.deepEqual(starts, [1]);
  });

  it('throws a consumer away that is silent: no message and no heartbeat', async (t) => {
    const { starts, pulls, status, stop } = rig();
    t.mock.timers.enable({ apis: ['setInterval'] });
    await turnsUntil(() => pulls.length === 1);
    t.mock.timers.tick(4000);
    status(100);
    t.mock.timers.tick(6000);
    assert.equal(starts.length, 1);
    t.mock.timers.tick(2000);
    t.mock.timers.reset();
    await waitFor(() => starts.length === 2, { what: 'a second consumer' });
    await stop();
  });
});
