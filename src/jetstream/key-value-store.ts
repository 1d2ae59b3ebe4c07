// A KV bucket for the rooms that know no NATS: plain publishes to $KV.<bucket>.<key> (four times the rate of the library's put), reads by
// direct get. A commit is one atomic batch when the pacer says so, else pipelined single writes with the last one behind the others.
//
// KV writes carry no message id (the server would remember each for two minutes). After an attempt without an answer a conflict is
// believed only when what is stored behind the expected revision is not the very value that was sent.

import type { Fault } from '../core/fault.ts';
import { isToken } from '../core/names.ts';
import type { KeyValueEntry, KeyValueStore, KeyValueWrite } from '../engine/ports/buckets.ts';
import type { StoredMessage } from '../engine/ports/streams.ts';
import { unlessCalledOff } from './call-offs.ts';
import { createCommitPacer, type CommitPacer } from './commit-pacer.ts';
import { inBatches, isChecked, isSame, runAll, subjectOfKey, subjectPrefix, toWrite } from './key-value-writes.ts';
import { readFromLeader, readSubjectNames } from './leader-read.ts';
import { createServiceMeter } from './service-meter.ts';
import { storeSurely } from './store-surely.ts';
import { createStreamReader } from './stream-reader.ts';
import { publishBatchAsync, publishOne, type Write } from './stored-write.ts';
import type { JetStreamConnection } from './connection.ts';
import { isMarker } from '../messages/view-documents.ts';

export type KeyValueOptions = {
  /** Time for all attempts of one write or batch. Default 10 000 ms. */
  readonly deadlineMs?: number;
  /** Time for one attempt. Default 2000 ms, a batch twice that. */
  readonly attemptTimeoutMs?: number;
  readonly pacer?: CommitPacer;
};

export type BucketStore = KeyValueStore & {
  /** As the leader has it; `get` may be a moment behind on a replicated bucket. */
  getLatest(key: string): Promise<KeyValueEntry | undefined>;
};

const MAX_SINGLES_IN_FLIGHT = 1024;
const MAX_LOOKS_IN_FLIGHT = 64;
/** From here on a batch is as fast as single writes with the default sync, and faster by far with `always`: no need to measure. */
const MANY_WRITES = 500;
const MAX_BATCHES_IN_FLIGHT = 3;
/** From so many keys on, one request for all is cheaper than one for each. */
const MANY_KEYS = 16;
/** A trial of single writes is for a whole commit, so not for a large one. */
const MAX_TRIAL = 128;

type Writes = readonly KeyValueWrite[];
type Revisions = readonly number[];
/** `endMs`: on the monotonic clock. `earlier`: how an attempt that was made already has ended. */
type Bounds = {
  readonly endMs?: number;
  readonly signal?: AbortSignal | undefined;
  readonly earlier?: Fault | undefined;
};

export const createKeyValueStore = (
  connection: JetStreamConnection,
  bucket: string,
  options: KeyValueOptions = {},
): BucketStore => {
  if (!isToken(bucket)) throw new Error(`not a bucket name: ${bucket}`);
  const { deadlineMs = 10_000, attemptTimeoutMs, pacer = createCommitPacer() } = options;
  const stream = `KV_${bucket}`;
  const reader = createStreamReader(connection, stream);
  const meter = createServiceMeter(pacer, () => performance.now());
  const batchTimeoutMs = attemptTimeoutMs === undefined ? undefined : attemptTimeoutMs * 2;
  const subjectOf = (key: string): string => subjectOfKey(bucket, key);

  const toEntry = (
    key: string,
    message: Pick<StoredMessage, 'sequence' | 'data' | 'header'> | undefined,
  ): KeyValueEntry | undefined =>
    message === undefined || isMarker(message)
      ? undefined
      : { key, revision: message.sequence, data: message.data, ...(isChecked(message) ? {} : { isUnchecked: true }) };

  const get = async (key: string): Promise<KeyValueEntry | undefined> =>
    toEntry(key, await reader.readLast(subjectOf(key)));

  /** Revisions of `writes` when the bucket holds exactly what they say, behind the revisions they expect. */
  const findStored = async (writes: Writes): Promise<Revisions | undefined> => {
    const stored = await runAll(writes, MAX_LOOKS_IN_FLIGHT, async (write) => {
      const query = { seq: (write.expectedRevision ?? 0) + 1, next_by_subj: subjectOf(write.key) };
      const message = await readFromLeader(connection, stream, query);
      return message !== undefined && isSame(message, write) ? message.sequence : 0;
    });
    return stored.includes(0) ? undefined : stored;
  };

  /** A key that is not there may have a delete marker: then "none" is the marker's revision. Undefined when nothing changes. */
  const overMarkers = async (writes: Writes): Promise<Writes | undefined> => {
    let isChanged = false;
    const adjusted = await runAll(writes, MAX_LOOKS_IN_FLIGHT, async (write) => {
      if (write.expectedRevision !== 0) return write;
      const stored = await readFromLeader(connection, stream, { last_by_subj: subjectOf(write.key) });
      if (stored === undefined || !isMarker(stored)) return write;
      if (stored.sequence > (write.markersUpTo ?? Number.POSITIVE_INFINITY)) return write;
      isChanged = true;
      return { ...write, expectedRevision: stored.sequence };
    });
    return isChanged ? adjusted : undefined;
  };

  /** `send` until stored, refused, called off, or out of time. */
  const store = (
    writes: Writes,
    send: (writes: Writes) => Promise<Revisions>,
    { endMs = performance.now() + deadlineMs, signal, earlier }: Bounds = {},
  ): Promise<Revisions> => {
    let current = writes;
    return storeSurely({
      what: stream,
      write: () => send(current),
      findOwn: async (unanswered) => (unanswered > 0 ? findStored(current) : undefined),
      adjust: async () => {
        const adjusted = await overMarkers(current);
        current = adjusted ?? current;
        return adjusted !== undefined;
      },
      isCalledOff: () => signal?.aborted === true,
      attempts: { failures: 0 },
      ...{ endMs, earlier },
    });
  };

  /** One attempt. */
  const publish = (write: Write, answer: (result: number | Fault) => void): void => {
    meter.singleSent();
    const settle = (result: number | Fault): void => {
      meter.singleSettled(typeof result === 'number');
      answer(result);
    };
    publishOne(connection, write, settle, attemptTimeoutMs);
  };

  const sendOne = async ([only]: Writes): Promise<Revisions> => {
    if (only === undefined) return [];
    const write = toWrite(bucket, only);
    return new Promise((resolve, reject) => {
      publish(write, (result) => (typeof result === 'number' ? resolve([result]) : reject(result)));
    });
  };

  /** One attempt at each, pipelined, in order, without a promise for each: the revisions, and a Fault where there is none. */
  const sendEach = async (wanted: Writes): Promise<readonly (number | Fault)[]> => {
    const writes = wanted.map((write) => toWrite(bucket, write));
    return new Promise((resolve) => {
      const results: (number | Fault)[] = [];
      let next = 0;
      let answered = 0;
      const sendMore = (): void => {
        while (next < writes.length && next - answered < MAX_SINGLES_IN_FLIGHT) {
          const index = next;
          next += 1;
          publish(writes[index] as Write, (result) => {
            results[index] = result;
            answered += 1;
            if (answered === writes.length) resolve(results);
            else sendMore();
          });
        }
      };
      sendMore();
    });
  };

  const sendBatch = async (writes: Writes): Promise<Revisions> => {
    let isStored = false;
    const measured = meter.batchSent(writes.length);
    try {
      const messages = writes.map((write) => toWrite(bucket, write));
      const last = await publishBatchAsync(connection, messages, batchTimeoutMs);
      isStored = true;
      return writes.map((_, index) => last - writes.length + 1 + index);
    } finally {
      measured(isStored);
    }
  };

  const commitInBatches = async (writes: Writes, bounds: Bounds): Promise<Revisions> => {
    const batches = inBatches(writes);
    const storeBatch = (batch: Writes): Promise<Revisions> =>
      store(batch, batch.length === 1 ? sendOne : sendBatch, bounds);
    // The last batch, which may hold the checkpoint, only after all the others.
    const early = await runAll(batches.slice(0, -1), MAX_BATCHES_IN_FLIGHT, storeBatch);
    const late = await storeBatch(batches.at(-1) ?? []);
    return [...early, late].flat();
  };

  const storeOne = async (write: KeyValueWrite, bounds: Bounds): Promise<number> =>
    (await store([write], sendOne, bounds))[0] ?? 0;

  const commitSingly = async (
    writes: Writes,
    last: KeyValueWrite | undefined,
    { signal }: Bounds,
  ): Promise<Revisions> => {
    const endMs = performance.now() + deadlineMs;
    const results = writes.length === 0 ? [] : await sendEach(writes);
    const revisions = results.every((result) => typeof result === 'number')
      ? results
      : await runAll(writes, MAX_SINGLES_IN_FLIGHT, async (write, index) => {
          const result = results[index];
          return typeof result === 'number' ? result : storeOne(write, { endMs, signal, earlier: result });
        });
    return last === undefined ? revisions : [...revisions, await storeOne(last, { signal })];
  };

  return {
    get,

    getMany: async (keys) => {
      if (keys.length < MANY_KEYS) return Promise.all(keys.map(get));
      const messages = await reader.readSubjects([...new Set(keys.map(subjectOf))]);
      const bySubject = new Map(messages.map((message) => [message.subject, message]));
      return keys.map((key) => toEntry(key, bySubject.get(subjectOf(key))));
    },

    keys: async (filter, limit) => {
      const subjects = await readSubjectNames(connection, stream, subjectPrefix(bucket) + filter, limit);
      return subjects?.map((subject) => subject.slice(subjectPrefix(bucket).length));
    },

    getLatest: async (key) => toEntry(key, await readFromLeader(connection, stream, { last_by_subj: subjectOf(key) })),

    commitWhole: (writes) => store(writes, writes.length === 1 ? sendOne : sendBatch),

    commit: (writes, last, { signal } = {}) =>
      unlessCalledOff(signal, stream, () => {
        const all = last === undefined ? writes : [...writes, last];
        if (all.length > MANY_WRITES) return commitInBatches(all, { signal });
        const way = pacer.choose(all.length);
        const isLargeTrial = way === 'single' && pacer.isTrial && all.length > MAX_TRIAL;
        return way === 'batch' || isLargeTrial
          ? commitInBatches(all, { signal })
          : commitSingly(writes, last, { signal });
      }),
  };
};
