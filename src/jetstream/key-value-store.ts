// A KV bucket for the rooms that know no NATS: plain publishes to $KV.<bucket>.<key> (four times the rate of the library's put), reads by
// direct get. `commit` is one atomic batch when the pacer says so, else pipelined single writes with the last one behind the others.

import { isFault } from '../core/fault.ts';
import { isToken } from '../messages/names.ts';
import type { KeyValueEntry, KeyValueStore, KeyValueWrite } from '../engine/ports.ts';
import { createCommitPacer, type CommitPacer } from './commit-pacer.ts';
import type { JetStreamConnection } from './connection.ts';
import { toStored } from './stream-reader.ts';
import { MAX_BATCH_MESSAGES, publishBatch, publishOne, type Write } from './stored-write.ts';

const EMPTY = new Uint8Array();
const READ_TIMEOUT_MS = 5000;
const NOT_FOUND = 404;

type RawEntry = KeyValueEntry & { readonly isMarker: boolean };

export const createKeyValueStore = (
  connection: JetStreamConnection,
  bucket: string,
  options: { readonly pacer?: CommitPacer } = {},
): KeyValueStore => {
  if (!isToken(bucket)) throw new Error(`not a bucket name: ${bucket}`);
  const { slots } = connection;
  const { pacer = createCommitPacer() } = options;
  const subjectOf = (key: string): string => `$KV.${bucket}.${key}`;

  const read = async (key: string): Promise<RawEntry | undefined> => {
    const message = await slots.request(`$JS.API.DIRECT.GET.KV_${bucket}.${subjectOf(key)}`, EMPTY, {
      timeoutMs: READ_TIMEOUT_MS,
    });
    if (message.data.length === 0 && message.headers?.code === NOT_FOUND) return undefined;
    const stored = toStored(message);
    const isMarker = stored.header('KV-Operation') !== undefined || stored.header('Nats-Marker-Reason') !== undefined;
    return { key, revision: stored.sequence, data: stored.data, isMarker };
  };

  const get = async (key: string): Promise<KeyValueEntry | undefined> => {
    const entry = await read(key);
    return entry === undefined || entry.isMarker ? undefined : { key, revision: entry.revision, data: entry.data };
  };

  const toWrite = ({ key, data, expectedRevision }: KeyValueWrite): Write => ({
    subject: subjectOf(key),
    data: data ?? EMPTY,
    ...(data === undefined ? { operation: 'DEL' as const } : {}),
    ...(expectedRevision === undefined ? {} : { expectedLastSequence: expectedRevision }),
  });

  /** A key that is not there may have a delete marker: then "none" is the marker's revision. Undefined when nothing changes. */
  const overMarkers = async (writes: readonly KeyValueWrite[]): Promise<readonly KeyValueWrite[] | undefined> => {
    let isChanged = false;
    const adjusted = await Promise.all(
      writes.map(async (write) => {
        if (write.expectedRevision !== 0) return write;
        const entry = await read(write.key);
        if (entry?.isMarker !== true) return write;
        isChanged = true;
        return { ...write, expectedRevision: entry.revision };
      }),
    );
    return isChanged ? adjusted : undefined;
  };

  const putOne = async (write: KeyValueWrite): Promise<number> => {
    try {
      return await publishOne(connection, toWrite(write));
    } catch (error) {
      const [adjusted] = isFault(error, 'JS_CONFLICT') ? ((await overMarkers([write])) ?? []) : [];
      if (adjusted === undefined) throw error;
      return publishOne(connection, toWrite(adjusted));
    }
  };

  const putBatch = async (writes: readonly KeyValueWrite[]): Promise<readonly number[]> => {
    const [only] = writes;
    if (writes.length === 1 && only !== undefined) return [await putOne(only)];
    const send = async (batch: readonly KeyValueWrite[]): Promise<readonly number[]> => {
      const startedMs = performance.now();
      const last = await publishBatch(connection, batch.map(toWrite));
      pacer.observe('batch', batch.length, performance.now() - startedMs);
      return batch.map((_, index) => last - batch.length + 1 + index);
    };
    try {
      return await send(writes);
    } catch (error) {
      const adjusted = isFault(error, 'JS_CONFLICT') ? await overMarkers(writes) : undefined;
      if (adjusted === undefined) throw error;
      return send(adjusted);
    }
  };

  const commitInBatches = async (writes: readonly KeyValueWrite[]): Promise<readonly number[]> => {
    const revisions: number[] = [];
    for (let start = 0; start < writes.length; start += MAX_BATCH_MESSAGES) {
      revisions.push(...(await putBatch(writes.slice(start, start + MAX_BATCH_MESSAGES))));
    }
    return revisions;
  };

  const commitSingly = async (
    writes: readonly KeyValueWrite[],
    last: KeyValueWrite | undefined,
  ): Promise<readonly number[]> => {
    const startedMs = performance.now();
    // All have to be settled before the caller may start again from its checkpoint.
    const settled = await Promise.allSettled(writes.map(putOne));
    const failed = settled.find((result) => result.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
    const revisions = settled.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
    pacer.observe('single', writes.length, performance.now() - startedMs);
    return last === undefined ? revisions : [...revisions, await putOne(last)];
  };

  return {
    get,
    getMany: (keys) => Promise.all(keys.map(get)),
    commit: (writes, last) => {
      const all = last === undefined ? writes : [...writes, last];
      return pacer.choose(all.length) === 'batch' ? commitInBatches(all) : commitSingly(writes, last);
    },
  };
};
