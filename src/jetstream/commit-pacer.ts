// Decides whether waiting messages are sent one by one (pipelined) or as one atomic batch. Pure: measurements go in, a choice comes out.
//
// With `sync_interval: always` each single publish costs an fsync (some 0.17 ms) and a batch shares one, so a batch pays from about 13
// messages; with the default sync a single costs 0.01 to 0.03 ms and a batch (2 ms of work at the server) hardly ever pays. The server
// does not tell which it is, so both ways are measured: singles from bursts of at least eight, batches from each one. Now and then
// the way not taken is tried again, because its last measurement grows old.

export type CommitWay = 'single' | 'batch';

const MIN_BATCH = 12;
const MIN_BURST = 8;
const SMOOTHING = 0.25;
/** One in so many choices tries the other way. */
const RETRY_EVERY = 200;
const BATCH_PER_MESSAGE_MS = 0.01;

export type CommitPacer = {
  choose(waiting: number): CommitWay;
  /** `elapsedMs` from the first message sent to the last one confirmed. */
  observe(way: CommitWay, count: number, elapsedMs: number): void;
  readonly estimates: { readonly singleMs: number; readonly batchFixedMs: number };
};

export const createCommitPacer = (): CommitPacer => {
  let singleMs = 0.02;
  let batchFixedMs = 2.4;
  let sinceRetry = 0;

  return {
    get estimates() {
      return { singleMs, batchFixedMs };
    },

    choose: (waiting) => {
      if (waiting < MIN_BATCH) return 'single';
      const batchMs = batchFixedMs + waiting * BATCH_PER_MESSAGE_MS;
      const better: CommitWay = waiting * singleMs > batchMs ? 'batch' : 'single';
      sinceRetry += 1;
      if (sinceRetry < RETRY_EVERY) return better;
      sinceRetry = 0;
      return better === 'batch' ? 'single' : 'batch';
    },

    observe: (way, count, elapsedMs) => {
      if (way === 'single' && count >= MIN_BURST) singleMs += SMOOTHING * (elapsedMs / count - singleMs);
      if (way === 'batch') {
        const fixedMs = Math.max(0.2, elapsedMs - count * BATCH_PER_MESSAGE_MS);
        batchFixedMs += SMOOTHING * (fixedMs - batchFixedMs);
      }
    },
  };
};
