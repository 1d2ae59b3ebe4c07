// The follower on a real server: order and completeness, whatever happens to the consumer, the server and the connection.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { isFault } from '../../src/core/fault.ts';
import type { FollowOptions, StoredMessage } from '../../src/engine/ports/streams.ts';
import type { JetStreamConnection } from '../../src/jetstream/connection.ts';
import { createFollower } from '../../src/jetstream/follower.ts';
import { leakGuard } from '../support/children.ts';
import { api, bytes, consumersOf, fill, openConnection, type LogLine } from '../support/jetstream.ts';
import { startNatsServer, type TestServer } from '../support/nats-server.ts';
import { waitFor } from '../support/wait-for.ts';

leakGuard();

const MANY = 50_000;
let server: TestServer;
let connection: JetStreamConnection;
let lines: LogLine[];

const makeStream = async (name: string, on = connection): Promise<void> => {
  const { error } = await api(on, `STREAM.CREATE.${name}`, { name, subjects: [`${name}.>`], storage: 'file' });
  assert.equal(error, undefined);
};
const put = (subject: string, text: string, on = connection): Promise<unknown> =>
  on.slots.request(subject, bytes(text));
const dropConsumers = async (stream: string): Promise<void> => {
  for (const name of await consumersOf(connection, stream)) await api(connection, `CONSUMER.DELETE.${stream}.${name}`);
};
const count = (message: string): number => lines.filter((line) => line.message === message).length;

type Following = {
  readonly sequences: number[];
  readonly batches: number[];
  readonly messages: StoredMessage[];
  lastPending: number;
  stop(): Promise<void>;
  readonly ended: Promise<void>;
};

/** Follows in the background and keeps what comes. */
const follow = (
  stream: string,
  options: Partial<Omit<FollowOptions, 'onBatch' | 'signal'>> & {
    readonly on?: JetStreamConnection;
    onBatch?(sequences: readonly number[]): Promise<void> | void;
  } = {},
): Following => {
  const { on = connection, onBatch, ...rest } = options;
  const stopping = new AbortController();
  const following: Following = {
    sequences: [],
    batches: [],
    messages: [],
    lastPending: -1,
    stop: async () => {
      stopping.abort();
      await following.ended;
    },
    ended: createFollower(on, stream).follow({
      fromSequence: 1,
      ...rest,
      signal: stopping.signal,
      onBatch: async (batch, pending) => {
        for (const message of batch) following.sequences.push(message.sequence);
        following.messages.push(...batch);
        following.batches.push(batch.length);
        following.lastPending = pending;
        await onBatch?.(batch.map(({ sequence }) => sequence));
      },
    }),
  };
  following.ended.catch(() => undefined);
  return following;
};

const assertAll = (sequences: readonly number[], total: number): void => {
  assert.equal(sequences.length, total);
  const wrong = sequences.findIndex((sequence, index) => sequence !== index + 1);
  assert.equal(wrong, -1, `sequence ${sequences[wrong]} at place ${wrong}`);
};
const reached = async (following: Following, total: number): Promise<void> => {
  await Promise.race([
    following.ended,
    waitFor(() => following.sequences.length >= total, { what: `${total} messages`, timeoutMs: 60_000 }),
  ]);
};

before(async () => {
  server = await startNatsServer();
  ({ connection, lines } = await openConnection(server));
  for (const name of ['MANY', 'SMALL', 'LAST', 'EMPTY', 'BIG', 'IDLE']) await makeStream(name);
  await fill(connection, { subject: 'MANY.x', count: MANY, size: 100 });
});
after(async () => {
  await connection.close();
  await server.stop();
});

describe('follower', () => {
  it('rests between what it takes, and misses nothing', async () => {
    await makeStream('RESTING');
    for (let count = 0; count < 3; count += 1) await put('RESTING.one', `${count}`);
    const following = follow('RESTING', { restMs: 500 });
    await waitFor(() => following.sequences.length === 3, { what: 'what was there at the start' });
    for (let count = 0; count < 60; count += 1) await put('RESTING.two', `${count}`);
    await waitFor(() => following.sequences.length === 63, { what: 'what came meanwhile' });
    await dropConsumers('RESTING');
    for (let count = 0; count < 20; count += 1) await put('RESTING.three', `${count}`);
    await waitFor(() => following.sequences.length === 83, {
      what: 'what came after its consumer was gone',
      timeoutMs: 20_000,
    });
    await following.stop();
    assert.deepEqual(
      following.sequences,
      Array.from({ length: 83 }, (_, index) => index + 1),
    );
    assert.ok(following.batches.length < 20, `each message by itself: ${following.batches.length} batches`);
  });

  it('reads all in order over a restart and a kill of the server', async () => {
    const remade = count('consumer is made anew');
    let restarts = 0;
    const following = follow('MANY', {
      // The server goes while this batch is worked on: what is buffered by then is only a part of the rest.
      onBatch: async (sequences) => {
        const last = sequences.at(-1) ?? 0;
        if (restarts === 0 && last > 10_000) {
          restarts += 1;
          await server.restart();
        } else if (restarts === 1 && last > 30_000) {
          restarts += 1;
          await server.kill9();
          await server.restart();
        }
      },
    });
    await reached(following, MANY);
    await put('MANY.x', 'one more');
    await reached(following, MANY + 1);
    await following.stop();
    assertAll(following.sequences, MANY + 1);
    assert.equal(restarts, 2);
    assert.ok(count('consumer is made anew') - remade >= 2, 'the consumer did not survive, or this test tests nothing');
  });

  it('reads all in order when its consumer is deleted under it, busy or idle', async () => {
    let deletions = 0;
    const following = follow('MANY', {
      onBatch: async (sequences) => {
        if (deletions > 2 || (sequences.at(-1) ?? 0) < (deletions + 1) * 9000) return;
        deletions += 1;
        await dropConsumers('MANY');
      },
    });
    await reached(following, MANY + 1);
    await dropConsumers('MANY');
    await waitFor(async () => (await consumersOf(connection, 'MANY')).length > 0, { what: 'a new consumer' });
    await put('MANY.x', 'after');
    await reached(following, MANY + 2);
    await following.stop();
    assertAll(following.sequences, MANY + 2);
    assert.equal(deletions, 3);
  });

  it('reads 150 MB of large messages without being cut off by the server', async () => {
    await fill(connection, { subject: 'BIG.x', count: 375, size: 400_000 });
    const other = await openConnection(server, 'big');
    // The first call blocks until the server has sent what it will: that is when too much would wait for the client.
    const following = follow('BIG', { on: other.connection });
    await reached(following, 375);
    await following.stop();
    await other.connection.close();
    assertAll(following.sequences, 375);
    assert.deepEqual(
      other.lines.filter(({ level }) => level === 'warn').map(({ message }) => message),
      [],
    );
    assert.doesNotMatch(server.log(), /Slow Consumer/);
  });

  it('asks for no more than it can keep while a batch is worked on', async () => {
    const gate = new AbortController();
    const opened = new Promise<void>((resolve) => {
      gate.signal.addEventListener('abort', () => resolve());
    });
    const following = follow('MANY', { onBatch: () => opened });
    const sent = async (): Promise<number> => {
      const [name] = await consumersOf(connection, 'MANY');
      const info = await api(connection, `CONSUMER.INFO.MANY.${name}`);
      return (info['delivered'] as { consumer_seq: number }).consumer_seq;
    };
    await waitFor(() => following.batches.length === 1, { what: 'the first batch' });
    let before = -1;
    const settled = await waitFor(
      async () => {
        const now = await sent();
        const isSettled = now === before && now > 5000;
        before = now;
        return isSettled ? now : 0;
      },
      { what: 'the server to stop sending', intervalMs: 200 },
    );
    assert.ok(settled <= 12_000, `${settled} messages were sent to a reader that does not read`);
    gate.abort();
    await reached(following, MANY + 2);
    await following.stop();
    assertAll(following.sequences, MANY + 2);
  });

  it('hands over at most maxBatch, from a sequence, of the subjects asked for, and says what is left', async () => {
    for (let index = 1; index <= 30; index += 1) await put(index % 3 === 0 ? 'SMALL.c' : 'SMALL.x', `n${index}`);
    const following = follow('SMALL', { fromSequence: 10, maxBatch: 4, filters: ['SMALL.c', 'SMALL.none'] });
    await reached(following, 7);
    assert.deepEqual(following.sequences, [12, 15, 18, 21, 24, 27, 30]);
    assert.ok(Math.max(...following.batches) <= 4);
    assert.equal(following.lastPending, 0);
    const [first] = following.messages;
    assert.equal(first?.subject, 'SMALL.c');
    assert.equal(Buffer.from(first?.data ?? []).toString(), 'n12');
    assert.ok(Math.abs(Date.now() - (first?.timeMs ?? 0)) < 60_000);
    await following.stop();
    assert.deepEqual(await waitFor(async () => (await consumersOf(connection, 'SMALL')).length === 0), true);
  });

  it('hands over a message as soon as it is there', async () => {
    const following = follow('IDLE');
    await waitFor(async () => (await consumersOf(connection, 'IDLE')).length > 0);
    for (let index = 1; index <= 5; index += 1) {
      await put('IDLE.x', String(index));
      await reached(following, index);
    }
    assert.deepEqual(following.batches, [1, 1, 1, 1, 1]);
    await following.stop();
  });

  it('is back as soon as the server is, though it was idle', async () => {
    await makeStream('BACK');
    await put('BACK.x', 'before');
    const following = follow('BACK');
    await reached(following, 1);
    const reconnects = count('reconnected to NATS');
    await server.restart();
    await waitFor(() => count('reconnected to NATS') > reconnects, { what: 'the connection' });
    // Its consumer went with the server; without looking at the connection only three missed heartbeats would tell, in six seconds.
    await waitFor(async () => (await consumersOf(connection, 'BACK')).length > 0, {
      what: 'a consumer',
      timeoutMs: 4000,
    });
    await put('BACK.x', 'after');
    await reached(following, 2);
    await following.stop();
    assertAll(following.sequences, 2);
  });

  it('gives the last of each subject, then what comes, each once, also when interrupted in between', async () => {
    for (const subject of ['a', 'b', 'a', 'c', 'b', 'd']) await put(`LAST.${subject}`, subject);
    let interruptions = 0;
    const following = follow('LAST', {
      lastPerSubject: true,
      maxBatch: 1,
      onBatch: async () => {
        if (interruptions > 0) return;
        interruptions += 1;
        await dropConsumers('LAST');
        await put('LAST.e', 'new');
      },
    });
    await reached(following, 5);
    await put('LAST.a', 'again');
    await reached(following, 6);
    await following.stop();
    assert.deepEqual(following.sequences, [3, 4, 5, 6, 7, 8]);
  });

  it('says once that there is nothing to read, and only then', async () => {
    let emptyCount = 0;
    const onEmpty = (): void => {
      emptyCount += 1;
    };
    const following = follow('EMPTY', { lastPerSubject: true, onEmpty });
    await waitFor(() => emptyCount === 1, { what: 'empty' });
    const [firstConsumer] = await consumersOf(connection, 'EMPTY');
    await dropConsumers('EMPTY');
    const [second] = await waitFor(async () => {
      const names = await consumersOf(connection, 'EMPTY');
      return names.length > 0 ? names : undefined;
    });
    assert.notEqual(second, firstConsumer);
    await put('EMPTY.x', '1');
    await reached(following, 1);
    await following.stop();
    assert.equal(emptyCount, 1);
    const again = follow('EMPTY', { onEmpty });
    await reached(again, 1);
    await again.stop();
    assert.equal(emptyCount, 1);
  });

  it('ends with what onBatch throws, and does not go past that batch', async () => {
    const bug = new Error('bug');
    const following = follow('SMALL', {
      maxBatch: 5,
      onBatch: () => {
        throw bug;
      },
    });
    await assert.rejects(following.ended, bug);
    assert.deepEqual(following.sequences, [1, 2, 3, 4, 5].slice(0, following.sequences.length));
  });

  it('ends with a fault when there is no such stream', async () => {
    await assert.rejects(follow('NOSUCH').ended, (error) => isFault(error, 'JS_NOT_FOUND') && error.retry === 'never');
  });
});

describe('follower of messages larger than a pull', () => {
  it('gets them', async () => {
    const large = await startNatsServer({ configuration: 'max_payload: 16MB\nmax_pending: 64MB' });
    const own = await openConnection(large, 'large');
    try {
      await makeStream('L', own.connection);
      await put('L.x', 'small', own.connection);
      await own.connection.slots.request('L.x', new Uint8Array(9 * 1024 * 1024));
      await put('L.x', 'small', own.connection);
      const following = follow('L', { on: own.connection });
      await reached(following, 3);
      await following.stop();
      assertAll(following.sequences, 3);
      assert.equal(following.messages[1]?.data.length, 9 * 1024 * 1024);
    } finally {
      await own.connection.close();
      await large.stop();
    }
  });
});
