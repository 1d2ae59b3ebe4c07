// What a status becomes, as pure functions: filling in what the author does not say, when two statuses are equal, what a failed
// reconcile adds, and what a successful one that reported nothing means.

import { isDeepStrictEqual } from 'node:util';
import type { Writable } from '../core/writable.ts';
import {
  failureReasons,
  isFailureReason,
  saysReleased,
  SUSPENDED,
  type Condition,
  type Entity,
  type EntityStatus,
  type FailureReason,
  type ObservedRun,
} from '../messages/entity.ts';
import { conditionsFor, notReady, reconciling, stalled } from './conditions.ts';
import { carriedOver } from './carried-over.ts';
import { withLastChange } from './last-change.ts';
import { withSuspension } from './suspension.ts';
import type { ReportedCondition, StatusUpdate } from './types.ts';

const MAX_MESSAGE_LENGTH = 2000;

const datedConditions = (
  reported: readonly ReportedCondition[],
  previous: readonly Condition[],
  entity: Entity,
  now: string,
): readonly Condition[] =>
  reported.map(({ type, status, reason, message }) => {
    const before = previous.find((condition) => condition.type === type);
    return {
      type,
      status,
      reason,
      message,
      lastTransitionTime: before?.status === status ? before.lastTransitionTime : now,
      observedGeneration: entity.generation,
    };
  });

/** A report on the run that is wanted says which action it was. */
const withAction = (run: ObservedRun, { run: wanted }: Entity): ObservedRun =>
  wanted?.action === undefined || wanted.id !== run.id ? run : { ...run, action: wanted.action };

/** The status that an update makes of an entity. `previous` is the last one stored; one of another uid counts as none. */
export const statusFrom = (
  entity: Entity,
  update: StatusUpdate,
  previous: EntityStatus | undefined,
  now: string,
): EntityStatus => {
  const before = previous?.uid === entity.uid ? previous.conditions : [];
  const { status, runtime, run, externalId, message } = update;
  const next: Partial<Writable<EntityStatus>> = {
    key: entity.key,
    operator: entity.manifest.resource.operator,
    uid: entity.uid,
    observedGeneration: entity.generation,
    observedSequence: entity.sequence,
    status,
  };
  const state = runtime ?? run?.state;
  if (state !== undefined) next.runtime = state;
  if (run !== undefined) next.run = withAction(run, entity);
  const said = withLastChange(update.conditions ?? conditionsFor(status, message), update.change, before, now);
  const conditions = withSuspension(said, entity);
  next.conditions = datedConditions(conditions, before, entity, now);
  if (externalId !== undefined) next.externalId = externalId;
  if (message !== undefined) next.message = message;
  next.properties = update.properties ?? {};
  return next as EntityStatus;
};

/** Nothing in `next` that a reader of `previous` would not know. Transition times follow from the rest. */
export const sameStatus = (previous: EntityStatus | undefined, next: EntityStatus): boolean =>
  previous !== undefined &&
  previous.observedSequence === next.observedSequence &&
  isDeepStrictEqual(undefinedLess(previous), undefinedLess(next));

// Through JSON: what the store gives back has no undefined fields, what an author made may have them.
const undefinedLess = (status: EntityStatus): unknown => {
  const { properties, run, ...rest } = status;
  return { ...rest, rest: JSON.parse(JSON.stringify([properties, run ?? null])) as unknown };
};

/** A failed reconcile. `nextTryMs`: when a terminal one is tried again, in ms since the epoch. */
export type Problem = { readonly reason: FailureReason; readonly message: string; readonly nextTryMs?: number };

const stalledText = (message: string, nextTryMs: number | undefined): string =>
  nextTryMs === undefined
    ? message
    : `${message}; next try at ${new Date(nextTryMs).toISOString()}, at once after "opstream reconcile" or a change`;

/** After a throw: what was known stays, Ready is False, and either Reconciling (it is tried again soon) or Stalled (not before somebody acts, or long). */
export const failureUpdate = (entity: Entity, previous: EntityStatus | undefined, problem: Problem): StatusUpdate => {
  const message = problem.message.slice(0, MAX_MESSAGE_LENGTH);
  const { reason, nextTryMs } = problem;
  const isStalled = reason !== failureReasons.retrying;
  const unfinished = entity.deletionRequestedAt === undefined ? 'pending' : 'deleting';
  const before = previous?.uid === entity.uid && previous.status !== 'error' ? previous.status : unfinished;
  return {
    ...carriedOver(entity, previous),
    status: isStalled ? 'error' : before,
    message,
    conditions: [
      notReady(reason, message),
      isStalled ? stalled(reason, stalledText(message, nextTryMs)) : reconciling(reason, message),
    ],
  };
};

/** Words of the SDK, which do not outlive what they were about: failures, and that it was suspended before anybody had looked. */
const isFailure = ({ reason }: ReportedCondition): boolean => isFailureReason(reason) || reason === SUSPENDED;

/**
 * After a reconcile that reported nothing: undefined when the last status says it all, else the last one for the entity as it is
 * now, without what the SDK had said about failures. `finished`: the reconciler asked for no further look.
 */
export const silentUpdate = (
  entity: Entity,
  previous: EntityStatus | undefined,
  finished: boolean,
): StatusUpdate | undefined => {
  const known = previous?.uid === entity.uid ? previous : undefined;
  const failed = known?.conditions.some(isFailure) ?? false;
  const behind = known === undefined || known.observedSequence < entity.sequence;
  const answered = finished && entity.deletionRequestedAt === undefined;
  if (!failed && !(behind && answered)) return undefined;
  const fallback = answered ? 'active' : entity.deletionRequestedAt === undefined ? 'pending' : 'deleting';
  const provisional = known === undefined || (failed && (known.status === 'error' || known.status === 'pending'));
  const status = provisional ? fallback : known.status;
  const conditions = failed || known === undefined ? undefined : known.conditions;
  const message = failed ? undefined : known?.message;
  return {
    ...carriedOver(entity, previous),
    status,
    ...(message === undefined ? {} : { message }),
    ...(conditions === undefined ? {} : { conditions }),
  };
};

/** The resource was taken out of opstream while this component was not told, or was away: it is none of its business any more. */
export const isReleased = (entity: Entity, status: EntityStatus | undefined): boolean =>
  status?.uid === entity.uid && saysReleased(status);

/** The component has said of this very entity that nothing is left of it outside. */
export const isGone = (entity: Entity, status: EntityStatus | undefined): boolean =>
  entity.deletionRequestedAt !== undefined && status?.uid === entity.uid && status.status === 'deleted';
