// Runs one projection: reads its stream in order from the checkpoint, folds, and commits documents and checkpoint together. Called
// by the projector process (live) and by rebuilds (into a fresh bucket, with a larger `maxUnwritten`).
//
// The checkpoint is never ahead of the documents: it is in the same atomic batch, or written after all of them are confirmed. A document
// that is alone (one apply at a time) says in a header how far the view is, and the checkpoint follows a little later: half the writes.
// Every write expects the revision that this loop knows (view-writer.ts), so a second projector (a zombie after a lost lease) is refused instead
// of overwriting. After a crash between documents and checkpoint, messages come again and are recognised by the document's sequence.

import { isPending, type Awaitable } from '../../core/awaitable.ts';
import { createDocumentCache } from './document-cache.ts';
import type { Clock } from '../ports/clock.ts';
import type { KeyValueStore, KeyValueWrite } from '../ports/buckets.ts';
import type { Log } from '../ports/log.ts';
import type { StoredMessage, StreamFollower, StreamReader } from '../ports/streams.ts';
import { recall } from './recall.ts';
import { mustFollow } from '../../core/stream-holes.ts';
import { viewAhead } from '../history/view-trust.ts';
import { openViewWriter } from './view-writer.ts';
import type { Projection, Step } from '../../views/projection.ts';

export type ProjectionLoopOptions = {
  readonly projection: Projection;
  readonly follower: StreamFollower;
  readonly store: KeyValueStore;
  /** Of the same stream: a document that was lost is made anew of its events. Absent: there was nothing before. */
  readonly history?: Pick<StreamReader, 'readSubject' | 'lastSequence'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
  /** Keeps a message that was set aside, with the reason. */
  readonly deadLetter: (message: StoredMessage, reason: string) => Promise<void>;
  /** Documents changed but not written; when more, they are written although more messages wait. Default 1000. */
  readonly maxUnwritten?: number;
  /** Messages wait at most this long for their documents to be written while the stream is busy. Default 20 ms. */
  readonly maxDelayMs?: number;
  /** Clean documents kept in memory. Default 10,000. */
  readonly maxCached?: number;
  /** Told after each commit. */
  readonly onCommitted?: (sequence: number, pending: number) => void;
};

/** Names of documents kept in memory, so that a new one is written without a look; with more of them each is looked for. */
const MAX_KNOWN_KEYS = 300_000;
/** A checkpoint is at most so far behind a document that says the position itself. */
const CHECKPOINT_DELAY_MS = 100;

/**
 * Resolves when `signal` aborts. Faults: LEASE_LOST when another projector has written the checkpoint, VIEW_DAMAGED, STREAM_DAMAGED; those of the store otherwise
 * (the caller starts the loop again; nothing is lost).
 */
export const runProjection = async (options: ProjectionLoopOptions): Promise<void> => {
  const { projection, store, log, clock, maxUnwritten = 1000, maxDelayMs = 20 } = options;
  const writer = await openViewWriter({ projection, store, log });
  const existing = await store.keys(projection.keyFilter, MAX_KNOWN_KEYS);
  const cache = createDocumentCache(store, options.maxCached ?? 10_000, existing && new Set(existing));
  const end = (await options.history?.lastSequence()) ?? writer.sequence;
  if (writer.sequence > end) throw viewAhead(projection.bucket, projection.stream, writer.sequence, end);
  let lastRead = writer.sequence;
  let lastCommitMs = clock.nowMs();

  const stop = new AbortController();
  const signal = AbortSignal.any([options.signal, stop.signal]);
  let writing: Promise<void> | undefined;
  let isWanted = false;
  let isCheckpointDue = false;
  let checkpointing: Promise<void> | undefined;
  let lastPending = 0;
  let failure: { readonly error: unknown } | undefined;

  const take = (key: string, step: Step): string | undefined => {
    if (step.kind === 'document') cache.put(key, step.document);
    return step.kind === 'poison' ? step.reason : undefined;
  };

  /** Of a document that ought to be there: somebody removed it, or made it unreadable. Its events make it anew. */
  const foldOrphan = async (message: StoredMessage, key: string): Promise<string | undefined> => {
    const lost = options.history === undefined ? undefined : await recall(options.history, projection, message);
    if (lost === undefined) return undefined;
    log.warn({ key, sequence: message.sequence }, 'document was lost and is made anew of its events');
    return take(key, projection.step(lost, message));
  };

  /** Why the message is set aside, if so. */
  const fold = (message: StoredMessage, key: string): Awaitable<string | undefined> => {
    const previous = cache.get(key);
    if (previous !== undefined && previous.sequence >= message.sequence) return undefined;
    const step = projection.step(previous, message);
    return step.kind === 'orphan' ? foldOrphan(message, key) : take(key, step);
  };

  const setAside = async (message: StoredMessage, reason: string): Promise<void> => {
    const { sequence, subject } = message;
    log.error({ stream: projection.stream, sequence, subject, reason }, 'message set aside');
    await options.deadLetter(message, reason);
  };

  const commit = async (writes: readonly KeyValueWrite[], sequence: number): Promise<void> => {
    const [only] = writes;
    if (only !== undefined && writes.length === 1 && !isCheckpointDue) {
      cache.written(writes, await writer.commitAlone(only, sequence));
      checkpointing ??= checkpointSoon();
      return;
    }
    isCheckpointDue = false;
    cache.written(writes, await writer.commit(writes, sequence));
  };

  const writeOnce = async (): Promise<void> => {
    const sequence = lastRead;
    const pending = lastPending;
    await commit(cache.takeWrites(), sequence);
    lastCommitMs = clock.nowMs();
    options.onCommitted?.(sequence, pending);
  };

  /** One commit at a time, in the background; what is folded meanwhile is in the next one. */
  const write = async (): Promise<void> => {
    try {
      while (isWanted) {
        isWanted = false;
        await writeOnce();
      }
    } catch (error) {
      failure = { error };
      stop.abort();
    } finally {
      writing = undefined;
    }
  };

  const writeCheckpoint = (): Promise<void> | undefined => {
    if (failure !== undefined || writer.sequence === lastRead) return undefined;
    isCheckpointDue = true;
    isWanted = true;
    return (writing ??= write());
  };

  const checkpointSoon = async (): Promise<void> => {
    await clock.sleep(CHECKPOINT_DELAY_MS, signal);
    checkpointing = undefined;
    await writeCheckpoint();
  };

  const isDue = (pending: number): boolean =>
    pending === 0 || cache.dirtyCount >= maxUnwritten || clock.nowMs() - lastCommitMs >= maxDelayMs;

  const foldAll = async (batch: readonly StoredMessage[]): Promise<void> => {
    if (projection.isGapless === true) mustFollow(projection.stream, lastRead, batch);
    const keys = batch.map(({ subject }) => projection.keyOf(subject));
    await cache.load(keys);
    for (const [index, message] of batch.entries()) {
      const key = keys[index];
      const folding = key === undefined ? projection.strangeSubject?.(message.subject) : fold(message, key);
      const problem = isPending(folding) ? await folding : folding;
      if (problem !== undefined) await setAside(message, problem);
    }
  };

  const onBatch = async (batch: readonly StoredMessage[], pending: number): Promise<void> => {
    await foldAll(batch);
    // What the failed commit held counts as written here: nothing may be written any more.
    if (failure !== undefined) throw failure.error;
    cache.trim();
    lastRead = batch.at(-1)?.sequence ?? lastRead;
    lastPending = pending;
    isWanted ||= isDue(pending);
    if (isWanted) writing ??= write();
    while (writing !== undefined && cache.dirtyCount >= maxUnwritten) await writing;
  };

  const fromSequence = writer.sequence + 1;
  log.info({ projection: projection.name, stream: projection.stream, fromSequence }, 'projection started');
  await options.follower.follow({ fromSequence, filters: projection.filters, onBatch, signal });
  await writing;
  await checkpointing;
  await writeCheckpoint();
  if (failure !== undefined) throw failure.error;
};
