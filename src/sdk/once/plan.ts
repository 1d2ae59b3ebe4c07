// What to do next for one resource with runs, from what is wanted and what was last reported. Pure. A run that may be under way is brought to its
// end before the next one starts, whatever is wanted by now: two runs of one resource never overlap. A deletion waits for it when it can
// be cancelled.

import type { Entity } from '../../messages/entity.ts';
import { hasEnded } from './intent.ts';
import type { FollowStep, Intent, OnMissing, RunRecord } from './types.ts';

export type Step<TIntent extends Intent = Intent> =
  /** No run is wanted, and none was. The wanted run has ended. Nothing of it runs: it can be said to be gone. */
  | { readonly kind: 'idle' | 'settled' | 'gone' }
  /** The run may not start while the resource is suspended; was cancelled before it started; is to be started. */
  | { readonly kind: 'suspended' | 'call-off' | 'start'; readonly runId: string }
  /** A start was intended and not confirmed: find out whether it happened. */
  | { readonly kind: 'find'; readonly intent: TIntent; readonly onMissing: OnMissing }
  | FollowStep<TIntent>;

export type PlanOptions = { readonly canCancel: boolean };

/** What somebody wants of the run that was last reported. */
const wishFor = ({ run, deletionRequestedAt }: Entity, runId: string) => {
  const isDeleting = deletionRequestedAt !== undefined;
  const isIt = run?.id === runId;
  const cancelRequested = isIt && run.cancelRequested;
  return { cancelRequested, isToEnd: isDeleting || cancelRequested, isInTheWay: isDeleting || !isIt };
};

const unfinished = <TIntent extends Intent>(
  entity: Entity,
  record: RunRecord<TIntent> | undefined,
): Step<TIntent> | undefined => {
  if (record === undefined || hasEnded(record.state)) return undefined;
  const { externalId, intent, id } = record;
  const wish = wishFor(entity, id);
  if (externalId !== undefined) return { kind: 'follow', record: { ...record, externalId }, ...wish };
  // No intent that holds: the start was not called for it.
  if (intent?.runId !== id || intent.isWithdrawn === true) return undefined;
  const mayStart = entity.suspended ? 'wait' : 'start';
  return { kind: 'find', intent, onMissing: wish.isInTheWay || wish.isToEnd ? 'call-off' : mayStart };
};

/** What the wanted run needs, when nothing is under way. */
const wantedStep = (entity: Entity, record: RunRecord | undefined): Step<never> => {
  const wanted = entity.run;
  const ended = record !== undefined && hasEnded(record.state) ? record : undefined;
  if (wanted === undefined) return { kind: ended === undefined ? 'idle' : 'settled' };
  if (ended?.id === wanted.id) return { kind: 'settled' };
  if (wanted.cancelRequested) return { kind: 'call-off', runId: wanted.id };
  return { kind: entity.suspended ? 'suspended' : 'start', runId: wanted.id };
};

export const nextStep = <TIntent extends Intent>(
  entity: Entity,
  record: RunRecord<TIntent> | undefined,
  { canCancel }: PlanOptions,
): Step<TIntent> => {
  const isDeleting = entity.deletionRequestedAt !== undefined;
  if (isDeleting && !canCancel) return { kind: 'gone' };
  return unfinished(entity, record) ?? (isDeleting ? { kind: 'gone' } : wantedStep(entity, record));
};

/** Of a suspended resource: a run that is under way is looked at, and not ended, whatever is wanted. undefined: nothing is looked at. */
export const lookOnly = <TIntent extends Intent>(
  entity: Entity,
  record: RunRecord<TIntent> | undefined,
): FollowStep<TIntent> | undefined => {
  const step = unfinished(entity, record);
  return step?.kind === 'follow' ? { ...step, isToEnd: false } : undefined;
};
