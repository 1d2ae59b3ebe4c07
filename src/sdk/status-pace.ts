// Keeps the volume of statuses down: one that differs from the last stored one only in `properties` (a clock in an API's answer, a counter) is
// held back for up to a minute after that one, and the last such value is stored then. Around the status store of a term (term.ts); a
// reconciler is answered with what it said, stored or not. What a later start relies on is never held back: see `Reconciler.recorded`.

import { isDeepStrictEqual } from 'node:util';
import { isFault } from '../core/fault.ts';
import type { Clock } from '../engine/ports/clock.ts';
import type { Log } from '../engine/ports/log.ts';
import type { EntityKey, EntityStatus } from '../messages/entity.ts';
import type { Provenance } from '../messages/envelope.ts';
import type { EntityStatusStore } from './types.ts';

/** Properties that are stored at once whoever writes them: what every reconciler here calls its note before an external call. */
export const ALWAYS_RECORDED: readonly string[] = ['intent'];

/** What comes due within this is stored with what is due. */
const TOGETHER_MS = 1000;
const AT_ONCE = 100;

type Held = {
  status: EntityStatus;
  fence: number;
  provenance: Provenance | undefined;
  dueMs: number;
};

export type StatusPace = EntityStatusStore & {
  /** Stores what is held when it is due, until `signal` aborts. */
  run(signal: AbortSignal): Promise<void>;
  /** Stores all that is held now. For the end of a term; what another component has overtaken is dropped. */
  flush(): Promise<void>;
};

const withoutProperties = ({ properties: _left, ...rest }: EntityStatus): unknown =>
  JSON.parse(JSON.stringify(rest)) as unknown;

/** Nothing has changed but properties that are only there to be seen. */
export const isOnlySeen = (stored: EntityStatus, next: EntityStatus, recorded: readonly string[]): boolean => {
  if (stored.observedSequence !== next.observedSequence || stored.status !== next.status) return false;
  for (const name of recorded) if (!isDeepStrictEqual(stored.properties[name], next.properties[name])) return false;
  return isDeepStrictEqual(withoutProperties(stored), withoutProperties(next));
};

const earliestOf = (all: Iterable<Held>): number => {
  let earliestMs = Number.POSITIVE_INFINITY;
  for (const { dueMs } of all) earliestMs = Math.min(earliestMs, dueMs);
  return earliestMs;
};

export const createStatusPace = (options: {
  readonly store: EntityStatusStore;
  readonly clock: Clock;
  readonly log: Log;
  /** How long after the last stored one; 0: nothing is held back. */
  readonly intervalMs: number;
  /** Further names of properties that are stored at once. */
  readonly recorded: readonly string[];
  /** Told of every status that was stored. */
  onStored(): void;
}): StatusPace => {
  const { store, clock, log, intervalMs } = options;
  const recorded = [...ALWAYS_RECORDED, ...options.recorded];
  const held = new Map<string, Held>();
  const writing = new Map<string, Promise<void>>();
  let wake = new AbortController();
  let wakesMs = Number.POSITIVE_INFINITY;
  const placeOf = (key: EntityKey, operator: string): string => `${operator}.${key}`;

  const storeNow = async (
    place: string,
    status: EntityStatus,
    fence: number,
    provenance?: Provenance,
  ): Promise<void> => {
    const work = store.put(status, fence, provenance);
    const settled = work.catch(() => undefined).then(() => void writing.delete(place));
    writing.set(place, settled);
    await work;
    options.onStored();
  };

  /** When the status may be stored; undefined: at once. */
  const dueOf = async (status: EntityStatus): Promise<number | undefined> => {
    if (intervalMs === 0) return undefined;
    const { key, operator } = status;
    const storedMs = await store.storedAtMs?.(key, operator);
    if (storedMs === undefined || clock.nowMs() >= storedMs + intervalMs) return undefined;
    const stored = await store.get(key, operator);
    return stored !== undefined && isOnlySeen(stored, status, recorded) ? storedMs + intervalMs : undefined;
  };

  const release = async (place: string, one: Held): Promise<void> => {
    await writing.get(place);
    if (held.get(place) !== one) return;
    const { status, fence, provenance } = one;
    try {
      await storeNow(place, status, fence, provenance);
    } catch (error) {
      // Overtaken by another component, or not to be reached: the next look says it again.
      if (!isFault(error)) throw error;
      log.info({ key: status.key, err: error }, 'properties that were held back are not stored');
    }
    if (held.get(place) !== one) return;
    // Said again meanwhile: that one is to come.
    if (one.status === status) held.delete(place);
    else one.dueMs = clock.nowMs() + intervalMs;
  };

  const releaseAll = async (untilMs: number): Promise<void> => {
    const due = [...held].filter(([, { dueMs }]) => dueMs <= untilMs);
    for (let from = 0; from < due.length; from += AT_ONCE)
      await Promise.all(due.slice(from, from + AT_ONCE).map(([place, one]) => release(place, one)));
  };

  return {
    get: async (key, operator) => held.get(placeOf(key, operator))?.status ?? store.get(key, operator),
    storedAtMs: async (key, operator) => store.storedAtMs?.(key, operator),

    put: async (status, fence, provenance) => {
      const place = placeOf(status.key, status.operator);
      await writing.get(place);
      const dueMs = await dueOf(status);
      if (dueMs === undefined) {
        held.delete(place);
        await storeNow(place, status, fence, provenance);
        return;
      }
      const before = held.get(place);
      if (before === undefined) {
        held.set(place, { status, fence, provenance, dueMs });
        if (dueMs < wakesMs) wake.abort();
      } else Object.assign(before, { status, fence, provenance });
    },

    run: async (signal) => {
      while (!signal.aborted) {
        wake = new AbortController();
        wakesMs = earliestOf(held.values());
        const restMs = Math.min(Number.MAX_SAFE_INTEGER, Math.max(1, wakesMs - clock.nowMs()));
        await clock.sleep(restMs, AbortSignal.any([signal, wake.signal]));
        if (!signal.aborted && clock.nowMs() >= wakesMs) await releaseAll(clock.nowMs() + TOGETHER_MS);
      }
    },

    flush: () => releaseAll(Number.POSITIVE_INFINITY),
  };
};
