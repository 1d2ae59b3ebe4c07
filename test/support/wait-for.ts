// Waits for a condition instead of sleeping: looks again and again until it is truthy or the time is over. What the condition throws is
// thrown at once; a condition that may fail for a while catches that itself.

import { inspect } from 'node:util';

export type WaitOptions = {
  /** Default 10 000. */
  readonly timeoutMs?: number;
  /** Default 20. */
  readonly intervalMs?: number;
  /** What is waited for, for the failure's message. */
  readonly what?: string;
};

/** The first truthy value of `condition`. Fails after `timeoutMs` with the last value that was seen. */
export const waitFor = async <T>(
  condition: () => T | Promise<T>,
  options: WaitOptions = {},
): Promise<NonNullable<T>> => {
  const { timeoutMs = 10_000, intervalMs = 20, what = 'condition' } = options;
  const deadlineMs = performance.now() + timeoutMs;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (performance.now() > deadlineMs) {
      throw new Error(`${what}: not within ${timeoutMs} ms; last seen: ${inspect(value, { depth: 4 })}`);
    }
    await new Promise((resolve) => setTimeout(resolve, intervalMs));
  }
};
