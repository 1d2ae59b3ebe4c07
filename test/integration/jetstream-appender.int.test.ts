import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { StreamConfig } from 'nats';
import { Fault, isFault } from '../../src/core/fault.ts';
import type { AppendMessage } from '../../src/engine/ports/streams.ts';
import type { Log } from '../../src/engine/ports/log.ts';
import { createAppender, type AppenderOptions } from '../../src/jetstream/appender.ts';
import { createCommitPacer, type CommitPacer, type CommitWay } from '../../src/jetstream/commit-pacer.ts';
import { connectNats, type JetStreamConnection } from '../../src/jetstream/connection.ts';
import type { SendOptions } from '../../src/jetstream/reply-slots.ts';
import { startNatsServer, type TestServer } from '../support/nats-server.ts';
import { waitFor } from '../support/wait-for.ts';

const silent: Log = { debug() {}, info() {}, warn() {}, error() {}, child: () => silent };
const data = new TextEncoder().encode(JSON.stringify({ filling: 'x'.repeat(200) }));

/** A pacer that always says the same. */
const always = (way: CommitWay): CommitPacer => ({
  ...createCommitPacer(),
  choose: () => way,
  isTrial: false,
  breakEven: way === 'batch' ? 1 : Number.POSITIVE_INFINITY,
});

const message = (subject: string, id: string, expectedLastSequence?: number): AppendMessage => ({
  subject,
  id,
  data,
  ...(expectedLastSequence === undefined ? {} : { expectedLastSequence }),
});

let streamCount = 0;
const newStream = async (connection: JetStreamConnection) => {
  streamCount += 1;
  const name = `S${streamCount}`;
  const manager = await connection.nc.jetstreamManager();
  const config = { name, subjects: [`${name}.>`], allow_atomic: true, allow_direct: true, deny_delete: true };
  await manager.streams.add(config as Partial<StreamConfig> as StreamConfig);
  const stored = async () => {
    const { state } = await manager.streams.info(name);
    const ids: string[] = [];
    let batched = 0;
    for (let sequence = 1; sequence <= state.last_seq; sequence += 1) {
      const { header } = await manager.streams.getMessage(name, { seq: sequence });
      ids.push(header.get('Nats-Msg-Id'));
      if (header.has('Nats-Batch-Id')) batched += 1;
    }
    return { count: state.messages, ids, batched };
  };
  return { name, stored, manager };
};

/** A connection whose answers to requests on `subject` are lost `times` times: what was sent is stored, and nobody hears of it. */
const losingAnswers = (connection: JetStreamConnection, isLost: (subject: string) => boolean): JetStreamConnection => {
  const send = (subject: string, body: Uint8Array, options: SendOptions): void => {
    if (!isLost(subject)) return connection.slots.send(subject, body, options);
    const lose = (): void => options.onFault(new Fault('NATS_TIMEOUT', 'lost'));
    connection.slots.send(subject, body, { ...options, onReply: lose });
  };
  return Object.create(connection, { slots: { value: { ...connection.slots, send } } }) as JetStreamConnection;
};

const failureOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => undefined,
    (error: unknown) => error,
  );

/** Runs `work` for 0..count-1, `width` at a time. */
const inParallel = async (count: number, width: number, work: (index: number) => Promise<void>): Promise<void> => {
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < count) {
      const index = next;
      next += 1;
      await work(index);
    }
  };
  await Promise.all(Array.from({ length: width }, lane));
};

describe('appender on a server', () => {
  let server: TestServer;
  let connection: JetStreamConnection;
  const open = async (options: AppenderOptions = {}, over: JetStreamConnection = connection) => {
    const stream = await newStream(connection);
    return { ...stream, appender: createAppender(over, stream.name, options) };
  };

  before(async () => {
    server = await startNatsServer();
    connection = await connectNats({ url: server.url, name: 'test', log: silent });
  });
  after(async () => {
    await connection.close();
    await server.stop();
  });

  for (const way of ['single', 'batch'] as const) {
    describe(`${way} by ${way}`, () => {
      it('stores 10,000 appends once each and gives their sequences', async () => {
        const { name, appender, manager } = await open({ pacer: always(way) });
        const sequences: number[] = [];
        await inParallel(10_000, 256, async (index) => {
          const [sequence = 0] = await appender.append([message(`${name}.${index}`, `id-${index}`, 0)]);
          sequences.push(sequence);
        });
        assert.equal(new Set(sequences).size, 10_000);
        assert.equal(appender.pending, 0);
        assert.equal((await manager.streams.info(name)).state.messages, 10_000);
        const { subject } = await manager.streams.getMessage(name, { seq: sequences[4711] ?? 0 });
        assert.match(subject, new RegExp(`^${name}\\.\\d+$`));
      });

      it('lets a conflict hit only the append that has it', async () => {
        const { name, appender, stored } = await open({ pacer: always(way) });
        await appender.append([message(`${name}.taken`, 'first', 0)]);
        const works = Array.from({ length: 100 }, (_, index) =>
          index === 37
            ? appender.append([message(`${name}.taken`, 'late', 0)])
            : appender.append([message(`${name}.${index}`, `id-${index}`, 0)]),
        );
        const results = await Promise.allSettled(works);
        assert.deepEqual(
          results.flatMap(({ status }, index) => (status === 'rejected' ? [index] : [])),
          [37],
        );
        assert.ok(isFault((results[37] as PromiseRejectedResult).reason, 'JS_CONFLICT'));
        const { count, ids } = await stored();
        assert.equal(count, 100);
        assert.equal(ids.includes('late'), false);
      });

      it('gives the same sequences for the same ids after answers were lost', async () => {
        let losses = 0;
        const lossy = losingAnswers(connection, (subject) => subject.includes('.lost') && (losses += 1) <= 60);
        const { name, appender, stored } = await open({ pacer: always(way) }, lossy);
        const results = await Promise.all(
          Array.from({ length: 40 }, (_, index) => {
            const expected = index % 2 === 0 ? 0 : undefined;
            return appender.append([message(`${name}.lost.${index}`, `id-${index}`, expected)]);
          }),
        );
        const { ids, count } = await stored();
        assert.ok(losses > 0, 'answers were lost');
        assert.equal(count, 40);
        for (const [index, [sequence = 0]] of results.entries()) assert.equal(ids[sequence - 1], `id-${index}`);
      });

      it('survives kill -9 in the middle: all stored, none twice', async () => {
        const { name, appender, stored } = await open({ pacer: always(way), deadlineMs: 30_000 });
        let done = 0;
        const work = inParallel(2000, 300, async (index) => {
          const several = index % 50 === 0;
          const messages = several
            ? [message(`${name}.${index}.a`, `${index}-a`, 0), message(`${name}.${index}.b`, `${index}-b`, 0)]
            : [message(`${name}.${index}`, String(index), 0)];
          const sequences = await appender.append(messages);
          assert.equal(sequences.length, messages.length);
          done += 1;
        });
        await waitFor(() => done > 600, { what: 'a third is done', intervalMs: 1 });
        await server.kill9();
        await server.restart();
        await work;
        const { ids, count } = await stored();
        assert.equal(count, 2040);
        assert.equal(new Set(ids).size, 2040);
      });
    });
  }

  it('keeps appends of several messages whole, with consecutive sequences', async () => {
    const { name, appender, stored } = await open();
    const works = Array.from({ length: 60 }, (_, index) =>
      appender.append([
        message(`${name}.a.${index}`, `a-${index}`, 0),
        message(`${name}.a.${index}`, `b-${index}`),
        message(`${name}.c.${index}`, `c-${index}`, index === 5 ? 99 : 0),
      ]),
    );
    const results = await Promise.allSettled(works);
    const { ids, count } = await stored();
    assert.equal(count, 59 * 3);
    for (const [index, result] of results.entries()) {
      if (index === 5) assert.ok(result.status === 'rejected' && isFault(result.reason, 'JS_CONFLICT'));
      else {
        assert.ok(result.status === 'fulfilled');
        const found = result.value.map((sequence) => ids[sequence - 1]);
        assert.deepEqual(found, [`a-${index}`, `b-${index}`, `c-${index}`]);
      }
    }
  });

  it('recognises its own append when it comes again, also behind later messages', async () => {
    const { name, appender } = await open();
    const one = [message(`${name}.one`, 'one', 0)];
    const two = [message(`${name}.x`, 'x', 0), message(`${name}.y`, 'y', 0)];
    const unchecked = [message(`${name}.u`, 'u1'), message(`${name}.v`, 'v1')];
    const before = [await appender.append(one), await appender.append(two), await appender.append(unchecked)];
    await appender.append([message(`${name}.one`, 'later', before[0]?.[0] ?? 0)]);
    const again = [await appender.append(one), await appender.append(two), await appender.append(unchecked)];
    assert.deepEqual(again, before);
  });

  it('takes a batch of 1000, and refuses 1001 and messages that are too large', async () => {
    const { name, appender, manager } = await open();
    const many = (count: number) =>
      Array.from({ length: count }, (_, index) => message(`${name}.${index}`, `${count}-${index}`));
    const sequences = await appender.append(many(1000));
    assert.deepEqual([sequences[0], sequences[999]], [1, 1000]);
    assert.ok(isFault(await failureOf(appender.append(many(1001))), 'JS_REFUSED'));
    const large = { subject: `${name}.large`, id: 'large', data: new Uint8Array(1_100_000) };
    assert.ok(isFault(await failureOf(appender.append([large])), 'JS_TOO_LARGE'));
    const withLarge = [message(`${name}.p`, 'p'), large, message(`${name}.q`, 'q')];
    assert.ok(isFault(await failureOf(appender.append(withLarge)), 'JS_TOO_LARGE'));
    assert.equal((await manager.streams.info(name)).state.messages, 1000);
    assert.deepEqual(await appender.append([message(`${name}.next`, 'next', 0)]), [1001]);
  });

  it('refuses what would be protocol', async () => {
    const { name, appender } = await open();
    await assert.rejects(appender.append([message(`${name}.a b`, 'x')]));
    await assert.rejects(appender.append([message(`${name}.a`, 'x\r\nEvil: 1')]));
    assert.equal(appender.pending, 0);
  });

  it('says that a stream is missing, after trying', async () => {
    const appender = createAppender(connection, 'NONE', { deadlineMs: 300 });
    const failure = await failureOf(appender.append([message('none.x', 'x')]));
    assert.ok(isFault(failure, 'NATS_TIMEOUT'));
    assert.equal(failure.details['last'], 'NATS_NO_RESPONDERS');
  });

  it('waits for what is under way when it is closed, and takes nothing more', async () => {
    const { name, appender } = await open();
    const works = Array.from({ length: 50 }, (_, index) => appender.append([message(`${name}.${index}`, `${index}`)]));
    assert.equal(await appender.close(), 0);
    assert.equal((await Promise.all(works)).length, 50);
    assert.ok(isFault(await failureOf(appender.append([message(`${name}.z`, 'z')])), 'NATS_UNREACHABLE'));
  });
});

describe('appender without its server', () => {
  it('gives up at the deadline', async () => {
    const server = await startNatsServer();
    const connection = await connectNats({ url: server.url, name: 'test', log: silent });
    const { name } = await newStream(connection);
    const appender = createAppender(connection, name, { deadlineMs: 400 });
    await server.kill9();
    const startedMs = performance.now();
    const failure = await failureOf(appender.append([message(`${name}.x`, 'x')]));
    assert.ok(isFault(failure, 'NATS_TIMEOUT'));
    assert.ok(performance.now() - startedMs < 5000);
    assert.equal(appender.pending, 0);
    await connection.close();
    await server.stop();
  });

  it('is told at once when it may not wait, and that a server is missing', async () => {
    const failure = await failureOf(
      connectNats({ url: 'nats://127.0.0.1:9', name: 'test', log: silent, waitForServer: false }),
    );
    assert.ok(isFault(failure, 'NATS_UNREACHABLE'));
  });
});

describe('appender with sync_interval: always', () => {
  it('groups appends that wait at the same time', async () => {
    const server = await startNatsServer({ syncAlways: true });
    const connection = await connectNats({ url: server.url, name: 'test', log: silent });
    const { name, stored } = await newStream(connection);
    const appender = createAppender(connection, name);
    await inParallel(4000, 256, async (index) => {
      await appender.append([message(`${name}.${index}`, `id-${index}`, 0)]);
    });
    const { count, batched } = await stored();
    assert.equal(count, 4000);
    assert.ok(batched > 1000, `${batched} of 4000 in batches`);
    await connection.close();
    await server.stop();
  });
});
