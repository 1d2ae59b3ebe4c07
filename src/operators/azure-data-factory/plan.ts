// What to do next for one resource, from what is wanted and what was last reported. Pure; reconciler.ts carries it out. A run that may
// be under way is always brought to its end first, whatever is wanted by now: two runs of one resource never overlap.

import type { Entity } from '../../sdk/index.ts';
import { hasEnded, type Intent, type RunRecord } from './run-record.ts';

/** What becomes of a run that was intended, was looked for and is not there. */
export type OnMissing = 'start' | 'wait' | 'call-off';

export type Step =
  /** No run is wanted, and none was. */
  | { readonly kind: 'idle' }
  /** The wanted run has ended, and that was reported. */
  | { readonly kind: 'settled' }
  /** A run is wanted but may not start while the resource is suspended. */
  | { readonly kind: 'suspended'; readonly runId: string }
  /** The wanted run was cancelled before it started. */
  | { readonly kind: 'call-off'; readonly runId: string }
  | { readonly kind: 'start'; readonly runId: string }
  /** A start was intended and not confirmed: find out whether it happened. */
  | {
      readonly kind: 'find';
      readonly record: RunRecord & { readonly intent: Intent };
      readonly onMissing: OnMissing;
    }
  | {
      readonly kind: 'follow';
      readonly record: RunRecord & { readonly adfRunId: string };
      readonly cancel: boolean;
      /** It has to end for something else: deletion, or a newer run. */
      readonly isInTheWay: boolean;
    }
  /** Nothing of it runs: say that it is gone. */
  | { readonly kind: 'gone' };

const unfinished = (entity: Entity, record: RunRecord | undefined): Step | undefined => {
  if (record === undefined || hasEnded(record.state)) return undefined;
  const isDeleting = entity.deletionRequestedAt !== undefined;
  const isWanted = entity.run?.id === record.id && !isDeleting;
  const cancel = isDeleting || (isWanted && entity.run?.cancelRequested === true);
  const { adfRunId, intent } = record;
  if (adfRunId !== undefined) {
    return { kind: 'follow', record: { ...record, adfRunId }, cancel, isInTheWay: !isWanted };
  }
  // No intent that holds: createRun was not called for it.
  if (intent?.runId !== record.id || intent.isWithdrawn === true) return undefined;
  const mayStart = entity.suspended ? 'wait' : 'start';
  return { kind: 'find', record: { ...record, intent }, onMissing: isWanted && !cancel ? mayStart : 'call-off' };
};

export const nextStep = (entity: Entity, record: RunRecord | undefined): Step => {
  const first = unfinished(entity, record);
  if (first !== undefined) return first;
  if (entity.deletionRequestedAt !== undefined) return { kind: 'gone' };
  const wanted = entity.run;
  const ended = record !== undefined && hasEnded(record.state) ? record : undefined;
  if (wanted === undefined) return { kind: ended === undefined ? 'idle' : 'settled' };
  if (ended?.id === wanted.id) return { kind: 'settled' };
  if (wanted.cancelRequested) return { kind: 'call-off', runId: wanted.id };
  if (entity.suspended) return { kind: 'suspended', runId: wanted.id };
  return { kind: 'start', runId: wanted.id };
};

/** Of a suspended resource: a run that is under way is looked at, and not cancelled, whatever is wanted. Undefined: nothing is looked at. */
export const lookOnly = (
  entity: Entity,
  record: RunRecord | undefined,
): Extract<Step, { kind: 'follow' }> | undefined => {
  const step = unfinished(entity, record);
  return step?.kind === 'follow' ? { ...step, cancel: false } : undefined;
};
