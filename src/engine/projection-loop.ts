// Runs one projection: reads its stream in order from the checkpoint, folds, and commits documents and checkpoint together. Called
// by the projector process (live) and by rebuilds (into a fresh bucket, with a larger `maxUnwritten`).
//
// The checkpoint is never ahead of the documents: it is in the same atomic batch, or written after all of them are confirmed. Every
// write expects the revision that this loop knows, so a second projector (a zombie after a lost lease) is refused instead of
// overwriting. After a crash between documents and checkpoint, messages come again and are recognised by the document's sequence.

import { encodeJson } from '../core/decode.ts';
import { Fault, isFault } from '../core/fault.ts';
import { viewKeys } from '../messages/subjects.ts';
import { sequenceIn } from './position.ts';
import { createDocumentCache } from './document-cache.ts';
import type { Clock, KeyValueStore, Log, StoredMessage, StreamFollower } from './ports.ts';
import type { Projection } from '../views/projection.ts';

export type ProjectionLoopOptions = {
  readonly projection: Projection;
  readonly follower: StreamFollower;
  readonly store: KeyValueStore;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
  /** Keeps a message that could not be read, with the reason. */
  readonly deadLetter: (message: StoredMessage, reason: string) => Promise<void>;
  /** Documents changed but not written; when more, they are written although more messages wait. Default 1000. */
  readonly maxUnwritten?: number;
  /** Messages wait at most this long for their documents to be written while the stream is busy. Default 20 ms. */
  readonly maxDelayMs?: number;
  /** Clean documents kept in memory. Default 10,000. */
  readonly maxCached?: number;
  /** The bucket was empty at the start: documents that this loop has not written are not looked for. Default false. */
  readonly startsEmpty?: boolean;
  /** Told after each commit. */
  readonly onCommitted?: (sequence: number, pending: number) => void;
};

type Position = { sequence: number; revision: number };

const readPosition = async (store: KeyValueStore, key: string): Promise<Position> => {
  const entry = await store.get(key);
  if (entry === undefined) return { sequence: 0, revision: 0 };
  const sequence = sequenceIn(entry);
  if (sequence === undefined) {
    throw new Fault('DOCUMENT_INVALID', `checkpoint ${key} is not readable; rebuild the bucket`, { retry: 'never' });
  }
  return { sequence, revision: entry.revision };
};

/**
 * Resolves when `signal` aborts. Faults: LEASE_LOST when another projector has written the checkpoint; those of the store otherwise
 * (the caller starts the loop again; nothing is lost).
 */
export const runProjection = async (options: ProjectionLoopOptions): Promise<void> => {
  const { projection, store, log, clock, maxUnwritten = 1000, maxDelayMs = 20 } = options;
  const checkpointKey = viewKeys.checkpoint(projection.stream);
  const cache = createDocumentCache(store, options.maxCached ?? 10_000, options.startsEmpty === true);
  const position = await readPosition(store, checkpointKey);
  let lastRead = position.sequence;
  let lastCommitMs = clock.nowMs();

  const fold = async (message: StoredMessage, key: string): Promise<void> => {
    const previous = cache.get(key);
    if (previous !== undefined && previous.sequence >= message.sequence) return;
    const step = projection.step(previous, message);
    if (step.kind === 'document') cache.put(key, step.document);
    if (step.kind === 'poison') {
      log.error(
        { stream: projection.stream, sequence: message.sequence, subject: message.subject, reason: step.reason },
        'message set aside',
      );
      await options.deadLetter(message, step.reason);
    }
  };

  const commit = async (pending: number): Promise<void> => {
    const writes = cache.writes();
    const checkpoint = {
      key: checkpointKey,
      data: encodeJson({ stream: projection.stream, sequence: lastRead }),
      expectedRevision: position.revision,
    };
    const revisions = await store.commit(writes, checkpoint);
    cache.written(writes, revisions);
    position.revision = revisions.at(-1) ?? position.revision;
    position.sequence = lastRead;
    lastCommitMs = clock.nowMs();
    options.onCommitted?.(lastRead, pending);
  };

  const onBatch = async (batch: readonly StoredMessage[], pending: number): Promise<void> => {
    const keyed = batch.map((message) => ({ message, key: projection.keyOf(message.subject) }));
    await cache.load(keyed.flatMap(({ key }) => (key === undefined ? [] : [key])));
    for (const { message, key } of keyed) {
      if (key !== undefined) await fold(message, key);
    }
    lastRead = batch.at(-1)?.sequence ?? lastRead;
    const isDue = pending === 0 || cache.dirtyCount >= maxUnwritten || clock.nowMs() - lastCommitMs >= maxDelayMs;
    if (isDue) await commit(pending);
  };

  const fromSequence = position.sequence + 1;
  log.info({ projection: projection.name, stream: projection.stream, fromSequence }, 'projection started');
  try {
    await options.follower.follow({ fromSequence, filters: projection.filters, onBatch, signal: options.signal });
  } catch (error) {
    if (!isFault(error, 'JS_CONFLICT')) throw error;
    const current = await readPosition(store, checkpointKey);
    if (current.revision === position.revision) throw error;
    throw new Fault('LEASE_LOST', `another projector is writing ${projection.bucket}`, { cause: error });
  }
};
