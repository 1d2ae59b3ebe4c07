// What is said of a run in conditions. Pure. Words stay the same for the same problem, so that a status is not rewritten at every try.

import type { ObservedRun } from '../../messages/entity.ts';
import { notReady, ready, reconciling, stalled } from '../conditions.ts';
import type { ReportedCondition } from '../types.ts';

/** Reason of a failed run whose start was not confirmed, and that cannot be looked for. */
export const UNCONFIRMED = 'StartUnconfirmed';

export const waitingFor = (reason: string, message: string): readonly ReportedCondition[] => [
  notReady(reason, message),
  reconciling(reason, message),
];

/** The run has failed, and it takes a new one. */
export const failedAs = (reason: string, message: string): readonly ReportedCondition[] => [
  notReady(reason, message),
  stalled(reason, message),
];

/** A failed run without an external id was refused when it was to be started. */
export const conditionsOfRun = (
  noun: string,
  { state, message = '', externalId }: ObservedRun,
): readonly ReportedCondition[] => {
  switch (state) {
    case 'succeeded':
      return [ready('RunSucceeded', `the ${noun} succeeded`)];
    case 'cancelled':
      return [notReady('RunCancelled', message === '' ? `the ${noun} was cancelled` : message)];
    case 'failed':
      return failedAs(
        externalId === undefined ? 'StartRefused' : 'RunFailed',
        message === '' ? `the ${noun} failed` : message,
      );
    case 'pending':
      return waitingFor('RunQueued', `the ${noun} is queued`);
    case 'inprogress':
      return waitingFor('RunInProgress', `the ${noun} is in progress`);
  }
};
