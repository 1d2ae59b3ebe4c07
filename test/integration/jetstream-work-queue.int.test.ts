// The work queue on a real server: order, the bound on what is in flight, redelivery, `restart`, and healing.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { isFault } from '../../src/core/fault.ts';
import type { Delivery } from '../../src/engine/ports/streams.ts';
import type { JetStreamConnection } from '../../src/jetstream/connection.ts';
import { createWorkQueue, type WorkQueueOptions } from '../../src/jetstream/work-queue.ts';
import { leakGuard } from '../support/children.ts';
import { api, bytes, consumersOf, openConnection, textOf } from '../support/jetstream.ts';
import { startNatsServer, type TestServer } from '../support/nats-server.ts';
import { waitFor } from '../support/wait-for.ts';

leakGuard();

let server: TestServer;
let connection: JetStreamConnection;

before(async () => {
  server = await startNatsServer();
  ({ connection } = await openConnection(server));
});
after(async () => {
  await connection.close();
  await server.stop();
});

const makeStream = async (name: string): Promise<void> => {
  const config = { name, subjects: [`${name}.>`], storage: 'file', retention: 'workqueue' };
  assert.equal((await api(connection, `STREAM.CREATE.${name}`, config)).error, undefined);
};
const put = async (subject: string, ...texts: readonly string[]): Promise<void> => {
  for (const text of texts) await connection.slots.request(subject, bytes(text), { timeoutMs: 10_000 });
};
const left = async (stream: string): Promise<number> =>
  ((await api(connection, `STREAM.INFO.${stream}`))['state'] as { messages: number }).messages;
const configOfConsumer = async (stream: string, name: string): Promise<Readonly<Record<string, unknown>>> =>
  (await api(connection, `CONSUMER.INFO.${stream}.${name}`))['config'] as Readonly<Record<string, unknown>>;

type Consuming = {
  readonly deliveries: Delivery[];
  texts(): readonly string[];
  stop(): Promise<void>;
  readonly ended: Promise<void>;
};

const consume = (
  stream: string,
  options: WorkQueueOptions & {
    readonly maxInFlight?: number;
    readonly restart?: boolean;
    onDelivery?(delivery: Delivery): void;
  } = {},
): Consuming => {
  const { maxInFlight = 10, restart = false, onDelivery, ...rest } = options;
  const stopping = new AbortController();
  const deliveries: Delivery[] = [];
  const ended = createWorkQueue(connection, stream, 'worker', rest).consume({
    maxInFlight,
    restart,
    signal: stopping.signal,
    onDelivery: (delivery) => {
      deliveries.push(delivery);
      onDelivery?.(delivery);
    },
  });
  ended.catch(() => undefined);
  return {
    deliveries,
    texts: () => deliveries.map(({ data }) => textOf(data)),
    stop: async () => {
      stopping.abort();
      await ended;
    },
    ended,
  };
};
const ack = (delivery: Delivery): void => delivery.ack();
const came = (consuming: Consuming, count: number): Promise<unknown> =>
  waitFor(() => consuming.deliveries.length >= count, { what: `${count} deliveries`, timeoutMs: 20_000 });

describe('work queue', () => {
  it('delivers in order, no more than maxInFlight unsettled, and what is acknowledged is gone', async () => {
    await makeStream('ORDER');
    const texts = Array.from({ length: 40 }, (_, index) => `n${index}`);
    await put('ORDER.x', ...texts);
    const consuming = consume('ORDER', { maxInFlight: 7 });
    await came(consuming, 7);
    // The server knows best whether it holds something back.
    const info = await api(connection, 'CONSUMER.INFO.ORDER.worker');
    assert.equal(info['num_ack_pending'], 7);
    assert.equal(consuming.deliveries.length, 7);
    for (let index = 0; index < 40; index += 1) {
      await came(consuming, index + 1);
      consuming.deliveries[index]?.ack();
    }
    assert.deepEqual(consuming.texts(), texts);
    await waitFor(async () => (await left('ORDER')) === 0, { what: 'an empty queue' });
    const [first] = consuming.deliveries;
    assert.equal(first?.sequence, 1);
    assert.equal(first?.subject, 'ORDER.x');
    assert.equal(first?.attempt, 1);
    assert.ok(Math.abs(Date.now() - (first?.timeMs ?? 0)) < 60_000);
    await consuming.stop();
  });

  it('delivers again after a nak, not before its delay, and counts the attempts', async () => {
    await makeStream('NAK');
    await put('NAK.x', 'a');
    let refusedMs = 0;
    let againMs = 0;
    const consuming = consume('NAK', {
      onDelivery: (delivery) => {
        if (delivery.attempt === 1) {
          refusedMs = performance.now();
          delivery.nak(400);
        } else {
          againMs = performance.now();
          delivery.ack();
        }
      },
    });
    await came(consuming, 2);
    await consuming.stop();
    assert.deepEqual(
      consuming.deliveries.map(({ attempt }) => attempt),
      [1, 2],
    );
    assert.ok(againMs - refusedMs >= 390, `came again after ${againMs - refusedMs} ms`);
  });

  it('delivers again what nobody settles in time, unless it is said that work goes on', async () => {
    await makeStream('WAIT');
    await put('WAIT.x', 'busy', 'forgotten');
    const consuming = consume('WAIT', { ackWaitMs: 600 });
    await came(consuming, 2);
    const [busy] = consuming.deliveries;
    const beat = setInterval(() => busy?.working(), 150);
    try {
      await came(consuming, 4);
    } finally {
      clearInterval(beat);
    }
    assert.deepEqual(consuming.texts(), ['busy', 'forgotten', 'forgotten', 'forgotten']);
    for (const delivery of consuming.deliveries) delivery.ack();
    await consuming.stop();
  });

  it('begins, after a restart, with what an earlier holder left unsettled, in order', async () => {
    await makeStream('AGAIN');
    await put('AGAIN.x', '1', '2', '3', '4', '5', '6');
    const first = consume('AGAIN');
    await came(first, 6);
    for (const index of [0, 1, 3]) first.deliveries[index]?.ack();
    await waitFor(async () => (await left('AGAIN')) === 3, { what: 'three acknowledged' });
    await first.stop();
    await put('AGAIN.x', '7');
    const second = consume('AGAIN', { restart: true, onDelivery: ack });
    await came(second, 4);
    await second.stop();
    assert.deepEqual(second.texts(), ['3', '5', '6', '7']);
    assert.ok(second.deliveries.every(({ attempt }) => attempt === 1));
  });

  it('takes another configuration to the consumer that is there', async () => {
    await makeStream('TUNE');
    for (const [maxInFlight, ackWaitMs] of [
      [5, 10_000],
      [9, 20_000],
      [3, 5000],
    ] as const) {
      const consuming = consume('TUNE', { maxInFlight, ackWaitMs, onDelivery: ack });
      await put('TUNE.x', `with ${maxInFlight}`);
      await came(consuming, 1);
      await consuming.stop();
      const config = await configOfConsumer('TUNE', 'worker');
      assert.equal(config['max_ack_pending'], maxInFlight);
      assert.equal(config['ack_wait'], ackWaitMs * 1_000_000);
      assert.equal(config['max_deliver'], -1);
    }
  });

  it('goes on over a kill of the server', async () => {
    await makeStream('KILL');
    const consuming = consume('KILL', { onDelivery: ack });
    await put('KILL.x', 'before');
    await came(consuming, 1);
    await waitFor(async () => (await left('KILL')) === 0);
    await server.kill9();
    await server.restart();
    await put('KILL.x', 'after');
    await waitFor(() => consuming.texts().includes('after'), { what: 'a delivery', timeoutMs: 30_000 });
    await waitFor(async () => (await left('KILL')) === 0, { what: 'an empty queue' });
    await consuming.stop();
  });

  it('makes its consumer anew when somebody deletes it', async () => {
    await makeStream('GONE');
    const consuming = consume('GONE', { onDelivery: ack });
    await put('GONE.x', 'before');
    await came(consuming, 1);
    await api(connection, 'CONSUMER.DELETE.GONE.worker');
    await put('GONE.x', 'after');
    await waitFor(() => consuming.texts().includes('after'), { what: 'a delivery', timeoutMs: 30_000 });
    await consuming.stop();
    assert.deepEqual(await consumersOf(connection, 'GONE'), ['worker']);
  });

  it('takes only the subjects asked for', async () => {
    await makeStream('PART');
    await put('PART.a', 'a1');
    await put('PART.b', 'b1');
    const consuming = consume('PART', { filterSubjects: ['PART.b'], onDelivery: ack });
    await came(consuming, 1);
    await waitFor(async () => (await left('PART')) === 1);
    await consuming.stop();
    assert.deepEqual(consuming.texts(), ['b1']);
  });

  it('stops at once, also when it has not begun', async () => {
    await makeStream('STOP');
    const consuming = consume('STOP');
    const startedMs = performance.now();
    await consuming.stop();
    assert.ok(performance.now() - startedMs < 3000);
    await put('STOP.x', 'a');
    assert.equal(consuming.deliveries.length, 0);
  });

  it('ends with a fault when the server refuses the consumer', async () => {
    const config = { name: 'MINE', subjects: ['MINE.>'], storage: 'file', retention: 'workqueue' };
    await api(connection, 'STREAM.CREATE.MINE', config);
    const other = { durable_name: 'other', ack_policy: 'explicit', deliver_policy: 'all' };
    await api(connection, 'CONSUMER.CREATE.MINE.other', { stream_name: 'MINE', config: { ...other, name: 'other' } });
    await assert.rejects(consume('MINE').ended, (error) => isFault(error, 'JS_REFUSED') && error.retry === 'never');
  });
});
