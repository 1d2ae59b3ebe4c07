// Writes that are called off, and subscriptions, while the server is frozen or away: who waits is told at once, and nothing that was not under
// way is sent once the server is back.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { StreamConfig } from 'nats';
import { isFault } from '../../src/core/fault.ts';
import type { AppendMessage } from '../../src/engine/ports/streams.ts';
import { createAppender } from '../../src/jetstream/appender.ts';
import { createCommitPacer, type CommitPacer, type CommitWay } from '../../src/jetstream/commit-pacer.ts';
import { connectNats, type JetStreamConnection } from '../../src/jetstream/connection.ts';
import { createKeyValueStore } from '../../src/jetstream/key-value-store.ts';
import { createStreamReader } from '../../src/jetstream/stream-reader.ts';
import { createSubscriber } from '../../src/jetstream/subscriber.ts';
import { startNatsServer, type TestServer } from '../support/nats-server.ts';
import { silentLog } from '../support/silent-log.ts';
import { waitFor } from '../support/wait-for.ts';

const data = new TextEncoder().encode('{}');
const message = (subject: string): AppendMessage => ({ subject, id: subject, data, expectedLastSequence: 0 });
const always = (way: CommitWay): CommitPacer => ({
  ...createCommitPacer(),
  choose: () => way,
  isTrial: false,
  breakEven: way === 'batch' ? 1 : Number.POSITIVE_INFINITY,
});
const failureOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => undefined,
    (error: unknown) => error,
  );

describe('a server that is frozen or away', () => {
  let server: TestServer;
  let connection: JetStreamConnection;
  const freeze = (): boolean => process.kill(server.pid, 'SIGSTOP');
  const thaw = (): boolean => process.kill(server.pid, 'SIGCONT');

  const addStream = async (name: string, subjects: string): Promise<void> => {
    const manager = await connection.nc.jetstreamManager();
    const config = { name, subjects: [subjects], allow_atomic: true, allow_direct: true };
    await manager.streams.add(config as Partial<StreamConfig> as StreamConfig);
  };
  const isDown = (): Promise<boolean> => waitFor(() => !connection.isUp, { what: 'the connection to be lost' });
  const isUp = (): Promise<boolean> => waitFor(() => connection.isUp, { what: 'the connection', timeoutMs: 30_000 });

  before(async () => {
    server = await startNatsServer();
    connection = await connectNats({ url: server.url, name: 'test', log: silentLog });
    for (const name of ['FROZEN', 'AWAY']) await addStream(name, `${name}.>`);
    for (const name of ['frozen', 'away']) await addStream(`KV_${name}`, `$KV.${name}.>`);
  });
  after(async () => {
    thaw();
    await connection.close();
    await server.stop();
  });

  for (const way of ['single', 'batch'] as const) {
    it(`ends appends that are under way when they are called off (${way})`, async () => {
      const appender = createAppender(connection, 'FROZEN', { pacer: always(way) });
      const calling = new AbortController();
      freeze();
      try {
        const works = Array.from({ length: 20 }, (_, index) =>
          failureOf(appender.append([message(`FROZEN.${way}.${index}`)], { signal: calling.signal })),
        );
        calling.abort();
        for (const failure of await Promise.all(works)) assert.ok(isFault(failure, 'NATS_TIMEOUT'), String(failure));
        assert.equal(appender.pending, 0);
        const late = appender.append([message(`FROZEN.${way}.late`)], { signal: calling.signal });
        assert.ok(isFault(await failureOf(late), 'NATS_TIMEOUT'));
      } finally {
        thaw();
      }
      // The appender goes on for others.
      await appender.append([message(`FROZEN.${way}.other`)]);
    });
  }

  it('ends a commit that is under way when it is called off', async () => {
    const store = createKeyValueStore(connection, 'frozen');
    const calling = new AbortController();
    freeze();
    try {
      const work = failureOf(store.commit([{ key: 'one', data }], { key: 'two', data }, { signal: calling.signal }));
      calling.abort();
      assert.ok(isFault(await work, 'NATS_TIMEOUT'));
    } finally {
      thaw();
    }
    await store.commit([{ key: 'three', data }]);
    assert.equal(await store.get('two'), undefined, 'the last one is not begun');
  });

  it('lets a subscription begin and end without an answer', async () => {
    const subscriber = createSubscriber(connection);
    const subscription = await subscriber.subscribe('some.subject', 'queue', () => undefined);
    freeze();
    try {
      const unanswered = failureOf(subscriber.subscribe('other.subject', 'queue', () => undefined));
      await subscription.stop();
      assert.ok(isFault(await unanswered, 'NATS_TIMEOUT'));
    } finally {
      thaw();
    }
  });

  it('stores nothing that was called off before it could be sent', async () => {
    const appender = createAppender(connection, 'AWAY');
    const store = createKeyValueStore(connection, 'away');
    const calling = new AbortController();
    const { signal } = calling;
    await server.kill9();
    await isDown();
    const subscribing = failureOf(createSubscriber(connection).subscribe('a.subject', 'queue', () => undefined));
    const kept = appender.append([message('AWAY.kept')]);
    const works = Array.from({ length: 20 }, (_, index) =>
      failureOf(appender.append([message(`AWAY.${index}`)], { signal })),
    );
    works.push(failureOf(store.commit([{ key: 'one', data }], { key: 'two', data }, { signal })));
    calling.abort();
    for (const failure of await Promise.all(works)) assert.ok(isFault(failure, 'NATS_TIMEOUT'), String(failure));
    // Whatever becomes of the subscription, it is no bug.
    const subscribed = await Promise.all([server.restart(), subscribing]);
    assert.ok(subscribed[1] === undefined || isFault(subscribed[1]), String(subscribed[1]));
    await isUp();
    await kept;
    assert.equal(await createStreamReader(connection, 'AWAY').lastSequence(), 1);
    assert.equal(await store.get('two'), undefined);
  });
});
