// The default MessageHandler: keep the entity with the larger sequence, answer from the stores. Lost, doubled and reordered
// commands end the same, because every command carries the whole desired state and its place in the history.

import type { Entity, EntityStatus } from '../messages/entity.ts';
import type { EntityCommand } from '../messages/entity.ts';
import { provenanceOf } from './entity-command.ts';
import type { EntityStatusStore, MessageHandler } from './types.ts';

// A command that comes late for an entity that is not kept (any more): what was reported says whether it is old news. Without
// this, a doubled delivery after the purge would make a deleted thing again.
const isOldNews = (entity: Entity, status: EntityStatus | undefined): boolean =>
  status !== undefined &&
  (status.observedSequence > entity.sequence ||
    (status.observedSequence === entity.sequence && status.status === 'deleted'));

/** `operator`: whose statuses are asked for when the entity itself is not kept any more. */
export const createMessageHandler = ({ operator }: { readonly operator?: string } = {}): MessageHandler => {
  const statusOf = (statuses: EntityStatusStore, key: string, entity: Entity | undefined) => {
    const owner = entity?.manifest.resource.operator ?? operator;
    return owner === undefined ? Promise.resolve(undefined) : statuses.get(key, owner);
  };
  return {
    handleCommand: async (message, entities, statuses, onAccepted) => {
      const { entity } = message.data;
      const { key } = entity;
      const known = await entities.get(key);
      if (message.data.command === 'release') {
        // What is outside stays; of a later incarnation nothing is said.
        if (known?.uid === entity.uid) await entities.delete(key, known.sequence);
        return undefined;
      }
      if (known === undefined && isOldNews(entity, await statusOf(statuses, key, entity))) return undefined;
      const request = { key, type: entity.manifest.resource.type };
      const changed = await entities.put(entity, provenanceOf(message as EntityCommand), () => onAccepted?.(request));
      return changed ? request : undefined;
    },
    handleQuery: async ({ id, query, key }, entities, statuses) => {
      const entity = await entities.get(key);
      if (query === 'entity')
        return { id, key, found: entity !== undefined, ...(entity === undefined ? {} : { entity }) };
      const status = await statusOf(statuses, key, entity);
      return { id, key, found: status !== undefined, ...(status === undefined ? {} : { status }) };
    },
  };
};
