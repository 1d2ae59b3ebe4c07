// Resources that wait for an operator that cannot work. Their own status cannot say it: the component that would write it is what does not run.
// So it is put together when a query is answered, like orphans, from the last status of the operator; nothing about it is stored, and it ends
// by itself. Called by answer-query.ts.

import type { Condition, Entity } from '../../messages/entity.ts';
import { OPERATOR_NOT_READY, type EntityStatusDocument, type OperatorStatusDocument } from '../../messages/queries.ts';

/** It is on its way, and nothing is known to be wrong. */
const UNDER_WAY = new Set(['Progressing', 'NotLookedYet']);

const isWell = (entity: Entity, status: EntityStatusDocument): boolean =>
  status.observedSequence >= entity.sequence &&
  status.conditions.some(({ type, status: value }) => type === 'Ready' && value === 'True');

/**
 * The status that is shown of a resource: `own`, the last one that its component reported, unless it waits for something and its operator
 * cannot work. `operatorStatus` is asked for only where it counts.
 */
export const withOperatorTrouble = async (
  entity: Entity,
  own: EntityStatusDocument | undefined,
  operatorStatus: () => Promise<OperatorStatusDocument | undefined>,
): Promise<EntityStatusDocument | undefined> => {
  if (own !== undefined && isWell(entity, own)) return own;
  const seen = await operatorStatus();
  const trouble = seen?.conditions.find(({ type, status }) => type === 'Ready' && status === 'False');
  if (seen === undefined || trouble === undefined || UNDER_WAY.has(trouble.reason)) return own;
  const { reason, lastTransitionTime } = trouble;
  const message = `operator ${seen.operator}: ${reason}, ${trouble.message}, since ${lastTransitionTime}`;
  const ready: Condition = {
    type: 'Ready',
    status: 'False',
    reason: OPERATOR_NOT_READY,
    message,
    lastTransitionTime,
    observedGeneration: entity.generation,
  };
  const base = own ?? {
    key: entity.key,
    operator: seen.operator,
    uid: entity.uid,
    observedGeneration: 0,
    observedSequence: 0,
    status: entity.deletionRequestedAt === undefined ? ('pending' as const) : ('deleting' as const),
    conditions: [],
    properties: {},
    updatedAt: lastTransitionTime,
    sequence: 0,
  };
  return { ...base, message, conditions: [ready, ...base.conditions.filter(({ type }) => type !== 'Ready')] };
};
