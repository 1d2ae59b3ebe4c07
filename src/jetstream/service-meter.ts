// Measures what a message costs each way, as throughput while there is always something to do: singles from the end of one turn of the
// event loop to the end of a later one, with several in flight all the time; a batch from when it was sent or, when it followed another
// without a pause, from when that one was settled. So the time that we spend ourselves counts on both sides. With little traffic the
// network's round trip would be measured instead, and with both ways in flight one would pay for the other: then nothing is observed.

import type { CommitPacer } from './commit-pacer.ts';

/** With fewer in flight than this the server waits for us. */
const MIN_IN_FLIGHT = 4;
const MIN_ACKS = 8;
const MIN_WINDOW_MS = 3;

export type ServiceMeter = ReturnType<typeof createServiceMeter>;

/** `atEndOfTurn`: acknowledgements come many to a read; only between turns of the event loop does their number say something. */
export const createServiceMeter = (
  pacer: Pick<CommitPacer, 'observe'>,
  now: () => number,
  atEndOfTurn: (work: () => void) => void = setImmediate,
) => {
  let singles = 0;
  let batches = 0;
  let acks = 0;
  let windowStartMs = 0;
  let lastSettledMs = 0;
  /** Something was settled in this turn or the one before. */
  let isBusy = false;
  let isTurnEnding = false;

  const closeWindow = (): void => {
    if (acks >= MIN_ACKS && batches === 0) pacer.observe('single', acks, lastSettledMs - windowStartMs);
    acks = 0;
    windowStartMs = lastSettledMs;
  };

  const endTurn = (): void => {
    isTurnEnding = false;
    if (singles < MIN_IN_FLIGHT || lastSettledMs - windowStartMs >= MIN_WINDOW_MS) closeWindow();
    atEndOfTurn(() => {
      if (!isTurnEnding) isBusy = false;
    });
  };

  const settle = (): void => {
    lastSettledMs = now();
    isBusy = true;
    if (isTurnEnding) return;
    isTurnEnding = true;
    atEndOfTurn(endTurn);
  };

  return {
    /** Singles sent and not answered. */
    get inFlight(): number {
      return singles;
    },

    singleSent: (): void => {
      if (singles === 0 && acks === 0) windowStartMs = isBusy ? lastSettledMs : now();
      singles += 1;
    },

    singleSettled: (isStored: boolean): void => {
      singles -= 1;
      if (isStored) acks += 1;
      settle();
    },

    /** Returns what is to be called when the batch is answered. */
    batchSent: (count: number): ((isStored: boolean) => void) => {
      const startMs = isBusy ? lastSettledMs : now();
      const isAlone = singles === 0;
      closeWindow();
      batches += 1;
      return (isStored) => {
        const sinceMs = Math.max(startMs, lastSettledMs);
        if (isStored && isAlone && singles === 0) pacer.observe('batch', count, now() - sinceMs);
        batches -= 1;
        settle();
      };
    },
  };
};
