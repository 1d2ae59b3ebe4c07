// The port of buckets on the memory server. As on a real one a bucket is a stream that keeps one message for each key, and a deletion is a marker.

import { equalBytes } from '../core/bytes.ts';
import { Fault, isFault } from '../core/fault.ts';
import type { KeyValueEntry, KeyValueStore, KeyValueWrite } from '../engine/ports/buckets.ts';
import { REACHED_HEADER } from '../messages/envelope.ts';
import { isMarker } from '../messages/view-documents.ts';
import { persist } from './link.ts';
import { bucketStream } from './memory-server.ts';
import type { KeptMessage, MemoryStream, StreamWrite } from './memory-stream.ts';
import type { PortParts } from './memory-streams.ts';

const WRITE_MS = 10_000;
const READ_MS = 8000;
const EMPTY = new Uint8Array();
/** So many writes go in one atomic batch, fewer one by one. */
const BATCH_FROM = 8;

export type BucketOptions = {
  /** Whether so many writes go in one atomic batch. Default: from eight on. */
  isBatch?(count: number): boolean;
};

export const memoryBucket = (
  { server, link, clock }: PortParts,
  bucket: string,
  { isBatch = (count) => count >= BATCH_FROM }: BucketOptions = {},
): KeyValueStore => {
  const prefix = `$KV.${bucket}.`;
  const streamOf = (): MemoryStream => server.stream(bucketStream(bucket));

  const toEntry = (key: string, message: KeptMessage | undefined): KeyValueEntry | undefined => {
    if (message === undefined || isMarker(message)) return undefined;
    const isChecked = message.header('Nats-Expected-Last-Subject-Sequence') !== undefined;
    return { key, revision: message.sequence, data: message.data, ...(isChecked ? {} : { isUnchecked: true }) };
  };

  /** "None" is also a marker, if it is not too late a one. */
  const toWrite = (stream: MemoryStream, write: KeyValueWrite): StreamWrite => {
    const { key, data, expectedRevision, markersUpTo = Number.POSITIVE_INFINITY, reached } = write;
    const subject = prefix + key;
    const last = expectedRevision === 0 ? stream.lastOf(subject) : undefined;
    const isOverMarker = last !== undefined && isMarker(last) && last.sequence <= markersUpTo;
    const expected = isOverMarker ? last.sequence : expectedRevision;
    const headers: Record<string, string> = {};
    if (data === undefined) headers['KV-Operation'] = 'DEL';
    if (reached !== undefined) headers[REACHED_HEADER] = `${reached.stream} ${reached.sequence}`;
    return {
      ...{ subject, data: data ?? EMPTY, headers },
      ...(expected === undefined ? {} : { expectedLastSequence: expected }),
    };
  };

  const isSame = (message: KeptMessage, { data }: KeyValueWrite): boolean =>
    data === undefined ? isMarker(message) : !isMarker(message) && equalBytes(message.data, data);

  /** Revisions when the bucket holds exactly what the writes say, behind the revisions that they expect. */
  const findStored = (stream: MemoryStream, writes: readonly KeyValueWrite[]): readonly number[] | undefined => {
    const found = writes.map((write) => {
      const [message] = stream.read((write.expectedRevision ?? 0) + 1, [prefix + write.key], 1);
      return message !== undefined && isSame(message, write) ? message.sequence : 0;
    });
    return found.includes(0) ? undefined : found;
  };

  const store = (writes: readonly KeyValueWrite[]): Promise<readonly number[]> =>
    persist(clock, WRITE_MS, (failures) =>
      link.call({ kind: 'write', name: bucket }, () => {
        const stream = streamOf();
        try {
          return stream.store(writes.map((write) => toWrite(stream, write)));
        } catch (error) {
          const found = failures > 0 && isFault(error, 'JS_CONFLICT') ? findStored(stream, writes) : undefined;
          if (found === undefined) throw error;
          return found;
        }
      }),
    );

  const storeEach = async (writes: readonly KeyValueWrite[]): Promise<readonly number[]> => {
    const ends = await Promise.allSettled(writes.map((write) => store([write])));
    return ends.map((end) => {
      if (end.status === 'rejected') throw end.reason;
      return end.value[0] ?? 0;
    });
  };

  const get = (key: string): Promise<KeyValueEntry | undefined> =>
    persist(clock, READ_MS, () =>
      link.call({ kind: 'read', name: bucket }, () => toEntry(key, streamOf().lastOf(prefix + key))),
    );

  return {
    get,
    getMany: (keys) => Promise.all(keys.map(get)),
    keys: (filter, limit) =>
      persist(clock, READ_MS, () =>
        link.call({ kind: 'read', name: bucket }, () => {
          const subjects = streamOf().subjects(prefix + filter);
          return subjects.length > limit ? undefined : subjects.map((subject) => subject.slice(prefix.length));
        }),
      ),
    commit: async (writes, last) => {
      const all = last === undefined ? writes : [...writes, last];
      if (all.length === 0) return [];
      if (all.length > 1 && all.length <= 1000 && isBatch(all.length)) return store(all);
      const revisions = await storeEach(writes);
      return last === undefined ? revisions : [...revisions, ...(await store([last]))];
    },
    commitWhole: async (writes) => {
      if (writes.length > 1000) throw new Fault('JS_REFUSED', 'at most 1000 writes in one batch', { retry: 'never' });
      return writes.length === 0 ? [] : store(writes);
    },
  };
};
