// Builds a view again from sequence 1 into an empty store, and compares two stores. Used by `opstream verify` and `rebuild`, and by the
// tests of P5. The live bucket is only read.

import { runProjection } from './projection-loop.ts';
import type { Clock, KeyValueStore, Log, StreamFollower } from './ports.ts';
import type { Projection } from '../views/projection.ts';

/** Larger than live: a key that changes often is written once. Bounds the memory of a rebuild. */
const MAX_UNWRITTEN = 20_000;

export type RebuildOptions = {
  readonly projection: Projection;
  readonly follower: StreamFollower;
  /** Empty at the start. */
  readonly store: KeyValueStore;
  /** Ends when everything up to this sequence of the projection's stream is written. */
  readonly upToSequence: number;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
  readonly onProgress?: (sequence: number) => void;
};

/** Resolves with the sequence reached. */
export const rebuildView = async (options: RebuildOptions): Promise<number> => {
  const done = new AbortController();
  let reached = 0;
  if (options.upToSequence === 0) return 0;
  await runProjection({
    projection: options.projection,
    follower: options.follower,
    store: options.store,
    clock: options.clock,
    log: options.log,
    signal: AbortSignal.any([options.signal, done.signal]),
    deadLetter: async () => undefined,
    maxUnwritten: MAX_UNWRITTEN,
    maxDelayMs: Number.POSITIVE_INFINITY,
    maxCached: MAX_UNWRITTEN * 2,
    onCommitted: (sequence, pending) => {
      reached = sequence;
      options.onProgress?.(sequence);
      if (sequence >= options.upToSequence || pending === 0) done.abort();
    },
  });
  return reached;
};

export type Difference = { readonly key: string; readonly kind: 'missing' | 'unexpected' | 'different' };

/** How `actual` differs from `expected`, byte for byte; sorted by key. */
export const compareContents = (
  expected: ReadonlyMap<string, Uint8Array>,
  actual: ReadonlyMap<string, Uint8Array>,
): readonly Difference[] => {
  const differences: Difference[] = [];
  for (const [key, data] of expected) {
    const found = actual.get(key);
    if (found === undefined) differences.push({ key, kind: 'missing' });
    else if (!isSame(data, found)) differences.push({ key, kind: 'different' });
  }
  for (const key of actual.keys()) if (!expected.has(key)) differences.push({ key, kind: 'unexpected' });
  return differences.sort((left, right) => left.key.localeCompare(right.key));
};

const isSame = (left: Uint8Array, right: Uint8Array): boolean =>
  left.length === right.length && left.every((byte, index) => byte === right[index]);
