// What to do next for one pipeline run, from what is wanted and what was last reported. Pure; reconciler.ts does it.

import type { Entity, EntityStatus, RuntimeStatus } from '../../sdk/index.ts';

/** What an earlier reconcile reported of a run: `adfRunId` is absent between the intent and its confirmation. */
export type Tracked = {
  readonly id: string;
  readonly state: RuntimeStatus;
  readonly adfRunId?: string;
  readonly intentAt?: string;
};

export type Step =
  /** Nothing is to be done until the entity changes. */
  | { readonly kind: 'settled' }
  /** A run is wanted but may not start now. */
  | { readonly kind: 'wait' }
  /** The wanted run was called off before it started. */
  | { readonly kind: 'call-off'; readonly runId: string }
  | { readonly kind: 'start'; readonly runId: string }
  /** A start was intended and not confirmed: find out whether it happened. */
  | { readonly kind: 'find'; readonly tracked: Tracked; readonly mayStart: boolean }
  | { readonly kind: 'follow'; readonly tracked: Tracked & { readonly adfRunId: string }; readonly cancel: boolean }
  /** Nothing of it runs any more: say that it is gone. */
  | { readonly kind: 'gone' };

const TERMINAL: readonly RuntimeStatus[] = ['succeeded', 'failed', 'cancelled'];
export const isTerminal = (state: RuntimeStatus): boolean => TERMINAL.includes(state);

export const trackedIn = (status: EntityStatus | undefined, uid: string): Tracked | undefined => {
  if (status?.run === undefined || status.uid !== uid) return undefined;
  const { id, state, externalId } = status.run;
  const { intentAt } = status.properties;
  return {
    id,
    state,
    ...(externalId === undefined ? {} : { adfRunId: externalId }),
    ...(typeof intentAt === 'string' ? { intentAt } : {}),
  };
};

export const nextStep = (entity: Entity, tracked: Tracked | undefined): Step => {
  const isDeleting = entity.deletionRequestedAt !== undefined;
  const wanted = entity.run;
  if (tracked !== undefined && !isTerminal(tracked.state)) {
    // A run under way is brought to its end before another one starts, also when that was asked for meanwhile.
    const isOwn = wanted?.id === tracked.id;
    const cancel = isDeleting || (isOwn && wanted.cancelRequested);
    if (tracked.adfRunId !== undefined)
      return { kind: 'follow', tracked: { ...tracked, adfRunId: tracked.adfRunId }, cancel };
    if (tracked.intentAt !== undefined)
      return { kind: 'find', tracked, mayStart: isOwn && !cancel && !entity.suspended };
  }
  if (isDeleting) return { kind: 'gone' };
  if (wanted === undefined) return { kind: 'settled' };
  if (tracked?.id === wanted.id && isTerminal(tracked.state)) return { kind: 'settled' };
  if (wanted.cancelRequested) return { kind: 'call-off', runId: wanted.id };
  if (entity.suspended) return { kind: 'wait' };
  return { kind: 'start', runId: wanted.id };
};
