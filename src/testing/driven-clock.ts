// A clock that a test drives: sleepers wait until the test lets time pass, and are woken in the order of their times. `advance`
// lets everything that follows from a wake-up run before time goes on.

import { setImmediate as turn } from 'node:timers/promises';
import type { Clock } from '../engine/ports/clock.ts';

export type DrivenClock = Clock & {
  advance(byMs: number): Promise<void>;
  /** Lets what is ready run, without time passing. */
  settle(): Promise<void>;
  readonly sleepers: number;
};

export const drivenClock = (startMs = 1_700_000_000_000): DrivenClock => {
  let nowMs = startMs;
  const sleepers = new Set<{ readonly dueMs: number; wake(): void }>();
  const settle = async (): Promise<void> => {
    for (let index = 0; index < 5; index += 1) await turn();
  };
  return {
    nowMs: () => nowMs,
    sleep: (delayMs, signal) =>
      new Promise((resolve) => {
        const sleeper = {
          dueMs: nowMs + delayMs,
          wake: () => {
            sleepers.delete(sleeper);
            signal?.removeEventListener('abort', sleeper.wake);
            resolve();
          },
        };
        sleepers.add(sleeper);
        signal?.addEventListener('abort', sleeper.wake, { once: true });
        if (delayMs <= 0 || signal?.aborted === true) sleeper.wake();
      }),
    advance: async (byMs) => {
      const endMs = nowMs + byMs;
      await settle();
      for (;;) {
        const next = [...sleepers].sort((a, b) => a.dueMs - b.dueMs)[0];
        if (next === undefined || next.dueMs > endMs) break;
        nowMs = Math.max(nowMs, next.dueMs);
        next.wake();
        await settle();
      }
      nowMs = endMs;
    },
    settle,
    get sleepers() {
      return sleepers.size;
    },
  };
};
