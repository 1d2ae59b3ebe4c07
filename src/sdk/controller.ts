// The OController behind a reconciler, and what the reconcile loop asks about a reconcile afterwards: which entity it read, whether
// it reported. A status answers the entity that the reconcile read, not a newer one that arrived meanwhile.

import { Fault } from '../core/fault.ts';
import type { Clock } from '../engine/ports/clock.ts';
import type { Log } from '../engine/ports/log.ts';
import type { Entity, EntityKey } from '../messages/entity.ts';
import type { Provenance } from '../messages/envelope.ts';
import { assertUpdate } from './author-checks.ts';
import { logChange } from './last-change.ts';
import { sameStatus, statusFrom } from './status-rules.ts';
import type { EntityStatusStore, EntityStore, OController, StatusUpdate } from './types.ts';

/** What one reconcile did so far: the entity as it last read it, where that came from, and whether a status was reported. */
export type ReconcileRecord = {
  entity: Entity;
  provenance: Provenance | undefined;
  /** Of the reconcile. */
  readonly log: (() => Log) | undefined;
  reported: boolean;
  /** It was given up on: what it reports from then on is refused. */
  isFenced: boolean;
};

export type Controller = OController & {
  /**
   * From here to `end`, updates of the key answer `entity`, or a newer one once the reconcile has read it. `log`: where what was changed outside
   * is said; default: nowhere.
   */
  begin(entity: Entity, provenance: Provenance | undefined, log?: () => Log): ReconcileRecord;
  end(key: EntityKey): void;
  /** The SDK's own word: like `updateEntityStatus`, also of a key whose reconcile was given up on. */
  report(update: StatusUpdate): Promise<void>;
};

export type ControllerOptions = {
  readonly entities: EntityStore;
  readonly statuses: EntityStatusStore;
  readonly operator: string | undefined;
  readonly clock: Clock;
  /** Token of the lease held now. */
  fence(): number;
};

export const createController = (options: ControllerOptions): Controller => {
  const { entities, statuses, operator, clock, fence } = options;
  const active = new Map<EntityKey, ReconcileRecord>();

  const assertNotFenced = (record: ReconcileRecord | undefined): void => {
    if (record?.isFenced !== true) return;
    const { key } = record.entity;
    throw new Fault('LEASE_LOST', `${key}: this reconcile was given up on; what it reports is not stored`);
  };

  const store = async (update: StatusUpdate, check: typeof assertNotFenced): Promise<void> => {
    const { key } = update;
    const record = active.get(key);
    check(record);
    const entity = record?.entity ?? (await entities.get(key));
    if (entity === undefined) {
      throw new Fault('JS_NOT_FOUND', `no entity ${key} is kept here; a status can only answer a known entity`, {
        retry: 'never',
      });
    }
    const previous = await statuses.get(key, entity.manifest.resource.operator);
    const next = statusFrom(entity, update, previous, new Date(clock.nowMs()).toISOString());
    if (!sameStatus(previous, next)) {
      const provenance = record === undefined ? await entities.provenance?.(key) : record.provenance;
      // It may have been given up on meanwhile.
      check(record);
      await statuses.put(next, fence(), provenance);
    }
    if (record !== undefined) record.reported = true;
  };

  return {
    begin: (entity, provenance, log) => {
      const record: ReconcileRecord = { entity, provenance, log, reported: false, isFenced: false };
      active.set(entity.key, record);
      return record;
    },
    end: (key) => {
      active.delete(key);
    },
    getEntity: async (key) => {
      const entity = await entities.get(key);
      const record = active.get(key);
      if (record === undefined || entity === undefined || record.entity.sequence === entity.sequence) return entity;
      record.entity = entity;
      record.provenance = await entities.provenance?.(key);
      return entity;
    },
    getEntityStatus: async (key) => {
      const entity = active.get(key)?.entity ?? (await entities.get(key));
      const owner = entity?.manifest.resource.operator ?? operator;
      return owner === undefined ? undefined : statuses.get(key, owner);
    },
    report: (update) => store(update, () => {}),
    updateEntityStatus: async (update) => {
      assertUpdate(update);
      if (update.change !== undefined) {
        const log = active.get(update.key)?.log;
        if (log !== undefined) logChange(log(), update);
      }
      await store(update, assertNotFenced);
    },
  };
};
