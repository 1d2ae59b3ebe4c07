// Resources whose operator is gone (it was deleted with force), or came back without their type. Nobody looks after them: whatever was last observed, they are Stalled with the
// reason OperatorGone. That is put together when a query is answered, from the two views; nothing about it is stored, so it ends by itself
// when an operator of that name is registered again.

import { OPERATOR_GONE, type Condition, type Entity } from '../../messages/entity.ts';
import type { EntityStatusDocument } from '../../messages/queries.ts';
import { createOwnEvents, type OwnEvents } from '../../messages/own-events.ts';
import { operatorRef, type Names } from '../../messages/subjects.ts';
import type { StreamReader } from '../ports/streams.ts';

/** What an orphan says of itself is replaced; other conditions of its component stay as they were last reported. */
const REPLACED = new Set(['Ready', 'Reconciling', 'Stalled']);
const WAIT_MS = 2000;

export const createOrphans = (options: {
  readonly names: Names;
  readonly events: StreamReader;
  readonly directory: {
    hasOperator(name: string): boolean;
    hosts(resource: { readonly operator: string; readonly type: string }): boolean;
  };
  /** Whether the view of operators has everything up to that sequence. */
  operatorsReached(minSequence: number, waitMs: number): Promise<boolean>;
  /** Default: those of `names`. */
  readonly own?: OwnEvents;
}) => {
  const { names, events, directory, own = createOwnEvents(names) } = options;

  const goneSince = async (operator: string): Promise<string | undefined> => {
    const message = await events.readLast(names.event(operatorRef(operator)));
    const last = message === undefined ? undefined : own.event(message);
    return last !== undefined && 'event' in last ? last.event.time : undefined;
  };

  return {
    /** True only when the operators' view is as far as the entity: it may be behind that of the entities. */
    isOrphan: async ({ manifest, sequence }: Entity): Promise<boolean> => {
      if (directory.hosts(manifest.resource)) return false;
      return (await options.operatorsReached(sequence, WAIT_MS)) && !directory.hosts(manifest.resource);
    },

    /** Whether rows that say so are to be believed; else they are to be read again. */
    settled: (minSequence: number): Promise<boolean> => options.operatorsReached(minSequence, WAIT_MS),

    /** The status of an orphan, from the last one that its component reported, if any. */
    statusOf: async (entity: Entity, last: EntityStatusDocument | undefined): Promise<EntityStatusDocument> => {
      const { operator, type: resourceType } = entity.manifest.resource;
      const what = directory.hasOperator(operator)
        ? `operator "${operator}" has no type "${resourceType}" any more; give it back to it`
        : `operator "${operator}" is gone; register it again`;
      const time = (await goneSince(operator)) ?? entity.updatedAt;
      const message = `${what}, or release the resource: what it has outside then stays`;
      const condition = (type: string, status: Condition['status']): Condition => ({
        type,
        status,
        reason: OPERATOR_GONE,
        message,
        lastTransitionTime: time,
        observedGeneration: entity.generation,
      });
      const base = last ?? {
        key: entity.key,
        operator,
        uid: entity.uid,
        observedGeneration: 0,
        observedSequence: 0,
        properties: {},
        updatedAt: time,
        sequence: 0,
      };
      return {
        ...base,
        status: entity.deletionRequestedAt === undefined ? 'error' : 'deleting',
        message,
        conditions: [
          condition('Ready', 'False'),
          condition('Stalled', 'True'),
          ...(last?.conditions ?? []).filter(({ type }) => !REPLACED.has(type)),
        ],
      };
    },
  };
};
