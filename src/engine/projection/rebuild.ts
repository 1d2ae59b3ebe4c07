// Builds a view again from sequence 1 into a store of its own, or goes on with it from where it was left. Used by compare-view.ts; the live
// bucket is not touched.

import { mustFollow } from '../../core/stream-holes.ts';
import { runProjection } from './projection-loop.ts';
import type { Clock } from '../ports/clock.ts';
import type { KeyValueStore } from '../ports/buckets.ts';
import type { Log } from '../ports/log.ts';
import type { StoredMessage, StreamFollower, StreamReader } from '../ports/streams.ts';
import type { Projection } from '../../views/projection.ts';

/** Larger than live: a key that changes often is written once. Bounds the memory of a rebuild. */
const MAX_UNWRITTEN = 20_000;

export type SetAside = {
  readonly total: number;
  /** At most 100. */
  readonly first: readonly { readonly sequence: number; readonly subject: string; readonly reason: string }[];
};

export type RebuildOptions = {
  readonly projection: Projection;
  readonly follower: StreamFollower;
  /** Empty at the start. */
  readonly store: KeyValueStore;
  /**
   * Nothing is ever removed from the stream: all of it is read, whatever the projection wants, so that no document is made without what is missing
   * (STREAM_DAMAGED).
   */
  readonly keepsAll?: boolean;
  readonly history: Pick<StreamReader, 'readSubject' | 'lastSequence'>;
  /** It ends when everything up to there is written, and nothing beyond is. */
  readonly upToSequence: number;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
  readonly onSetAside: (message: StoredMessage, reason: string) => void;
  readonly onProgress?: (sequence: number) => void;
};

/** Resolves with the sequence reached. Faults: STREAM_DAMAGED, those of runProjection. */
export const rebuildView = async (options: RebuildOptions): Promise<number> => {
  const done = new AbortController();
  const { upToSequence, projection, keepsAll = false } = options;
  // The loop finds holes by itself when the projection wants everything.
  const isWanted = ({ subject }: StoredMessage): boolean =>
    !keepsAll || projection.isGapless === true || projection.keyOf(subject) !== undefined;
  let reached = 0;
  let isRead = false;
  const follower: StreamFollower = {
    follow: (how) => {
      let before = how.fromSequence - 1;
      return options.follower.follow({
        ...how,
        ...(keepsAll ? { filters: [] } : {}),
        onBatch: async (batch, pending) => {
          if (keepsAll) before = mustFollow(projection.stream, before, batch);
          const early = batch.filter(({ sequence }) => sequence <= upToSequence);
          isRead = pending === 0 || early.length < batch.length || early.at(-1)?.sequence === upToSequence;
          const wanted = early.filter(isWanted);
          if (wanted.length > 0) await how.onBatch(wanted, isRead ? 0 : pending);
          else if (isRead) done.abort();
        },
      });
    },
  };
  await runProjection({
    projection,
    follower,
    store: options.store,
    history: options.history,
    clock: options.clock,
    log: options.log,
    signal: AbortSignal.any([options.signal, done.signal]),
    deadLetter: async (message, reason) => options.onSetAside(message, reason),
    maxUnwritten: MAX_UNWRITTEN,
    maxDelayMs: Number.POSITIVE_INFINITY,
    maxCached: MAX_UNWRITTEN * 2,
    onCommitted: (sequence) => {
      reached = sequence;
      options.onProgress?.(sequence);
      if (isRead) done.abort();
    },
  });
  return reached;
};
