// The ports of streams on the memory server: appender, readers, follower, work queue.

import { Fault, isFault } from '../core/fault.ts';
import type { Clock } from '../engine/ports/clock.ts';
import type { QueueOptions } from '../engine/ports/server.ts';
import type {
  Appender,
  AppendMessage,
  Delivery,
  FollowOptions,
  StoredMessage,
  StreamFollower,
  StreamReader,
  WorkQueue,
} from '../engine/ports/streams.ts';
import { ORIGIN_HEADER } from '../messages/envelope.ts';
import { persist, type Link } from './link.ts';
import type { Taken } from './memory-consumer.ts';
import type { MemoryServer } from './memory-server.ts';
import type { KeptMessage, MemoryStream, StreamWrite } from './memory-stream.ts';

export type PortParts = { readonly server: MemoryServer; readonly link: Link; readonly clock: Clock };

const APPEND_MS = 10_000;
const READ_MS = 8000;
const RETRY_MS = 250;
const MAX_BATCH = 500;
const ACK_WAIT_MS = 30_000;

const toWrite = ({ origin, subject, id, data, expectedLastSequence, expectedSubject }: AppendMessage): StreamWrite => ({
  subject,
  id,
  data,
  ...(expectedLastSequence === undefined ? {} : { expectedLastSequence }),
  ...(expectedSubject === undefined ? {} : { expectedSubject }),
  ...(origin === undefined ? {} : { headers: { [ORIGIN_HEADER]: origin } }),
});

/** Sequence of the first message of this very append when an earlier attempt stored it. */
const findOwn = (stream: MemoryStream, messages: readonly AppendMessage[]): number | undefined => {
  const index = messages.findIndex(({ expectedLastSequence }) => expectedLastSequence !== undefined);
  const checked = messages[index];
  if (checked?.expectedLastSequence !== undefined) {
    const [next] = stream.read(checked.expectedLastSequence + 1, [checked.subject], 1);
    return next?.header('Nats-Msg-Id') === checked.id ? next.sequence - index : undefined;
  }
  const last = messages.at(-1);
  const stored = last === undefined ? undefined : stream.lastOf(last.subject);
  return stored !== undefined && stored.header('Nats-Msg-Id') === last?.id
    ? stored.sequence - messages.length + 1
    : undefined;
};

const storeOrFind = (stream: MemoryStream, messages: readonly AppendMessage[]): readonly number[] => {
  try {
    return stream.store(messages.map(toWrite));
  } catch (error) {
    if (!isFault(error, 'JS_CONFLICT') && !isFault(error, 'JS_DUPLICATE')) throw error;
    const first = findOwn(stream, messages);
    if (first === undefined) throw error;
    return messages.map((_, index) => first + index);
  }
};

export const memoryAppender = (
  { server, link, clock }: PortParts,
  name: string,
  { deadlineMs = APPEND_MS }: { readonly deadlineMs?: number } = {},
): Appender => {
  let pending = 0;
  return {
    get pending() {
      return pending;
    },
    append: async (messages) => {
      if (messages.length === 0) return [];
      pending += messages.length;
      try {
        return await persist(clock, deadlineMs, () =>
          link.call({ kind: 'append', name }, () => storeOrFind(server.stream(name), messages)),
        );
      } finally {
        pending -= messages.length;
      }
    },
  };
};

const withinBytes = (messages: readonly KeptMessage[], maxBytes: number | undefined): readonly KeptMessage[] => {
  if (maxBytes === undefined) return messages;
  let bytes = 0;
  const end = messages.findIndex(({ data }) => (bytes += data.byteLength) >= maxBytes);
  return end < 0 ? messages : messages.slice(0, end + 1);
};

export const memoryReader = ({ server, link, clock }: PortParts, name: string): StreamReader => {
  const ask = <T>(work: (stream: MemoryStream) => T): Promise<T> =>
    persist(clock, READ_MS, () => link.call({ kind: 'read', name }, () => work(server.stream(name))));
  return {
    readSubject: (subject, { fromSequence = 1, limit, maxBytes } = {}) =>
      ask((stream) => withinBytes(stream.read(fromSequence, [subject], limit), maxBytes)),
    readLast: (subject) => ask((stream): StoredMessage | undefined => stream.lastOf(subject)),
    lastSequence: () => ask((stream) => stream.lastSequence()),
  };
};

/** Resolves with the next news of the stream, after `forMs`, or when `signal` aborts; soon when there is news already. */
const newsOf = async (
  { server, link, clock }: PortParts,
  name: string,
  signal: AbortSignal,
  forMs: number,
  isThere: (stream: MemoryStream) => boolean,
): Promise<void> => {
  const stream = server.streams.get(name);
  const over = new AbortController();
  // A reason, because the default one is an Error with a stack.
  const wake = (): void => over.abort('news');
  const forget = stream?.onNews(() => {
    if (isThere(stream)) link.push({ kind: 'pull', name }, wake);
  });
  signal.addEventListener('abort', wake, { once: true });
  const waitMs = stream === undefined || isThere(stream) ? 1 : Math.max(1, forMs);
  if (!signal.aborted) await clock.sleep(waitMs, over.signal);
  signal.removeEventListener('abort', wake);
  forget?.();
};

/** A wake-up may be lost: then it is looked again. */
const LOOK_MS = 5000;

type Page = { readonly batch: readonly KeptMessage[]; readonly pending: number };

const lastOfEach = (messages: readonly KeptMessage[]): readonly KeptMessage[] => {
  const last = new Map(messages.map((message) => [message.subject, message]));
  return messages.filter((message) => last.get(message.subject) === message);
};

export const memoryFollower = (parts: PortParts, name: string): StreamFollower => {
  const { server, link, clock } = parts;
  /** Undefined: it did not work out; look again later. */
  const pull = async (options: FollowOptions, next: number, wantsLast: boolean): Promise<Page | undefined> => {
    try {
      return await link.call({ kind: 'pull', name }, () => {
        const all = server.stream(name).read(next, options.filters);
        const wanted = wantsLast ? lastOfEach(all) : all;
        const batch = wanted.slice(0, options.maxBatch ?? MAX_BATCH);
        return { batch, pending: wanted.length - batch.length };
      });
    } catch (error) {
      if (!isFault(error) || error.retry === 'never') throw error;
      await clock.sleep(RETRY_MS, options.signal);
      return undefined;
    }
  };
  const waitForMore = ({ signal, filters }: FollowOptions, from: number): Promise<void> =>
    newsOf(parts, name, signal, LOOK_MS, (stream) => stream.read(from, filters, 1).length > 0);

  /** Where to read on. */
  const handOver = async (options: FollowOptions, { batch, pending }: Page, next: number): Promise<number> => {
    const last = batch.at(-1);
    if (last === undefined) {
      await waitForMore(options, next);
      return next;
    }
    await options.onBatch(batch, pending);
    const { restMs = 0, signal } = options;
    if (restMs > 0 && pending === 0) await clock.sleep(restMs, signal);
    return last.sequence + 1;
  };

  return {
    follow: async (options) => {
      const { signal, lastPerSubject = false } = options;
      let next = Math.max(1, options.fromSequence);
      let isFirst = true;
      while (!signal.aborted) {
        const page = await pull(options, next, lastPerSubject && isFirst);
        if (page === undefined) continue;
        if (signal.aborted) return;
        if (isFirst && page.batch.length === 0) options.onEmpty?.();
        // From here on by sequence: those of the first look that are left are all beyond this one.
        isFirst = false;
        next = await handOver(options, page, next);
      }
    },
  };
};

export const memoryWorkQueue = (
  parts: PortParts,
  name: string,
  durable: string,
  { filterSubjects, ackWaitMs = ACK_WAIT_MS, ackDelayMs = 0 }: QueueOptions = {},
): WorkQueue => {
  const { server, link, clock } = parts;

  const settle = (work: () => void): void => link.send({ kind: 'ack', name }, work);
  const toDelivery = ({ message, attempt }: Taken): Delivery => {
    const { sequence } = message;
    const consumer = server.consumer(name, durable);
    const ack = (): void => settle(() => consumer?.ack(sequence));
    return {
      ...message,
      attempt,
      ack: () => {
        if (ackDelayMs === 0) ack();
        else void clock.sleep(ackDelayMs).then(ack);
      },
      nak: (delayMs) => settle(() => consumer?.nak(sequence, delayMs)),
      working: () => settle(() => consumer?.working(sequence)),
    };
  };

  return {
    consume: async ({ maxInFlight, restart = false, signal, onDelivery }) => {
      const wanted = { filters: filterSubjects, ackWaitMs, maxInFlight };
      let isRestartDue = restart;
      let isThere = false;
      while (!signal.aborted) {
        try {
          if (!isThere || isRestartDue) {
            const restarting = isRestartDue;
            await link.call({ kind: 'manage', name }, () => server.ensureConsumer(name, durable, wanted, restarting));
          }
          isThere = true;
          isRestartDue = false;
          const answer = await link.call({ kind: 'pull', name }, () => {
            const consumer = server.consumer(name, durable);
            if (consumer === undefined) throw new Fault('JS_NOT_FOUND', `no consumer ${durable} of ${name}`);
            return { taken: signal.aborted ? [] : consumer.take(), dueMs: consumer.nextDueMs() };
          });
          for (const one of answer.taken) if (!signal.aborted) onDelivery(toDelivery(one));
          if (answer.taken.length === 0 && !signal.aborted)
            await newsOf(
              parts,
              name,
              signal,
              Math.min(LOOK_MS, answer.dueMs - clock.nowMs()),
              () => server.consumer(name, durable)?.hasMore() ?? true,
            );
        } catch (error) {
          if (!isFault(error)) throw error;
          isThere = false;
          await clock.sleep(RETRY_MS, signal);
        }
      }
    },
  };
};
