// The Fault that a process has answered with, as it was there: its own code, and whether the same request may work later. Used by the client's
// doors for commands and for queries, and by the engine where it asks the query-responder (list-answer.ts).

import { Fault, faultCodes, type FaultCode } from '../core/fault.ts';
import type { JsonObject } from '../core/json.ts';

/** A code that this version does not know is kept in `details`. */
export const faultOfFailure = (failure: JsonObject): Fault => {
  const { code, message, isRetryable, retryAfterMs } = failure;
  const later = typeof retryAfterMs === 'number' ? { afterMs: retryAfterMs } : 'later';
  const known = typeof code === 'string' && Object.hasOwn(faultCodes, code) ? (code as FaultCode) : undefined;
  return new Fault(known ?? (isRetryable === true ? 'JS_UNAVAILABLE' : 'JS_REFUSED'), String(message), {
    retry: isRetryable === true ? later : 'never',
    details: { code },
  });
};
