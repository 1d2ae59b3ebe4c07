// Ends the reconcile of an entity that is suspended while it is under way: its signal aborts, as at the loss of the lead. Used by the
// reconcile loop, which counts such an end as no failure.

import type { Log } from '../engine/ports/log.ts';
import type { EntityKey } from '../messages/entity.ts';
import type { RunningReconcile } from './reconcile-context.ts';
import { suspensionReason } from './suspension.ts';
import type { EntityStore } from './types.ts';

export type Interruptions = {
  begin(key: EntityKey, one: RunningReconcile): void;
  end(key: EntityKey): void;
  /** The entity of the key has changed. */
  look(key: EntityKey): void;
  has(one: RunningReconcile): boolean;
};

export const createInterruptions = (entities: Pick<EntityStore, 'get'>, log: Log): Interruptions => {
  const running = new Map<EntityKey, RunningReconcile>();
  const interrupted = new WeakSet<RunningReconcile>();

  const look = async (key: EntityKey): Promise<void> => {
    const one = running.get(key);
    if (one === undefined || (await entities.get(key))?.suspended !== true || running.get(key) !== one) return;
    interrupted.add(one);
    one.abort(suspensionReason());
  };

  return {
    begin: (key, one) => {
      running.set(key, one);
    },
    end: (key) => {
      running.delete(key);
    },
    look: (key) => {
      void look(key).catch((error: unknown) => log.warn({ key, err: error }, 'entity could not be read'));
    },
    has: (one) => interrupted.has(one),
  };
};
