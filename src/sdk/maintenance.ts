// Housekeeping: an entity that is gone outside is kept for a while (its status can still be asked for) and then removed from the
// component's store. It counts from when the status that says so was stored, so a restart does not make anything stay longer.

import { isFault } from '../core/fault.ts';
import type { Clock } from '../engine/ports/clock.ts';
import type { Log } from '../engine/ports/log.ts';
import type { Entity, EntityKey } from '../messages/entity.ts';
import type { EntityStore } from './types.ts';

export type MaintenanceOptions = {
  readonly entities: EntityStore;
  readonly clock: Clock;
  readonly log: Log;
  readonly intervalMs: number;
  readonly purgeAfterMs: number;
};

export type Maintenance = {
  /** The entity is gone outside, since `sinceMs`; default: now. */
  gone(entity: Entity, sinceMs?: number): void;
  /** Purges until `signal` aborts. */
  run(signal: AbortSignal): Promise<void>;
};

export const createMaintenance = (options: MaintenanceOptions): Maintenance => {
  const { entities, clock, log, intervalMs, purgeAfterMs } = options;
  const goneSince = new Map<EntityKey, { readonly sequence: number; readonly sinceMs: number }>();

  const purge = async (key: EntityKey, sequence: number): Promise<void> => {
    try {
      await entities.delete(key, sequence);
      log.info({ key, sequence }, 'deleted entity purged');
    } catch (error) {
      // Declared again meanwhile: nothing to purge any more.
      if (!isFault(error, 'JS_CONFLICT')) throw error;
    }
    if (goneSince.get(key)?.sequence === sequence) goneSince.delete(key);
  };

  const purgeAll = async (signal: AbortSignal): Promise<void> => {
    const latestMs = clock.nowMs() - purgeAfterMs;
    for (const [key, { sequence, sinceMs }] of goneSince) {
      if (signal.aborted) return;
      if (sinceMs <= latestMs) await purge(key, sequence);
    }
  };

  return {
    gone: ({ key, sequence }, sinceMs = clock.nowMs()) => {
      if (goneSince.get(key)?.sequence !== sequence) goneSince.set(key, { sequence, sinceMs });
    },
    run: async (signal) => {
      while (!signal.aborted) {
        await clock.sleep(intervalMs, signal);
        if (signal.aborted) return;
        try {
          await purgeAll(signal);
        } catch (error) {
          log.warn({ err: error }, 'purge failed, trying again at the next maintenance');
        }
      }
    },
  };
};
