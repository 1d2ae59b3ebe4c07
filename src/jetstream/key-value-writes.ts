// Small pure pieces of the key-value store: what a write looks like on the stream, and how writes are split.

import type { KeyValueWrite } from '../engine/ports/buckets.ts';
import type { StoredMessage } from '../engine/ports/streams.ts';
import { REACHED_HEADER } from '../messages/envelope.ts';
import { headerLine } from './raw-headers.ts';
import { MAX_BATCH_MESSAGES, type Write } from './stored-write.ts';
import { isMarker } from '../messages/view-documents.ts';

const EMPTY = new Uint8Array();
const MAX_BATCH_BYTES = 8 * 1024 * 1024;

const keyPattern = /^[-/_=.a-zA-Z0-9]+$/;

export const subjectPrefix = (bucket: string): string => `$KV.${bucket}.`;

export const subjectOfKey = (bucket: string, key: string): string => {
  if (!keyPattern.test(key)) throw new Error(`not a key: ${JSON.stringify(key)}`);
  return `$KV.${bucket}.${key}`;
};

export const toWrite = (bucket: string, { key, data, expectedRevision, reached }: KeyValueWrite): Write => ({
  subject: subjectOfKey(bucket, key),
  data: data ?? EMPTY,
  operation: data === undefined ? 'DEL' : undefined,
  expectedLastSequence: expectedRevision,
  moreLines: reached === undefined ? undefined : headerLine(REACHED_HEADER, `${reached.stream} ${reached.sequence}`),
});

type Stored = Pick<StoredMessage, 'data' | 'header'>;

/** Whether the writer named the revision that it replaced: all of ours that matter do, `nats kv put` does not. */
export const isChecked = (message: Pick<Stored, 'header'>): boolean =>
  message.header('Nats-Expected-Last-Subject-Sequence') !== undefined;

export const isSame = (message: Stored, { data }: KeyValueWrite): boolean =>
  data === undefined ? isMarker(message) : !isMarker(message) && Buffer.compare(message.data, data) === 0;

/** Bounded by number and size; at least one write each. */
export const inBatches = (writes: readonly KeyValueWrite[]): readonly (readonly KeyValueWrite[])[] => {
  const batches: KeyValueWrite[][] = [];
  let bytes = 0;
  for (const write of writes) {
    const batch = batches.at(-1);
    const size = write.data?.length ?? 0;
    if (batch === undefined || batch.length >= MAX_BATCH_MESSAGES || bytes + size > MAX_BATCH_BYTES) {
      batches.push([write]);
      bytes = size;
    } else {
      batch.push(write);
      bytes += size;
    }
  }
  return batches;
};

/** Runs `work` for each item in order, at most `limit` at a time; when all have settled, rejects with the first failure if there was one. */
export const runAll = async <T, R>(
  items: readonly T[],
  limit: number,
  work: (item: T, index: number) => Promise<R>,
): Promise<readonly R[]> => {
  const results: R[] = [];
  const failures: unknown[] = [];
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < items.length && failures.length === 0) {
      const index = next;
      next += 1;
      try {
        results[index] = await work(items[index] as T, index);
      } catch (error) {
        failures.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, lane));
  if (failures.length > 0) throw failures[0];
  return results;
};
