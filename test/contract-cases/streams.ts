// What every appender, reader, follower and work queue does, on a server as in memory.

import assert from 'node:assert/strict';
import { bytes, collect, consume, message, refused, textOf, type ContractCase } from './world.ts';

export const streamCases: readonly ContractCase[] = [
  {
    name: 'an append gives the sequences of its messages, in order, and they can be read',
    run: async ({ ports, newStream }) => {
      const stream = await newStream();
      const appender = ports.appender(stream);
      const [first = 0, second = 0] = await appender.append([message(stream, 'a'), message(stream, 'b')]);
      assert.equal(second, first + 1);
      const [third = 0] = await appender.append([message(stream, 'a')]);
      const reader = ports.limitedReader(stream);
      assert.deepEqual(
        (await reader.readSubject(`${stream}.a`)).map(({ sequence }) => sequence),
        [first, third],
      );
      assert.equal((await reader.readLast(`${stream}.a`))?.sequence, third);
      assert.equal((await reader.readLast(`${stream}.*`))?.sequence, third);
      assert.equal(await reader.readLast(`${stream}.c`), undefined);
      assert.equal(await reader.lastSequence(), third);
      assert.equal(appender.pending, 0);
    },
  },
  {
    name: 'an append is refused when a subject is not as far as expected, and nothing of it is stored',
    run: async ({ ports, newStream }) => {
      const stream = await newStream();
      const appender = ports.appender(stream);
      const [first = 0] = await appender.append([message(stream, 'a', { expectedLastSequence: 0 })]);
      await refused(appender.append([message(stream, 'a', { expectedLastSequence: 0 })]), 'JS_CONFLICT');
      const batch = [message(stream, 'b'), message(stream, 'a', { expectedLastSequence: first + 7 })];
      await refused(appender.append(batch), 'JS_CONFLICT');
      assert.equal(await ports.reader(stream).lastSequence(), first);
      await appender.append([message(stream, 'a', { expectedLastSequence: first }), message(stream, 'a')]);
      assert.equal((await ports.reader(stream).readSubject(`${stream}.a`)).length, 3);
    },
  },
  {
    name: 'an expected sequence may be of all subjects that match',
    run: async ({ ports, other, newStream }) => {
      const stream = await newStream();
      const all = { expectedSubject: `${stream}.one.>` };
      const [first = 0] = await ports
        .appender(stream)
        .append([message(stream, 'one.a', { ...all, expectedLastSequence: 0 })]);
      await ports.appender(stream).append([message(stream, 'two.a')]);
      await refused(
        other.appender(stream).append([message(stream, 'one.b', { ...all, expectedLastSequence: 0 })]),
        'JS_CONFLICT',
      );
      await other.appender(stream).append([message(stream, 'one.b', { ...all, expectedLastSequence: first })]);
    },
  },
  {
    name: 'the same append again gives the sequences of the first time',
    run: async ({ ports, newStream }) => {
      const stream = await newStream();
      const appender = ports.appender(stream);
      const one = [message(stream, 'a', { expectedLastSequence: 0 })];
      const several = [message(stream, 'b', { expectedLastSequence: 0 }), message(stream, 'c')];
      const free = [message(stream, 'd')];
      const sequences = [await appender.append(one), await appender.append(several), await appender.append(free)];
      assert.deepEqual(
        [await appender.append(one), await appender.append(several), await appender.append(free)],
        sequences,
      );
      assert.equal(await ports.reader(stream).lastSequence(), 4);
    },
  },
  {
    name: 'another message under an id that is stored is taken for a repeat, whatever it says',
    run: async ({ ports, other, newStream }) => {
      const stream = await newStream();
      const first = message(stream, 'a', { expectedLastSequence: 0 });
      const [sequence = 0] = await ports.appender(stream).append([first]);
      const second = { ...first, data: bytes('something else') };
      assert.deepEqual(await other.appender(stream).append([second]), [sequence]);
      assert.equal(textOf((await ports.reader(stream).readLast(first.subject))?.data ?? bytes('')), 'a');
    },
  },
  {
    name: 'an id that lies in the stream already makes another batch with it fail, and nothing of that is stored',
    run: async ({ ports, newStream }) => {
      const stream = await newStream();
      const appender = ports.appender(stream);
      await appender.append([message(stream, 'a', { id: 'known' }), message(stream, 'b')]);
      const batch = [message(stream, 'c', { expectedLastSequence: 0 }), message(stream, 'd', { id: 'known' })];
      await refused(appender.append(batch), 'JS_DUPLICATE', 'JS_CONFLICT');
      assert.equal(await ports.reader(stream).lastSequence(), 2);
    },
  },
  {
    name: 'a stream with a limit for each subject forgets the oldest of it',
    run: async ({ ports, newStream }) => {
      const stream = await newStream({ maxPerSubject: 2 });
      const appender = ports.appender(stream);
      for (let count = 0; count < 4; count += 1) await appender.append([message(stream, 'a')]);
      const left = await ports.limitedReader(stream).readSubject(`${stream}.a`);
      assert.deepEqual(
        left.map(({ sequence }) => sequence),
        [3, 4],
      );
    },
  },
  {
    name: 'a read begins where it is told and ends at its limit',
    run: async ({ ports, newStream }) => {
      const stream = await newStream();
      for (let count = 0; count < 5; count += 1) await ports.appender(stream).append([message(stream, 'a')]);
      const reader = ports.reader(stream);
      const sequences = async (options: object) =>
        (await reader.readSubject(`${stream}.a`, options)).map(({ sequence }) => sequence);
      assert.deepEqual(await sequences({ fromSequence: 3 }), [3, 4, 5]);
      assert.deepEqual(await sequences({ fromSequence: 2, limit: 2 }), [2, 3]);
      assert.deepEqual(await sequences({ fromSequence: 9 }), []);
    },
  },
  {
    name: 'a follower hands over everything once and in order, what was there and what comes',
    run: async ({ ports, other, newStream, until }) => {
      const stream = await newStream();
      const appender = other.appender(stream);
      for (let count = 0; count < 3; count += 1) await appender.append([message(stream, 'a')]);
      const following = collect(ports.follower(stream), { maxBatch: 2, filters: [`${stream}.a`] });
      await until(() => following.seen.length === 3, 'what was there');
      assert.ok(following.batches.every(({ size }) => size <= 2));
      assert.equal(following.batches.at(-1)?.pending, 0);
      await appender.append([message(stream, 'b')]);
      await appender.append([message(stream, 'a')]);
      await until(() => following.seen.length === 4, 'what comes');
      await following.stop();
      assert.deepEqual(following.sequences(), [1, 2, 3, 5]);
    },
  },
  {
    name: 'a follower of an empty stream is told so, once',
    run: async ({ ports, newStream, until }) => {
      const stream = await newStream();
      const following = collect(ports.follower(stream));
      await until(() => following.empties() === 1, 'that it is empty');
      await ports.appender(stream).append([message(stream, 'a')]);
      await until(() => following.seen.length === 1, 'the first message');
      await following.stop();
      assert.equal(following.empties(), 1);
    },
  },
  {
    name: 'a follower can begin with the last of each subject',
    run: async ({ ports, newStream, until }) => {
      const stream = await newStream();
      for (const subject of ['a', 'b', 'a']) await ports.appender(stream).append([message(stream, subject)]);
      const following = collect(ports.follower(stream), { lastPerSubject: true });
      await until(() => following.seen.length === 2, 'the last of each');
      await ports.appender(stream).append([message(stream, 'b')]);
      await until(() => following.seen.length === 3, 'what comes');
      await following.stop();
      assert.deepEqual(following.sequences(), [2, 3, 4]);
    },
  },
  {
    name: 'what a follower is thrown at ends it',
    run: async ({ ports, newStream }) => {
      const stream = await newStream();
      await ports.appender(stream).append([message(stream, 'a')]);
      const failing = collect(ports.follower(stream), {
        onBatch: () => {
          throw new Error('not this one');
        },
      });
      await assert.rejects(failing.ended, /not this one/);
    },
  },
  {
    name: 'a work queue delivers in order, at most so many unsettled, and forgets what is acknowledged',
    run: async ({ ports, newStream, until }) => {
      const stream = await newStream({ retention: 'workqueue' });
      for (const text of ['1', '2', '3', '4']) await ports.appender(stream).append([message(stream, text)]);
      const queue = consume(ports, stream, { maxInFlight: 2 });
      await until(() => queue.deliveries.length === 2, 'two deliveries');
      queue.deliveries[0]?.ack();
      await until(() => queue.deliveries.length === 3, 'room for another');
      for (const delivery of queue.deliveries) delivery.ack();
      await until(() => queue.deliveries.length === 4, 'the last one');
      queue.deliveries[3]?.ack();
      assert.deepEqual(queue.texts(), ['1', '2', '3', '4']);
      const isEmpty = async (): Promise<boolean> => (await ports.reader(stream).readLast(`${stream}.>`)) === undefined;
      await until(isEmpty, 'that nothing is left');
      await queue.stop();
    },
  },
  {
    name: 'what is not settled comes again: after a nak, and after its time',
    run: async ({ ports, newStream, until }) => {
      const stream = await newStream({ retention: 'workqueue' });
      await ports.appender(stream).append([message(stream, 'a')]);
      const queue = consume(ports, stream, {
        ackWaitMs: 1000,
        onDelivery: (delivery) => {
          if (delivery.attempt === 1) delivery.nak(10);
          if (delivery.attempt === 3) delivery.ack();
        },
      });
      await until(() => queue.deliveries.length === 3, 'three deliveries');
      assert.deepEqual(
        queue.deliveries.map(({ attempt }) => attempt),
        [1, 2, 3],
      );
      await queue.stop();
    },
  },
  {
    name: 'a work queue that is restarted delivers what is left from the beginning, in order',
    run: async ({ ports, other, newStream, until }) => {
      const stream = await newStream({ retention: 'workqueue' });
      for (const text of ['1', '2', '3']) await ports.appender(stream).append([message(stream, text)]);
      const dead = consume(ports, stream);
      await until(() => dead.deliveries.length === 3, 'all of them');
      dead.deliveries[1]?.ack();
      await until(async () => (await ports.reader(stream).readLast(`${stream}.2`)) === undefined, 'the ack');
      await dead.stop();
      const next = consume(other, stream, { restart: true });
      await until(() => next.deliveries.length === 2, 'what is left');
      assert.deepEqual(next.texts(), ['1', '3']);
      assert.deepEqual(
        next.deliveries.map(({ data }) => textOf(data)),
        ['1', '3'],
      );
      await next.stop();
    },
  },
  {
    name: 'the position of a channel says how far its subject was taken',
    run: async ({ ports, newStream, until }) => {
      const stream = await newStream();
      const subject = `${stream}.a`;
      assert.equal(await ports.channelPosition(`${stream}-not-there`, subject), undefined);
      await ports.appender(stream).append([message(stream, 'a'), message(stream, 'a')]);
      assert.deepEqual(await ports.channelPosition(stream, subject), { firstSequence: 1, lastSequence: 2 });
      const queue = consume(ports, stream);
      await until(() => queue.deliveries.length === 2, 'both');
      queue.deliveries[0]?.ack();
      const takenTo = async (): Promise<number | undefined> => (await ports.channelPosition(stream, subject))?.takenTo;
      await until(async () => (await takenTo()) === 1, 'the first ack');
      queue.deliveries[1]?.ack();
      await until(async () => (await takenTo()) === 2, 'the second ack');
      await queue.stop();
    },
  },
];
