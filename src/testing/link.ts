// The way between a program and the memory server. Every port goes through it, so whoever owns the link decides what is slow, lost, late, or cut
// off. `directLink` is for unit tests: everything arrives at once.

import { Fault, isFault } from '../core/fault.ts';
import type { Clock } from '../engine/ports/clock.ts';

export type Route = {
  readonly kind: 'append' | 'read' | 'write' | 'pull' | 'ack' | 'manage' | 'request' | 'message';
  /** Of the stream, bucket or subject. */
  readonly name: string;
  /** How long one attempt waits for its answer. Default: as long as the adapters wait. */
  readonly timeoutMs?: number;
};

export interface Link {
  /** One round trip. `work` is done at the server, at once and whole; what it gives or throws is the answer. */
  call<T>(route: Route, work: () => T): Promise<T>;
  /** To the server, without an answer. */
  send(route: Route, work: () => void): void;
  /** From the server to the program at this end. */
  push(route: Route, receive: () => void): void;
  /** Calls `onEnd` when the connection of this end is gone: the server forgets its subscriptions then. */
  onEnd(end: () => void): void;
}

export const directLink = (): Link & { end(): void } => {
  const ends: (() => void)[] = [];
  return {
    call: async (_route, work) => {
      await Promise.resolve();
      return work();
    },
    send: (_route, work) => queueMicrotask(work),
    push: (_route, receive) => queueMicrotask(receive),
    onEnd: (end) => {
      ends.push(end);
    },
    end: () => {
      for (const one of ends.splice(0)) one();
    },
  };
};

const REPEATABLE = new Set(['NATS_TIMEOUT', 'NATS_UNREACHABLE', 'JS_UNAVAILABLE']);

/** Repeats `attempt` with growing pauses while the way or the server fails, until `deadlineMs` are over. */
export const persist = async <T>(
  clock: Clock,
  deadlineMs: number,
  attempt: (failures: number) => Promise<T>,
): Promise<T> => {
  const endMs = clock.nowMs() + deadlineMs;
  for (let failures = 0; ; failures += 1) {
    try {
      return await attempt(failures);
    } catch (error) {
      if (!isFault(error) || !REPEATABLE.has(error.code)) throw error;
      const waitMs = Math.min(1000, 20 * 2 ** failures);
      if (clock.nowMs() + waitMs >= endMs)
        throw new Fault('NATS_TIMEOUT', `not confirmed within ${deadlineMs} ms; it may have been stored`, {
          cause: error,
        });
      await clock.sleep(waitMs);
    }
  }
};
