// Runs one projection: reads its stream in order from the checkpoint, folds, and commits documents and checkpoint together. Called
// by the projector process (live) and by rebuilds (into a fresh bucket, with a larger `maxUnwritten`).
//
// The checkpoint is never ahead of the documents: it is in the same atomic batch, or written after all of them are confirmed. Every write expects
// the revision that this loop knows (view-writer.ts), so a second projector (a zombie after a lost lease) is refused instead of overwriting.

import { createBackgroundWriter } from './background-writer.ts';
import { createDocumentCache } from './document-cache.ts';
import type { Clock } from '../ports/clock.ts';
import type { KeyValueStore } from '../ports/buckets.ts';
import type { Log } from '../ports/log.ts';
import type { StoredMessage, StreamFollower, StreamReader } from '../ports/streams.ts';
import { createFolder } from './folder.ts';
import { mustFollow } from '../../core/stream-holes.ts';
import { viewAhead } from '../history/view-trust.ts';
import { openViewWriter } from './view-writer.ts';
import type { Projection } from '../../views/projection.ts';

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

/**
 * Resolves when `signal` aborts. Faults: LEASE_LOST when another projector has written the checkpoint, VIEW_DAMAGED, STREAM_DAMAGED; those of the store otherwise
 * (the caller starts the loop again; nothing is lost).
 */
export const runProjection = async (options: ProjectionLoopOptions): Promise<void> => {
  const { projection, store, history, log, clock, deadLetter, onCommitted } = options;
  const { stream, filters } = projection;
  const writer = await openViewWriter({ projection, store, log });
  const existing = await store.keys(projection.keyFilter, MAX_KNOWN_KEYS);
  const cache = createDocumentCache(store, options.maxCached ?? 10_000, existing && new Set(existing));
  let lastRead = writer.sequence;
  const end = (await history?.lastSequence()) ?? lastRead;
  if (lastRead > end) throw viewAhead(projection.bucket, stream, lastRead, end);

  const failed = new AbortController();
  const signal = AbortSignal.any([options.signal, failed.signal]);
  const foldAll = createFolder({ projection, cache, history, log, deadLetter });
  const writes = createBackgroundWriter({
    ...{ writer, cache, clock, signal },
    maxUnwritten: options.maxUnwritten ?? 1000,
    maxDelayMs: options.maxDelayMs ?? 20,
    onFailed: () => failed.abort(),
    ...(onCommitted === undefined ? {} : { onCommitted }),
  });

  const onBatch = async (batch: readonly StoredMessage[], pending: number): Promise<void> => {
    if (projection.isGapless === true) mustFollow(stream, lastRead, batch);
    await foldAll(batch);
    writes.throwFailure();
    cache.trim();
    lastRead = batch.at(-1)?.sequence ?? lastRead;
    await writes.folded(lastRead, pending);
  };

  const fromSequence = lastRead + 1;
  log.info({ projection: projection.name, stream, fromSequence }, 'projection started');
  await options.follower.follow({ fromSequence, filters, onBatch, signal });
  await writes.finish();
};
