// What happens between the programs and the server: how long it takes, what is lost, which stores are away. The seed decides each time; when the
// storm is over everything arrives.

import { Fault } from '../../src/core/fault.ts';
import type { Route } from '../../src/testing/index.ts';
import type { Random } from '../../scripts/chaos/random.ts';
import type { Schedule } from './schedule.ts';

/** Shares of the round trips. */
export type Weather = {
  readonly lostRequest: number;
  readonly lostAnswer: number;
  readonly lostMessage: number;
  readonly slow: number;
  readonly verySlow: number;
};

export const CALM: Weather = { lostRequest: 0, lostAnswer: 0, lostMessage: 0, slow: 0.02, verySlow: 0 };
export const STORM: Weather = { lostRequest: 0.02, lostAnswer: 0.03, lostMessage: 0.02, slow: 0.15, verySlow: 0.02 };

export type Counts = Map<string, number>;
export const count = (counts: Counts, what: string, by = 1): void => {
  counts.set(what, (counts.get(what) ?? 0) + by);
};

export type Network = {
  weather: Weather;
  readonly counts: Counts;
  delayMs(): number;
  /** Whether it happens now; counted. */
  happens(what: keyof Weather): boolean;
  /** A store is away: of a stream or bucket by name, or all of them (`*`). */
  outage(name: string, untilMs: number): void;
  /** The Fault of an outage; `undefined`: none. */
  problemOf(route: Route): Fault | undefined;
  endOutages(): void;
};

const STORES = new Set<Route['kind']>(['append', 'read', 'write', 'pull', 'ack', 'manage']);

export const createNetwork = (schedule: Schedule, random: Random): Network => {
  const counts: Counts = new Map();
  const outages = new Map<string, number>();
  const isAway = (name: string): boolean => (outages.get(name) ?? 0) > schedule.nowMs();
  const network: Network = {
    weather: CALM,
    counts,
    delayMs: () => {
      const { slow, verySlow } = network.weather;
      const luck = random.next();
      if (luck < verySlow) return random.between(50, 600);
      if (luck < slow) return random.between(3, 50);
      return random.between(0, 2);
    },
    happens: (what) => {
      const share = network.weather[what];
      if (share === 0 || !random.chance(share)) return false;
      count(counts, what);
      return true;
    },
    outage: (name, untilMs) => {
      outages.set(name, untilMs);
      count(counts, name === '*' ? 'outages of everything' : 'outages of a store');
    },
    problemOf: ({ kind, name }) =>
      STORES.has(kind) && (isAway('*') || isAway(name)) ? new Fault('JS_UNAVAILABLE', `${name} is away`) : undefined,
    endOutages: () => outages.clear(),
  };
  return network;
};
