// Waits for a condition instead of sleeping: looks again and again until it is truthy or the time is over.

export type WaitOptions = { readonly timeoutMs?: number; readonly intervalMs?: number; readonly what?: string };

/** The first truthy value of `condition`. Fails after `timeoutMs` (default 10 000) with the last value that was seen. */
export const waitFor = async <T>(
  condition: () => T | Promise<T>,
  options: WaitOptions = {},
): Promise<NonNullable<T>> => {
  const { timeoutMs = 10_000, intervalMs = 20, what = 'condition' } = options;
  const deadlineMs = Date.now() + timeoutMs;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > deadlineMs)
      throw new Error(`${what}: not within ${timeoutMs} ms; last seen: ${JSON.stringify(value)}`);
    await new Promise((resolve) => setTimeout(resolve, intervalMs));
  }
};
