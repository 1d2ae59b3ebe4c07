// Waits for what a process cannot begin without: does the work again, with growing pauses, as long as it fails in a way that may pass, and says
// what it waits for. What waiting cannot mend (a Fault with retry `never`, a bug) is thrown. Called by processes at their start.

import { isFault, type Fault } from '../../core/fault.ts';
import type { Clock } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';

const FIRST_PAUSE_MS = 250;
const MAX_PAUSE_MS = 5000;
/** The same reason is logged again so often. */
const TELL_AGAIN_MS = 30_000;

export type KeepTryingOptions = {
  /** What is waited for: `the streams`. */
  readonly what: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Ends the waiting: the last Fault is thrown. */
  readonly signal: AbortSignal;
  /** Told with each failure what is waited for and why, and with undefined at the end. */
  onWait?(reason: string | undefined): void;
};

/** Tells the log: each new reason at once, the same one now and then. */
const teller = ({ what, clock, log }: KeepTryingOptions) => {
  const startedMs = clock.nowMs();
  let told: { readonly code: Fault['code']; readonly atMs: number } | undefined;
  return {
    waits: ({ code, message }: Fault, tries: number, pauseMs: number): void => {
      if (told?.code === code && clock.nowMs() - told.atMs < TELL_AGAIN_MS) return;
      told = { code, atMs: clock.nowMs() };
      log.warn({ what, code, reason: message, tries, pauseMs }, 'waiting, and trying again');
    },
    isThere: (tries: number): void => {
      if (told !== undefined) log.info({ what, tries, waitedMs: clock.nowMs() - startedMs }, 'waited for is there');
    },
  };
};

export const keepTrying = async <T>(work: () => Promise<T>, options: KeepTryingOptions): Promise<T> => {
  const { what, clock, signal } = options;
  const tell = teller(options);
  for (let tries = 1; ; tries += 1) {
    try {
      const done = await work();
      options.onWait?.(undefined);
      tell.isThere(tries);
      return done;
    } catch (error) {
      if (!isFault(error) || error.retry === 'never' || signal.aborted) throw error;
      options.onWait?.(`it waits for ${what}: ${error.message}`);
      const pauseMs = Math.min(MAX_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (tries - 1));
      tell.waits(error, tries, pauseMs);
      await clock.sleep(pauseMs, signal);
      if (signal.aborted) throw error;
    }
  }
};
