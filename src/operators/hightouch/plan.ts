// What to do next for one resource, from what is wanted and what was last reported. Pure; reconciler.ts carries it out. A run that may be
// under way is followed to its end before the next one starts. Deletion does not wait for it: there is no way to end a run.

import type { Entity } from '../../sdk/index.ts';
import type { Id } from './ids.ts';
import { hasEnded, type Intent, type RunRecord } from './run-record.ts';

export type Step =
  | { readonly kind: 'idle' | 'settled' | 'gone' }
  | { readonly kind: 'suspended' | 'call-off' | 'start'; readonly runId: string }
  /** A start was intended and not confirmed: find out whether it happened. */
  | { readonly kind: 'find'; readonly intent: Intent; readonly onMissing: 'start' | 'wait' | 'call-off' }
  | {
      readonly kind: 'follow';
      readonly record: RunRecord & { readonly externalRunId: Id; readonly intent: Intent };
      readonly cancelRequested: boolean;
      /** A newer run waits for its end. */
      readonly isInTheWay: boolean;
    };

const unfinished = (entity: Entity, record: RunRecord): Step | undefined => {
  const { externalRunId, intent, id } = record;
  if (hasEnded(record.state) || intent === undefined) return undefined;
  const isWanted = entity.run?.id === id;
  const cancelRequested = isWanted && entity.run?.cancelRequested === true;
  if (externalRunId !== undefined) {
    return { kind: 'follow', record: { ...record, externalRunId, intent }, cancelRequested, isInTheWay: !isWanted };
  }
  if (intent.runId !== id || intent.isWithdrawn === true) return undefined;
  const mayStart = entity.suspended ? 'wait' : 'start';
  return { kind: 'find', intent, onMissing: isWanted && !cancelRequested ? mayStart : 'call-off' };
};

export const nextStep = (entity: Entity, record: RunRecord | undefined): Step => {
  if (entity.deletionRequestedAt !== undefined) return { kind: 'gone' };
  const first = record === undefined ? undefined : unfinished(entity, record);
  if (first !== undefined) return first;
  const wanted = entity.run;
  const ended = record !== undefined && hasEnded(record.state) ? record : undefined;
  if (wanted === undefined) return { kind: ended === undefined ? 'idle' : 'settled' };
  if (ended?.id === wanted.id) return { kind: 'settled' };
  if (wanted.cancelRequested) return { kind: 'call-off', runId: wanted.id };
  if (entity.suspended) return { kind: 'suspended', runId: wanted.id };
  return { kind: 'start', runId: wanted.id };
};

/** Of a suspended resource: a run that is under way is looked at. Undefined: nothing is looked at. */
export const lookOnly = (
  entity: Entity,
  record: RunRecord | undefined,
): Extract<Step, { kind: 'follow' }> | undefined => {
  const step = record === undefined ? undefined : unfinished(entity, record);
  return step?.kind === 'follow' ? step : undefined;
};
