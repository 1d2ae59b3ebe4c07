// An API's own clock, as far as its answers tell (header Date): its times of things and ours are not comparable as they are. Used by operators
// that look for what a request without an answer may have made. What is wanted is never to miss it: a search begins at the earlier of
// the two clocks, less the one tolerance for what Date does not say (other machines behind it, a proxy that answers).

import type { HttpReply } from './http-call.ts';

/** So far the clock of an API and ours, or the clocks within the API, may be apart without anybody saying so: for the query and for the match. */
export const CLOCK_TOLERANCE_MS = 60_000;

/** Date has whole seconds, and an answer is on its way for a while: what differs by less is the same. */
const SAME_OFFSET_MS = 2000;

export type ApiClock = {
  /** An answer has come. */
  heard(reply: Pick<HttpReply, 'clockOffsetMs'>): void;
  /** How far it is ahead of ours; negative: behind. 0 as long as the API has not said. */
  offsetMs(): number;
  /** A time by our clock, by the API's. In ms since the epoch. */
  theirs(timeMs: number): number;
  /** By the clock that is behind. */
  earliest(timeMs: number): number;
  /**
   * What `ask` gives for `earliest(timeMs)`; asked again when its answers told that the clock is further behind than was believed, which is so at
   * the first call of a process.
   */
  since<T>(timeMs: number, ask: (earliestMs: number) => Promise<T>): Promise<T>;
};

export const createApiClock = (): ApiClock => {
  let offsetMs = 0;
  const earliest = (timeMs: number): number => timeMs + Math.min(0, offsetMs);
  return {
    heard: ({ clockOffsetMs }) => {
      if (clockOffsetMs !== undefined && Math.abs(clockOffsetMs - offsetMs) >= SAME_OFFSET_MS) offsetMs = clockOffsetMs;
    },
    offsetMs: () => offsetMs,
    theirs: (timeMs) => timeMs + offsetMs,
    earliest,
    since: async (timeMs, ask) => {
      const askedMs = earliest(timeMs);
      const answer = await ask(askedMs);
      const knownMs = earliest(timeMs);
      return knownMs < askedMs ? ask(knownMs) : answer;
    },
  };
};
