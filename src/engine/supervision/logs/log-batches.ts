// The lines of one instance in batches: what comes within a moment, and not too much of it. The next line is asked for only when there is room,
// so that an instance that prints faster than the server stores waits in its driver and not in memory.

import type { Clock } from '../../ports/clock.ts';
import type { LogLine } from '../ports.ts';

const LINGER_MS = 200;
const MAX_LINES = 500;
const MAX_CHARACTERS = 64 * 1024;

/** `longest`: what is kept of one line, in characters. Ends with `lines`, or when `signal` aborts and `lines` ends for it. */
export async function* batchesOf(
  lines: AsyncIterable<LogLine>,
  longest: number,
  clock: Clock,
  signal: AbortSignal,
): AsyncGenerator<readonly LogLine[]> {
  const iterator = lines[Symbol.asyncIterator]();
  let next = iterator.next();
  try {
    for (;;) {
      const first = await next;
      if (first.done === true || signal.aborted) return;
      const batch = [first.value];
      let size = Math.min(longest, first.value.text.length);
      next = iterator.next();
      const full = new AbortController();
      const over = clock.sleep(LINGER_MS, full.signal).then(() => undefined);
      while (batch.length < MAX_LINES && size < MAX_CHARACTERS) {
        const got = await Promise.race([next, over]);
        if (got === undefined || got.done === true) break;
        batch.push(got.value);
        size += Math.min(longest, got.value.text.length);
        next = iterator.next();
      }
      full.abort();
      yield batch;
    }
  } finally {
    next.catch(() => undefined);
    await iterator.return?.();
  }
}
