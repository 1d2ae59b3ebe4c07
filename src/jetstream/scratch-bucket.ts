// A bucket that lives as long as a piece of work: in memory, removed at the end, and by the server itself when nobody came to remove it.

import { faultOfApi, type ApiError } from './faults.ts';
import { createFollower } from './follower.ts';
import { isMarker } from '../messages/view-documents.ts';
import type { JetStreamConnection } from './connection.ts';

const HOUR_NANOS = 3600 * 1_000_000_000;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

const call = async (connection: JetStreamConnection, subject: string, body: unknown): Promise<void> => {
  const message = await connection.slots.request(subject, encoder.encode(JSON.stringify(body)));
  const answer = JSON.parse(decoder.decode(message.data)) as { readonly error?: ApiError };
  if (answer.error !== undefined) throw faultOfApi(answer.error, subject);
};

/** Faults: JS_REFUSED (no right to make streams). */
export const createScratchBucket = async (
  connection: JetStreamConnection,
  bucket: string,
): Promise<{ remove(): Promise<void> }> => {
  const name = `KV_${bucket}`;
  await call(connection, `$JS.API.STREAM.CREATE.${name}`, {
    name,
    subjects: [`$KV.${bucket}.>`],
    storage: 'memory',
    num_replicas: 1,
    max_msgs_per_subject: 1,
    max_age: HOUR_NANOS,
    allow_rollup_hdrs: true,
    allow_direct: true,
    allow_atomic: true,
    discard: 'new',
  });
  return { remove: () => call(connection, `$JS.API.STREAM.DELETE.${name}`, {}) };
};

/** Every key of a bucket with its bytes and its revision, as they are now. */
export const readBucket = async (
  connection: JetStreamConnection,
  bucket: string,
): Promise<ReadonlyMap<string, { readonly data: Uint8Array; readonly revision: number }>> => {
  const contents = new Map<string, { readonly data: Uint8Array; readonly revision: number }>();
  const done = new AbortController();
  const prefix = `$KV.${bucket}.`;
  await createFollower(connection, `KV_${bucket}`).follow({
    fromSequence: 1,
    lastPerSubject: true,
    maxBatch: 2000,
    signal: done.signal,
    onEmpty: () => done.abort(),
    onBatch: (batch, pending) => {
      for (const message of batch) {
        const key = message.subject.slice(prefix.length);
        if (isMarker(message)) contents.delete(key);
        else contents.set(key, { data: message.data.slice(), revision: message.sequence });
      }
      if (pending === 0) done.abort();
    },
  });
  return contents;
};
