// Wall clock and sleeping, as the engine's Clock port. A sleep keeps the process alive; abort it to let go.

import type { Clock } from '../engine/ports/clock.ts';

// setTimeout fires at once above this.
const MAX_TIMER_MS = 2_147_483_647;

const sleepOnce = (delayMs: number, signal?: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, delayMs);
    signal?.addEventListener('abort', end, { once: true });
  });

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  sleep: async (delayMs, signal) => {
    let restMs = delayMs;
    while (restMs > 0 && signal?.aborted !== true) {
      const stepMs = Math.min(restMs, MAX_TIMER_MS);
      await sleepOnce(stepMs, signal);
      restMs -= stepMs;
    }
  },
};
