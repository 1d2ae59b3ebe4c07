import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { StreamConfig } from 'nats';
import { isFault } from '../../src/core/fault.ts';
import type { Log } from '../../src/engine/ports/log.ts';
import { createAppender } from '../../src/jetstream/appender.ts';
import { connectNats, type JetStreamConnection } from '../../src/jetstream/connection.ts';
import { createPublisher, createRequester } from '../../src/jetstream/requester.ts';
import { createStreamReader } from '../../src/jetstream/stream-reader.ts';
import { startNatsServer, type TestServer } from '../support/nats-server.ts';
import { waitFor } from '../support/wait-for.ts';

const silent: Log = { debug() {}, info() {}, warn() {}, error() {}, child: () => silent };
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const failureOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => undefined,
    (error: unknown) => error,
  );

let server: TestServer;
let connection: JetStreamConnection;
before(async () => {
  server = await startNatsServer();
  connection = await connectNats({ url: server.url, name: 'test', log: silent });
  const manager = await connection.nc.jetstreamManager();
  for (const name of ['R', 'EMPTY', 'DENSE']) {
    const config = { name, subjects: [`${name}.>`], allow_atomic: true, allow_direct: true };
    await manager.streams.add(config as Partial<StreamConfig> as StreamConfig);
  }
});
after(async () => {
  await connection.close();
  await server.stop();
});

describe('stream reader', () => {
  // 2,600 messages of `R.long` between as many of `R.noise.*`; every 100th is empty.
  const textAt = (index: number): string => (index % 100 === 0 ? '' : `n${index}`);
  before(async () => {
    const appender = createAppender(connection, 'R');
    for (let start = 0; start < 2600; start += 400) {
      const batch = Array.from({ length: Math.min(400, 2600 - start) }, (_, offset) => start + offset);
      await appender.append(
        batch.flatMap((index) => [
          { subject: 'R.long', id: `long-${index}`, data: bytes(textAt(index)) },
          { subject: `R.noise.${index % 700}`, id: `noise-${index}`, data: bytes(String(index)) },
        ]),
      );
    }
  });

  it('reads all of a subject over many pages, empty payloads too', async () => {
    const found = await createStreamReader(connection, 'R').readSubject('R.long');
    assert.equal(found.length, 2600);
    for (const [index, message] of found.entries()) {
      assert.equal(Buffer.from(message.data).toString(), textAt(index));
      assert.equal(message.sequence, 1 + index * 2);
      assert.equal(message.subject, 'R.long');
      assert.equal(message.header('Nats-Msg-Id'), `long-${index}`);
    }
    const { timeMs = 0 } = found[0] ?? {};
    assert.ok(Math.abs(Date.now() - timeMs) < 60_000, 'time of the server');
    assert.equal(found[0]?.header('No-Such'), undefined);
  });

  it('leaves none out where a page ends', async () => {
    const dense = Array.from({ length: 1000 }, (_, index) => ({
      subject: 'DENSE.x',
      id: `d${index}`,
      data: bytes('x'),
    }));
    await createAppender(connection, 'DENSE').append(dense);
    const found = await createStreamReader(connection, 'DENSE').readSubject('DENSE.x');
    assert.deepEqual(
      found.map(({ sequence }) => sequence),
      Array.from({ length: 1000 }, (_, index) => index + 1),
    );
  });

  it('reads from a sequence, and no more than the limit', async () => {
    const reader = createStreamReader(connection, 'R');
    const from = await reader.readSubject('R.long', { fromSequence: 4000 });
    assert.equal(from[0]?.sequence, 4001);
    assert.equal(from.length, 600);
    for (const limit of [0, 1, 499, 500, 501, 1000]) {
      const some = await reader.readSubject('R.long', { limit });
      assert.equal(some.length, limit);
      assert.equal(some.at(-1)?.sequence, limit === 0 ? undefined : limit * 2 - 1);
    }
    assert.deepEqual(await reader.readSubject('R.long', { fromSequence: 99_999 }), []);
    assert.deepEqual(await reader.readSubject('R.none'), []);
  });

  it('reads last messages, by subject, by sequence and by wildcard', async () => {
    const reader = createStreamReader(connection, 'R');
    assert.equal((await reader.readLast('R.long'))?.sequence, 5199);
    assert.equal((await reader.readLast('R.noise.*'))?.sequence, 5200);
    assert.equal(await reader.readLast('R.none'), undefined);
    assert.equal((await reader.readBySequence(2))?.subject, 'R.noise.0');
    assert.equal(await reader.readBySequence(99_999), undefined);
    assert.equal(await reader.lastSequence(), 5200);
    assert.equal(await createStreamReader(connection, 'EMPTY').lastSequence(), 0);
    assert.equal(await createStreamReader(connection, 'EMPTY').readLast('EMPTY.x'), undefined);
    assert.deepEqual(await createStreamReader(connection, 'EMPTY').readSubject('EMPTY.x'), []);
  });

  it('reads the last of many subjects, also as of an earlier sequence', async () => {
    const reader = createStreamReader(connection, 'R');
    const subjects = Array.from({ length: 701 }, (_, index) => `R.noise.${index}`);
    const last = await reader.readSubjects(subjects);
    assert.equal(last.length, 700);
    assert.deepEqual(
      last.map(({ sequence }) => sequence),
      Array.from({ length: 700 }, (_, index) => 2 * (1901 + index)),
    );
    const early = await reader.readSubjects(['R.noise.0', 'R.noise.699', 'R.long'], { upToSequence: 100 });
    assert.deepEqual(
      early.map(({ subject, sequence }) => [subject, sequence]),
      [
        ['R.noise.0', 2],
        ['R.long', 99],
      ],
    );
  });

  it('waits for a server that is restarted', async () => {
    const reader = createStreamReader(connection, 'R');
    await server.kill9();
    const reading = Promise.all([reader.readSubject('R.long'), reader.readLast('R.long'), reader.lastSequence()]);
    await server.restart();
    const [all, last, sequence] = await reading;
    assert.deepEqual([all.length, last?.sequence, sequence], [2600, 5199, 5200]);
  });

  it('refuses a stream that is not there', async () => {
    const failure = await failureOf(createStreamReader(connection, 'NONE').lastSequence());
    assert.ok(isFault(failure, 'JS_NOT_FOUND'));
  });
});

describe('requester', () => {
  it('gets an answer with headers, and publishes', async () => {
    const heard: string[] = [];
    connection.nc.subscribe('echo', {
      callback: (_, message) => {
        heard.push(message.headers?.get('X-Test') ?? '');
        message.respond(message.data, { headers: message.headers ?? undefined } as never);
      },
    });
    const answer = await createRequester(connection).request('echo', bytes('hello'), { headers: { 'X-Test': 'yes' } });
    assert.equal(Buffer.from(answer.data).toString(), 'hello');
    assert.equal(answer.header('X-Test'), 'yes');
    assert.equal(answer.header('X-Other'), undefined);
    createPublisher(connection).publish('echo', bytes(''), { 'X-Test': 'published' });
    await waitFor(() => heard.includes('published'), { what: 'the published message' });
  });

  it('says that nobody serves, or that nobody answered', async () => {
    const requester = createRequester(connection);
    assert.ok(isFault(await failureOf(requester.request('nobody', bytes(''))), 'NATS_NO_RESPONDERS'));
    connection.nc.subscribe('mute', { callback: () => undefined });
    assert.ok(isFault(await failureOf(requester.request('mute', bytes(''), { timeoutMs: 100 })), 'NATS_TIMEOUT'));
    assert.equal(connection.slots.openCount, 0);
  });

  it('fails at once what was asked over a lost connection, and sends later what is asked meanwhile', async () => {
    const requester = createRequester(connection);
    connection.nc.subscribe('later', { callback: (_, message) => message.respond(bytes('here')) });
    const lost = failureOf(requester.request('mute', bytes(''), { timeoutMs: 60_000 }));
    await connection.nc.flush();
    await server.kill9();
    assert.ok(isFault(await lost, 'NATS_TIMEOUT'));
    const meanwhile = requester.request('later', bytes(''), { timeoutMs: 20_000 });
    await server.restart();
    assert.equal(Buffer.from((await meanwhile).data).toString(), 'here');
  });

  it('is heard by nobody when it is too large or not a subject', async () => {
    const requester = createRequester(connection);
    const failure = await failureOf(requester.request('echo', new Uint8Array(1_100_000)));
    assert.ok(isFault(failure, 'JS_TOO_LARGE'));
    await assert.rejects(requester.request('a\r\nPUB b 0\r\n', bytes('')));
  });

  it('fails what is open when the connection is closed', async () => {
    const second = await connectNats({ url: server.url, name: 'second', log: silent });
    const open = failureOf(createRequester(second).request('mute', bytes(''), { timeoutMs: 60_000 }));
    await second.close();
    assert.ok(isFault(await open, 'NATS_UNREACHABLE'));
  });
});
