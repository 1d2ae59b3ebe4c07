// A durable consumer of the memory server: what is in flight, what comes again and when, how far everything is acknowledged. Synchronous.

import type { KeptMessage, MemoryStream } from './memory-stream.ts';
import { matchesAny } from './subjects.ts';

export type ConsumerOptions = {
  readonly filters: readonly string[] | undefined;
  readonly ackWaitMs: number;
  readonly maxInFlight: number;
};

type InFlight = { attempt: number; dueMs: number };

export type Taken = { readonly message: KeptMessage; readonly attempt: number };

export type MemoryConsumer = ReturnType<typeof createMemoryConsumer>;

export const createMemoryConsumer = (stream: MemoryStream, options: ConsumerOptions, nowMs: () => number) => {
  const inFlight = new Map<number, InFlight>();
  let changing = options;
  let cursor = 0;

  const isWorkQueue = (): boolean => stream.definition.retention === 'workqueue';

  return {
    filters: () => changing.filters,
    change: (wanted: ConsumerOptions): void => {
      changing = wanted;
    },

    /** What is to be delivered now: first what comes again. */
    take: (): readonly Taken[] => {
      const taken: Taken[] = [];
      for (const [sequence, one] of [...inFlight].sort(([left], [right]) => left - right)) {
        if (one.dueMs > nowMs()) continue;
        const message = stream.get(sequence);
        if (message === undefined) {
          inFlight.delete(sequence);
          continue;
        }
        one.attempt += 1;
        one.dueMs = nowMs() + changing.ackWaitMs;
        taken.push({ message, attempt: one.attempt });
      }
      const room = changing.maxInFlight - inFlight.size;
      if (room <= 0) return taken;
      for (const message of stream.read(cursor + 1, changing.filters, room)) {
        cursor = message.sequence;
        inFlight.set(message.sequence, { attempt: 1, dueMs: nowMs() + changing.ackWaitMs });
        taken.push({ message, attempt: 1 });
      }
      return taken;
    },

    /** When something comes again by itself. */
    nextDueMs: (): number => Math.min(Number.POSITIVE_INFINITY, ...[...inFlight.values()].map(({ dueMs }) => dueMs)),

    ack: (sequence: number): void => {
      const wasFull = inFlight.size >= changing.maxInFlight;
      if (!inFlight.delete(sequence)) return;
      if (isWorkQueue()) stream.remove(sequence);
      if (wasFull) stream.tell();
    },
    nak: (sequence: number, delayMs: number): void => {
      const one = inFlight.get(sequence);
      if (one === undefined) return;
      one.dueMs = nowMs() + delayMs;
      stream.tell();
    },
    working: (sequence: number): void => {
      const one = inFlight.get(sequence);
      if (one !== undefined) one.dueMs = nowMs() + changing.ackWaitMs;
    },

    /** Up to here everything on its subjects is acknowledged. */
    floor: (): number => {
      const first = Math.min(Number.POSITIVE_INFINITY, ...inFlight.keys());
      if (first !== Number.POSITIVE_INFINITY) return first - 1;
      const [next] = stream.read(cursor + 1, changing.filters, 1);
      return next === undefined ? stream.lastSequence() : cursor;
    },
    takes: (subject: string): boolean => matchesAny(changing.filters, subject),
    /** Something can be taken now. */
    hasMore: (): boolean =>
      [...inFlight.values()].some(({ dueMs }) => dueMs <= nowMs()) ||
      (inFlight.size < changing.maxInFlight && stream.read(cursor + 1, changing.filters, 1).length > 0),
    isBusy: (): boolean => inFlight.size > 0 || stream.read(cursor + 1, changing.filters, 1).length > 0,
  };
};
