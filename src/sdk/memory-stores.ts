// Stores that live and die with the process: OPERATOR_STATE_STORE_TYPE=memory, and tests of reconcilers. What a memory store has
// forgotten comes again only when the operator-runtime sends it again.

import type { Entity, EntityKey, EntityStatus } from '../messages/entity.ts';
import type { Provenance } from '../messages/envelope.ts';
import type { EntityStatusStore, EntityStore } from './types.ts';

export const createMemoryEntityStore = (): EntityStore => {
  const kept = new Map<EntityKey, { readonly entity: Entity; readonly provenance: Provenance | undefined }>();
  return {
    get: (key) => Promise.resolve(kept.get(key)?.entity),
    put: (entity, provenance) => {
      const known = kept.get(entity.key);
      if (known !== undefined && known.entity.sequence >= entity.sequence) return Promise.resolve(false);
      kept.set(entity.key, { entity, provenance });
      return Promise.resolve(true);
    },
    provenance: (key) => Promise.resolve(kept.get(key)?.provenance),
    delete: (key, sequence) => {
      if (kept.get(key)?.entity.sequence === sequence) kept.delete(key);
      return Promise.resolve();
    },
    list: async function* () {
      for (const [key, { entity }] of kept) yield { key, type: entity.manifest.resource.type };
    },
  };
};

/** For tests of reconcilers: nobody else sees these statuses. */
export const createMemoryEntityStatusStore = (): EntityStatusStore => {
  const kept = new Map<EntityKey, EntityStatus>();
  return {
    get: (key) => Promise.resolve(kept.get(key)),
    put: (status) => {
      kept.set(status.key, status);
      return Promise.resolve();
    },
  };
};
