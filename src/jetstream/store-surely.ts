// One write, tried until it is stored, refused, called off, or out of time. An attempt without an answer may have been stored all the same. So a
// conflict or a duplicate may be our own earlier attempt, here or in a process that crashed: the stream is looked at before the refusal is
// believed. Called by appender.ts and key-value-store.ts, which know how to find what is theirs.

import { isFault, type Fault } from '../core/fault.ts';
import { calledOff, isRepeatable } from './faults.ts';
import { pause } from './pause.ts';

export type SureWrite<T> = {
  /** The stream, as faults name it. */
  readonly what: string;
  /** One attempt. */
  write(): Promise<T>;
  /** What an earlier attempt has stored; undefined: nothing. `unanswered`: attempts whose end is not known. */
  findOwn(unanswered: number): Promise<T | undefined>;
  /** Asked after findOwn. True: the next attempt is another one, which may do what this one was refused. Absent: never. */
  adjust?(): Promise<boolean>;
  isCalledOff(): boolean;
  /** On the monotonic clock: no attempt begins later. */
  readonly endMs: number;
  /** What is thrown then. Default: the last fault. */
  outOfTime?(last: Fault): Fault;
  /** Counts the attempts whose end is not known. */
  readonly attempts: { failures: number };
  /** How an attempt that was made already has ended. */
  readonly earlier?: Fault | undefined;
};

/** Growing, jittered: 10 ms to 1 s. */
export const storePauseMs = (failures: number): number =>
  Math.min(1000, 10 * 2 ** failures) * (0.5 + Math.random() / 2);

const isContested = (error: unknown): boolean => isFault(error, 'JS_CONFLICT') || isFault(error, 'JS_DUPLICATE');

/** What is stored already; undefined: try again. Throws what another attempt cannot mend. */
const afterFailure = async <T>(options: SureWrite<T>, error: unknown): Promise<T | undefined> => {
  const { attempts, endMs } = options;
  if (isContested(error)) {
    const own = await options.findOwn(attempts.failures);
    if (own === undefined && (await options.adjust?.()) !== true) throw error;
    return own;
  }
  if (!isRepeatable(error)) throw error;
  attempts.failures += 1;
  const waitMs = storePauseMs(attempts.failures);
  if (performance.now() + waitMs >= endMs) throw options.outOfTime?.(error) ?? error;
  await pause(waitMs);
  return undefined;
};

/** Faults: those of `write`; NATS_TIMEOUT when it is called off. */
export const storeSurely = async <T>(options: SureWrite<T>): Promise<T> => {
  let failure: unknown = options.earlier;
  for (;;) {
    const own = failure === undefined ? undefined : await afterFailure(options, failure);
    if (own !== undefined) return own;
    if (options.isCalledOff()) throw calledOff(options.what);
    try {
      return await options.write();
    } catch (error) {
      failure = error;
    }
  }
};
