// A follower that says how far its reader is: lag counts what was stored and is not taken in yet, so a reader that hangs shows it, whether
// or not anything new is stored.

import type { Counter, Gauge, Histogram } from '../ports/metrics.ts';
import type { StreamFollower } from '../ports/streams.ts';

export type FollowerMeter = {
  /** Messages taken in. */
  readonly taken: Counter;
  readonly lag: Gauge;
  /** Seconds per batch. */
  readonly duration?: Histogram;
};

export const measuredFollower = (
  follower: StreamFollower,
  { taken, lag, duration }: FollowerMeter,
  nowMs: () => number,
): StreamFollower => ({
  follow: async (options) => {
    try {
      await follower.follow({
        ...options,
        onBatch: async (batch, pending) => {
          const startedMs = nowMs();
          lag.set(batch.length + pending);
          await options.onBatch(batch, pending);
          lag.set(pending);
          taken.add(batch.length);
          duration?.observe((nowMs() - startedMs) / 1000);
        },
      });
    } finally {
      // Whoever does not read is not behind: that is for the one who leads now.
      lag.set(0);
    }
  },
});
