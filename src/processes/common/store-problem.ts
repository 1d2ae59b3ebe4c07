// A server that cannot write does not say so: it answers no publish at all. A process that knows where the store is looks there, and says
// what it found to whoever waits for an answer, and in its readiness.

import { Fault } from '../../core/fault.ts';
import { storeRoom } from '../../program/store-room.ts';

/** Undefined: it can be written, or nobody has said where it is. `who`: a name that no other process has. */
export const storeProblem = (folder: string | undefined, who: string): string | undefined =>
  folder === undefined ? undefined : storeRoom(folder, `.room-of-${who}`).problem;

/** JS_STORE_FULL for what was not answered while nothing can be stored; otherwise the same Fault. */
export const explainFault = (folder: string | undefined, who: string, fault: Fault): Fault => {
  if (fault.code !== 'NATS_TIMEOUT' && fault.code !== 'JS_STORE_FULL' && fault.code !== 'JS_UNAVAILABLE') return fault;
  const problem = storeProblem(folder, who);
  if (problem === undefined) return fault;
  const message = `nothing can be stored: ${problem}; the same command may be sent again then`;
  return new Fault('JS_STORE_FULL', message, { retry: 'later', details: fault.details, cause: fault });
};
