// Writes what a projection has folded, in the background and one commit at a time: what is folded meanwhile is in the next one. Called by the
// projection loop, which folds on while a commit is under way, until too much is unwritten.
//
// A document that is alone (one apply at a time) says in a header how far the view is, and the checkpoint follows a little later: half the
// writes.

import type { Clock } from '../ports/clock.ts';
import type { KeyValueWrite } from '../ports/buckets.ts';
import type { DocumentCache } from './document-cache.ts';
import type { ViewWriter } from './view-writer.ts';

/** A checkpoint is at most so far behind a document that says the position itself. */
const CHECKPOINT_DELAY_MS = 100;

export type BackgroundWriterOptions = {
  readonly writer: ViewWriter;
  readonly cache: Pick<DocumentCache, 'dirtyCount' | 'takeWrites' | 'written'>;
  readonly clock: Clock;
  /** The checkpoint that follows is written early when it aborts. */
  readonly signal: AbortSignal;
  /** Documents changed but not written; when more, they are written although more messages wait. */
  readonly maxUnwritten: number;
  /** Messages wait at most this long for their documents to be written while the stream is busy. */
  readonly maxDelayMs: number;
  /** Told after each commit. */
  onCommitted?(sequence: number, pending: number): void;
  /** What the failed commit held counts as written in the cache: nothing may be written any more. */
  onFailed(): void;
};

/** `writing, more wanted`: what was folded since the commit under way began is to be written right after it. */
type Writing = 'idle' | 'writing' | 'writing, more wanted' | 'failed';

/** `follows`: a document said the position, and in a moment it is seen whether the checkpoint still has to. `due`: the next commit has it. */
type Checkpoint = 'at rest' | 'follows' | 'due';

export const createBackgroundWriter = (options: BackgroundWriterOptions) => {
  const { writer, cache, clock, signal, maxUnwritten, maxDelayMs } = options;
  let writing: Writing = 'idle';
  let checkpoint: Checkpoint = 'at rest';
  let failure: unknown;
  let folded = { sequence: writer.sequence, pending: 0 };
  let committedMs = clock.nowMs();
  let commitsEnded = Promise.resolve();
  let checkpointFollowed = Promise.resolve();

  const commit = async (writes: readonly KeyValueWrite[], sequence: number): Promise<void> => {
    const [only] = writes;
    if (only !== undefined && writes.length === 1 && checkpoint !== 'due') {
      cache.written(writes, await writer.commitAlone(only, sequence));
      if (checkpoint === 'at rest') checkpointFollowed = followWithCheckpoint();
      return;
    }
    if (checkpoint === 'due') checkpoint = 'at rest';
    cache.written(writes, await writer.commit(writes, sequence));
  };

  const isMoreWanted = (): boolean => writing === 'writing, more wanted';

  const writeAll = async (): Promise<void> => {
    try {
      do {
        writing = 'writing';
        const { sequence, pending } = folded;
        await commit(cache.takeWrites(), sequence);
        committedMs = clock.nowMs();
        options.onCommitted?.(sequence, pending);
      } while (isMoreWanted());
      writing = 'idle';
    } catch (error) {
      writing = 'failed';
      failure = error;
      options.onFailed();
    }
  };

  const want = (): void => {
    if (writing === 'writing') writing = 'writing, more wanted';
    else if (writing === 'idle') commitsEnded = writeAll();
  };

  const writeCheckpoint = async (): Promise<void> => {
    if (writing === 'failed' || writer.sequence === folded.sequence) return;
    checkpoint = 'due';
    want();
    await commitsEnded;
  };

  const followWithCheckpoint = async (): Promise<void> => {
    checkpoint = 'follows';
    await clock.sleep(CHECKPOINT_DELAY_MS, signal);
    checkpoint = 'at rest';
    await writeCheckpoint();
  };

  const throwFailure = (): void => {
    if (writing === 'failed') throw failure;
  };

  const isDue = (): boolean =>
    folded.pending === 0 || cache.dirtyCount >= maxUnwritten || clock.nowMs() - committedMs >= maxDelayMs;

  return {
    /** Throws what a commit has failed with. */
    throwFailure,

    /** Everything up to `sequence` is folded; `pending` messages wait behind it. Resolves when there is room for more. */
    folded: async (sequence: number, pending: number): Promise<void> => {
      folded = { sequence, pending };
      if (isDue()) want();
      while ((writing === 'writing' || isMoreWanted()) && cache.dirtyCount >= maxUnwritten) await commitsEnded;
    },

    /** Resolves when the checkpoint says what is folded. What is not due yet is written with it. */
    finish: async (): Promise<void> => {
      await commitsEnded;
      await checkpointFollowed;
      await writeCheckpoint();
      throwFailure();
    },
  };
};
