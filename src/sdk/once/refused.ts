// What an answer that is no success means for a start: whether the same may work later, and whether there can have been an effect. One table
// for everybody, so that no operator takes a refusal for a while as the end of a run, or a lost answer for a refusal.

import { Fault, isFault } from '../../core/fault.ts';
import type { HttpReply, Outcome } from '../http-call.ts';

/** In conflict with something, locked, too early, too many: all for a while, and nothing happened. */
const FOR_A_WHILE: ReadonlySet<number> = new Set([409, 423, 425, 429]);
/** Who asks is refused, not what is asked for. */
const WHO_ASKS: ReadonlySet<number> = new Set([401, 403]);

/** What failed inside the API may have had an effect. */
export const outcomeOfStatus = (status: number): Outcome => (status >= 500 || status === 408 ? 'unknown' : 'none');

/** Whether the same may work later. */
export const isTemporary = (status: number): boolean =>
  outcomeOfStatus(status) === 'unknown' || FOR_A_WHILE.has(status);

/** `details`: beside `status` and `outcome`. `pauseMs`: after 429 without Retry-After; the whole operator waits when either is known. */
export const refusedFault = (
  { status, retryAfterMs }: Pick<HttpReply, 'status' | 'retryAfterMs'>,
  message: string,
  { details = {}, pauseMs }: { readonly details?: Fault['details']; readonly pauseMs?: number } = {},
): Fault => {
  const facts = { status, ...details, outcome: outcomeOfStatus(status) };
  if (!isTemporary(status)) return new Fault('COMPONENT_TERMINAL', message, { retry: 'never', details: facts });
  const afterMs = retryAfterMs ?? (status === 429 ? pauseMs : undefined);
  const scope = status === 429 ? ({ scope: 'operator' } as const) : {};
  const retry = afterMs === undefined ? 'later' : { afterMs, ...scope };
  return new Fault('COMPONENT_RETRYABLE', message, { retry, details: facts });
};

/** Refused for good, for what was asked for: not for who asked, or when. */
export const isRefusal = (error: unknown): error is Fault => {
  if (!isFault(error) || error.retry !== 'never') return false;
  const { status } = error.details;
  return typeof status === 'number' && !WHO_ASKS.has(status);
};
