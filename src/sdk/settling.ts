// An API may show what it has just made only after a while: for a settable time an answer "not there" is "not yet". What has an id is waited for
// then, and not made again. For authors whose APIs are so; pure.

import { notReady, reconciling } from './conditions.ts';
import type { ReportedCondition } from './types.ts';

/** How much of `settleMs` is left since `since` (RFC 3339); 0: it should be seen by now, or nobody knows when it was made. */
export const leftToSettleMs = (since: string | undefined, settleMs: number, nowMs: number): number => {
  const sinceMs = since === undefined ? Number.NaN : Date.parse(since);
  // A clock that was put back does not make the wait longer.
  return Number.isNaN(sinceMs) ? 0 : Math.max(0, Math.min(settleMs, sinceMs + settleMs - nowMs));
};

/** The conditions of what is waited for. `message`: what, and since when. */
export const notSeenYet = (message: string): readonly ReportedCondition[] => [
  notReady('NotSeenYet', message),
  reconciling('NotSeenYet', message),
];
