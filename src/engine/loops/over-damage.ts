// Work that stands still while something stored is damaged, and goes on by itself when somebody has mended it. Called by the projector for each view,
// and by the operator-runtime for the dispatch: what else the process does goes on.

import { isFault } from '../../core/fault.ts';
import type { Clock } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';

const RETRY_MS = 2000;

/** Resolves when `signal` aborts. What `work` throws but VIEW_DAMAGED and STREAM_DAMAGED is thrown. */
export const overDamage = async (options: {
  /** As in "view". */
  readonly what: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
  work(): Promise<void>;
}): Promise<void> => {
  const { what, clock, log, signal } = options;
  while (!signal.aborted) {
    try {
      await options.work();
    } catch (error) {
      if (!isFault(error, 'VIEW_DAMAGED') && !isFault(error, 'STREAM_DAMAGED')) throw error;
      log.error({ err: error }, `${what} stands still`);
      await clock.sleep(RETRY_MS, signal);
    }
  }
};
