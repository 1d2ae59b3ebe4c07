// Follows the view buckets and keeps the directory and the checkpoints in memory. Used by the query-responder. A bucket is a stream:
// its order is the order of the projector's commits, so a checkpoint seen here means that every document before it was seen too. A
// document that was written alone says the position itself, before the checkpoint does; only the last few of a batch are asked.

import { REACHED_HEADER } from '../../messages/envelope.ts';
import type { Kind } from '../../messages/subjects.ts';
import { isMarker, readDocument, typeOfKey } from '../../messages/view-documents.ts';
import type { Directory } from '../../views/directory.ts';
import { sequenceIn } from '../loops/position.ts';
import type { Clock } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';
import type { StoredMessage, StreamFollower } from '../ports/streams.ts';

const CHECKPOINT = /^checkpoint\.([A-Za-z0-9_-]+)\.all$/;

/** A document says how far the view is when it was written alone, so these come one at a time, or a few. */
const DOCUMENTS_ASKED = 8;

const MAX_KEYS = 5;

export type Damage = { readonly count: number; readonly first: readonly string[] };

type Waiter = {
  readonly bucket: string;
  readonly stream: string;
  readonly sequence: number;
  readonly resolve: (isThere: boolean) => void;
};

export type ViewMirror = ReturnType<typeof createViewMirror>;

export const createViewMirror = (options: {
  readonly directory: Directory;
  readonly clock: Clock;
  readonly log: Log;
}) => {
  const { directory, clock, log } = options;
  const damaged = new Map<string, Kind>();
  const checkpoints = new Map<string, number>();
  let waiters: readonly Waiter[] = [];

  const reach = (bucket: string, stream: string, sequence: number): void => {
    checkpoints.set(`${bucket}/${stream}`, sequence);
    if (waiters.length === 0) return;
    const isDone = (waiter: Waiter): boolean =>
      waiter.bucket === bucket && waiter.stream === stream && waiter.sequence <= sequence;
    const done = waiters.filter(isDone);
    if (done.length === 0) return;
    waiters = waiters.filter((waiter) => !isDone(waiter));
    for (const { resolve } of done) resolve(true);
  };

  const absorb = (bucket: string, message: StoredMessage): void => {
    const key = message.subject.slice(`$KV.${bucket}.`.length);
    // Our delete markers have no body. Headers are not asked: taking them apart costs more than all the rest of a document.
    const isDeleted = message.data.length === 0;
    const stream = CHECKPOINT.exec(key)?.[1];
    if (stream !== undefined) {
      reach(bucket, stream, sequenceIn(isDeleted ? undefined : message) ?? 0);
      return;
    }
    const read = isDeleted ? undefined : readDocument(key, message.data);
    const isUnreadable = read !== undefined && 'problem' in read;
    // A client may have given its marker a body.
    if (isUnreadable && !isMarker(message)) {
      damaged.set(`${bucket}/${key}`, typeOfKey(key));
      log.error({ bucket, key, sequence: message.sequence, reason: read.problem }, 'view document set aside');
      return;
    }
    damaged.delete(`${bucket}/${key}`);
    directory.absorb(key, isUnreadable ? undefined : read?.document);
  };

  /** Where documents at the end of the batch say how far the view is. Further back, the checkpoint that follows says it. */
  const absorbReached = (bucket: string, batch: readonly StoredMessage[]): void => {
    for (const message of batch.slice(-DOCUMENTS_ASKED)) {
      const [of, upTo] = message.header(REACHED_HEADER)?.split(' ') ?? [];
      // A checkpoint behind it may have said more already.
      if (of !== undefined && Number(upTo) > (checkpoints.get(`${bucket}/${of}`) ?? 0)) reach(bucket, of, Number(upTo));
    }
  };

  return {
    /** How many documents of things of this type (default: of any) cannot be read; what was known before of them still stands. */
    damaged: (type?: Kind): number =>
      damaged.size === 0 ? 0 : [...damaged.values()].filter((one) => type === undefined || one === type).length,

    /** By bucket: how many of its documents cannot be read, and the keys of the first of them. */
    damage: (): Readonly<Record<string, Damage>> => {
      const found: Record<string, Damage> = {};
      for (const place of damaged.keys()) {
        const slash = place.indexOf('/');
        const { count, first } = found[place.slice(0, slash)] ?? { count: 0, first: [] };
        const key = place.slice(slash + 1);
        found[place.slice(0, slash)] = { count: count + 1, first: count < MAX_KEYS ? [...first, key] : first };
      }
      return found;
    },

    /** How far `stream` is in `bucket`; 0 before the first checkpoint. */
    position: (bucket: string, stream: string): number => checkpoints.get(`${bucket}/${stream}`) ?? 0,

    /** Whether `bucket` has everything of `stream` up to `sequence`, waiting for it at most `waitMs`. */
    reached: async (bucket: string, stream: string, sequence: number, waitMs: number): Promise<boolean> => {
      if ((checkpoints.get(`${bucket}/${stream}`) ?? 0) >= sequence) return true;
      const done = new AbortController();
      let mine: Waiter | undefined;
      const reached = new Promise<boolean>((resolve) => {
        mine = { bucket, stream, sequence, resolve };
        waiters = [...waiters, mine];
      });
      const timeout = clock.sleep(waitMs, done.signal).then(() => false);
      const isThere = await Promise.race([reached, timeout]);
      done.abort();
      waiters = waiters.filter((waiter) => waiter !== mine);
      return isThere;
    },

    /** Follows one bucket until `signal` aborts; `onCaughtUp` is called once when everything there at the start has been read. */
    follow: (follower: StreamFollower, bucket: string, signal: AbortSignal, onCaughtUp: () => void): Promise<void> => {
      let isCaughtUp = false;
      const caughtUp = (): void => {
        if (!isCaughtUp) onCaughtUp();
        isCaughtUp = true;
      };
      return follower.follow({
        fromSequence: 1,
        lastPerSubject: true,
        maxBatch: 1000,
        signal,
        onEmpty: caughtUp,
        onBatch: (batch, pending) => {
          for (const message of batch) absorb(bucket, message);
          absorbReached(bucket, batch);
          if (pending === 0) caughtUp();
        },
      });
    },
  };
};
