// What a status that the SDK itself makes keeps of the last one: everything but the lifecycle, the conditions and the message, which it is
// about. Pure.

import type { Entity, EntityStatus } from '../messages/entity.ts';
import type { StatusUpdate } from './types.ts';

export const carriedOver = (
  entity: Entity,
  previous: EntityStatus | undefined,
): Omit<StatusUpdate, 'status' | 'conditions' | 'message'> => {
  if (previous?.uid !== entity.uid) return { key: entity.key };
  const { runtime, run, externalId, properties } = previous;
  return {
    key: entity.key,
    ...(runtime === undefined ? {} : { runtime }),
    ...(run === undefined ? {} : { run }),
    ...(externalId === undefined ? {} : { externalId }),
    properties,
  };
};
