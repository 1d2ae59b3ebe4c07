// Decides whether waiting messages are sent one by one (pipelined) or as one atomic batch. Pure: measurements go in, a choice comes out.
//
// With `sync_interval: always` each single publish costs an fsync (some 0.17 ms) and a batch shares one, so a batch pays from about 20
// messages; with the default sync a single costs 0.01 to 0.03 ms and a batch (2 ms of work at the server) hardly ever pays. The server
// does not tell which it is, so both are measured. The way not taken is tried again now and then, because its measurement grows
// old; what the trials may cost is bounded to a share of all the work.

export type CommitWay = 'single' | 'batch';

/** A smaller batch is never worth its conflicts. */
const MIN_BATCH = 12;
const MIN_BURST = 8;
/** Faster down than up: a pause of the process makes a measurement too large, and hardly anything makes it too small. */
const SMOOTHING_UP = 0.25;
const SMOOTHING_DOWN = 0.5;
/** One measurement counts as at most so many times larger than expected. */
const MAX_RATIO = 4;
const MIN_MESSAGE_MS = 0.002;
const MIN_BATCH_MS = 0.1;
/** A batch must promise half the time: it makes the first of its messages wait, and measurements are noisy. */
const BATCH_ADVANTAGE = 0.5;
const TRIAL_SHARE = 0.02;
/** A trial of singles takes so many. */
export const TRIAL_SINGLES = 32;

export type CommitPacer = {
  /** How to send `waiting` messages. A trial of singles (`isTrial`) is meant for `TRIAL_SINGLES` of them only. */
  choose(waiting: number): CommitWay;
  /** Whether the last choice was a trial of the way that looks worse. */
  readonly isTrial: boolean;
  /** From how many messages a batch is the better way, as far as is known; Infinity: never. */
  readonly breakEven: number;
  /** `elapsedMs` for `count` messages without what they waited behind others. Singles count from 8 in flight at once. */
  observe(way: CommitWay, count: number, elapsedMs: number): void;
  readonly estimates: { readonly singleMs: number; readonly batchFixedMs: number; readonly batchMessageMs: number };
};

/** By what share an estimate changes when `expected` turned out to be `measured`. */
const changeOf = (measured: number, expected: number): number => {
  const ratio = Math.min(MAX_RATIO, measured / expected);
  return (ratio > 1 ? SMOOTHING_UP : SMOOTHING_DOWN) * (ratio - 1);
};

export const createCommitPacer = (): CommitPacer => {
  let singleMs = 0.02;
  let batchFixedMs = 2.4;
  let batchMessageMs = 0.01;
  let workSinceTrialMs = 0;
  let isTrial = false;

  const batchMs = (count: number): number => batchFixedMs + count * batchMessageMs;

  return {
    get estimates() {
      return { singleMs, batchFixedMs, batchMessageMs };
    },
    get isTrial() {
      return isTrial;
    },
    get breakEven() {
      const savedMs = singleMs * BATCH_ADVANTAGE - batchMessageMs;
      return savedMs <= 0 ? Number.POSITIVE_INFINITY : Math.max(MIN_BATCH, Math.ceil(batchFixedMs / savedMs));
    },

    choose: (waiting) => {
      isTrial = false;
      if (waiting < MIN_BATCH) return 'single';
      const singlesMs = waiting * singleMs;
      const isBatchBetter = singlesMs * BATCH_ADVANTAGE > batchMs(waiting);
      workSinceTrialMs += isBatchBetter ? batchMs(waiting) : singlesMs;
      const trialMs = isBatchBetter ? Math.min(waiting, TRIAL_SINGLES) * singleMs : batchMs(waiting);
      isTrial = workSinceTrialMs * TRIAL_SHARE > trialMs;
      if (isTrial) workSinceTrialMs = 0;
      return isBatchBetter === isTrial ? 'single' : 'batch';
    },

    observe: (way, count, elapsedMs) => {
      if (way === 'single') {
        if (count < MIN_BURST) return;
        singleMs = Math.max(MIN_MESSAGE_MS, singleMs * (1 + changeOf(elapsedMs / count, singleMs)));
        return;
      }
      // What one measurement says about the fixed part and about the part per message is shared by their weight in it.
      const expectedMs = batchMs(count);
      const fixedShare = batchFixedMs / expectedMs;
      const change = changeOf(elapsedMs, expectedMs);
      batchFixedMs = Math.max(MIN_BATCH_MS, batchFixedMs * (1 + change * fixedShare));
      batchMessageMs = Math.max(MIN_MESSAGE_MS, batchMessageMs * (1 + change * (1 - fixedShare)));
    },
  };
};
