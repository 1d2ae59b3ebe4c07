// What a runtime that stands by does about components: it ends those that an earlier term of its own has left running here, once another
// place leads. The leader writes its places (one per driver: the machine and the folder) into the leases bucket; a standby whose place
// differs has nothing to run. Where the places are the same, the leader sees these instances itself, and adopts or ends them.

import { decodeJson, encodeJson } from '../../core/decode.ts';
import { isFault } from '../../core/fault.ts';
import { isJsonObject } from '../../core/json.ts';
import type { Clock } from '../ports/clock.ts';
import type { KeyValueStore } from '../ports/buckets.ts';
import type { Log } from '../ports/log.ts';
import type { ComputeDriver } from './ports.ts';

const KEY = 'supervision.places';
const LOOK_MS = 3000;
/** Looks in a row that must say the same: a leader may have come and gone in between. */
const LOOKS = 2;

export type Places = Readonly<Record<string, string>>;

/** Faults: those of the store. */
export const announcePlaces = async (store: KeyValueStore, places: Places, fence: number): Promise<void> => {
  await store.commit([{ key: KEY, data: encodeJson({ places, fence }) }]);
};

const leadersPlaces = async (store: KeyValueStore): Promise<Places | undefined> => {
  const entry = await store.get(KEY);
  const value = entry === undefined ? undefined : decodeJson(entry.data);
  return isJsonObject(value) && isJsonObject(value['places']) ? (value['places'] as Places) : undefined;
};

/** Until `signal` aborts. `isLeading`: then nothing here is a stray. */
export const endStrays = async (options: {
  readonly store: KeyValueStore;
  readonly drivers: readonly ComputeDriver[];
  readonly places: Places;
  readonly graceMs: number;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
  isLeading(): boolean;
}): Promise<void> => {
  const { drivers, places, clock, log, signal } = options;
  const elsewhere = new Map<string, number>();

  const look = async (): Promise<void> => {
    const leaders = options.isLeading() ? undefined : await leadersPlaces(options.store);
    for (const driver of drivers) {
      const place = leaders?.[driver.name];
      const isElsewhere = place !== undefined && place !== places[driver.name];
      const looks = isElsewhere ? (elsewhere.get(driver.name) ?? 0) + 1 : 0;
      elsewhere.set(driver.name, looks);
      if (looks < LOOKS) continue;
      for (const { id } of await driver.list()) {
        if (options.isLeading() || signal.aborted) return;
        log.info({ instance: id, driver: driver.name, leader: place }, 'component ended, another place leads');
        await driver.stop(id, options.graceMs);
      }
    }
  };

  while (!signal.aborted) {
    await clock.sleep(LOOK_MS, signal);
    if (signal.aborted) return;
    await look().catch((error: unknown) =>
      log[isFault(error) ? 'debug' : 'error']({ err: error }, 'stray components not looked for'),
    );
  }
};
