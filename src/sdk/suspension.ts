// What the SDK does with a suspended entity: its reconciler's `reconcile` is not called, so nothing is changed outside, whoever wrote it.
// `observe`, where the author has one, goes on looking. Every status of a suspended entity has the condition Suspended, and no other
// status has it. Pure; called by the reconcile loop and by status-rules.ts.

import type { Entity, EntityStatus } from '../messages/entity.ts';
import { SUSPENDED } from '../messages/entity.ts';
import { carriedOver } from './carried-over.ts';
import type { ReportedCondition, StatusUpdate } from './types.ts';

const HELD = 'nothing is changed outside until it is resumed';

const suspended = (message: string): ReportedCondition => ({
  type: SUSPENDED,
  status: 'True',
  reason: 'SuspensionRequested',
  message,
});

const SEEN_BEFORE = suspended(`${HELD}; this is what was last seen, nobody looks meanwhile`);
const LOOKED_AT = suspended(`${HELD}; what is there is still looked at`);

const isSaid = ({ type }: Pick<ReportedCondition, 'type'>): boolean => type === SUSPENDED;

/** The conditions of a report about `entity`, with or without Suspended, as the entity is. */
export const withSuspension = (
  reported: readonly ReportedCondition[],
  entity: Pick<Entity, 'suspended'>,
): readonly ReportedCondition[] => {
  const own = reported.filter((condition) => !isSaid(condition));
  if (!entity.suspended) return own;
  return [...own, reported.find(isSaid) ?? LOOKED_AT];
};

const undated = ({ type, status, reason, message }: ReportedCondition): ReportedCondition => ({
  type,
  status,
  reason,
  message,
});

const UNSEEN: ReportedCondition = { type: 'Ready', status: 'Unknown', reason: SUSPENDED, message: HELD };

const asLastSeen = ({ conditions }: EntityStatus): readonly ReportedCondition[] =>
  conditions.filter((condition) => !isSaid(condition)).map(undated);

/** What is said of a suspended entity when its author says nothing; undefined: it was said. */
export const suspendedUpdate = (entity: Entity, previous: EntityStatus | undefined): StatusUpdate | undefined => {
  const isDeleting = entity.deletionRequestedAt !== undefined;
  if (previous?.uid !== entity.uid) {
    return { key: entity.key, status: isDeleting ? 'deleting' : 'pending', conditions: [UNSEEN, SEEN_BEFORE] };
  }
  if (previous.observedSequence === entity.sequence && previous.conditions.some(isSaid)) return undefined;
  return {
    ...carriedOver(entity, previous),
    status: isDeleting ? 'deleting' : previous.status,
    conditions: [...asLastSeen(previous), SEEN_BEFORE],
    ...(previous.message === undefined ? {} : { message: previous.message }),
  };
};

/** The reason with which the signal of a reconcile aborts that is under way when the suspension comes. */
export const suspensionReason = (): Error => new Error('the resource was suspended: nothing may be changed outside');
