// Writes what a projection made: documents and the checkpoint, so that the checkpoint is never ahead of the documents. Every write expects the
// revision that is known of its key. When one is refused, the checkpoint says whose bucket it is: when another projector has written it, this one
// is over (LEASE_LOST). When not, somebody has written or removed documents by hand, and they are put right.
//
// Called by the projection loop and by rebuilds. Putting right is one atomic batch with the checkpoint, which is the fence: a projector that
// has lost its lease cannot write over what its successor wrote.

import { encodeJson } from '../../core/decode.ts';
import { Fault, isFault } from '../../core/fault.ts';
import { REBUILD_HINT } from '../../messages/view-documents.ts';
import { viewKeys } from '../../messages/subjects.ts';
import { sequenceIn } from '../loops/position.ts';
import type { Projection } from '../../views/projection.ts';
import type { KeyValueEntry, KeyValueStore, KeyValueWrite } from '../ports/buckets.ts';
import type { Log } from '../ports/log.ts';

const MAX_FENCED = 500;
const MAX_FENCED_BYTES = 4 * 1024 * 1024;

const sizeOf = ({ data }: KeyValueWrite): number => data?.length ?? 0;

const inGroups = (writes: readonly KeyValueWrite[]): readonly (readonly KeyValueWrite[])[] => {
  const groups: KeyValueWrite[][] = [[]];
  let bytes = 0;
  for (const write of writes) {
    const group = groups.at(-1) ?? [];
    bytes += sizeOf(write);
    if (group.length > 0 && (group.length >= MAX_FENCED || bytes > MAX_FENCED_BYTES)) {
      groups.push([write]);
      bytes = sizeOf(write);
    } else group.push(write);
  }
  return groups;
};

/**
 * Each group of `writes` in one atomic batch with the checkpoint, whose revision is the fence. The checkpoint says what it says now until the
 * last group, which brings `checkpoint`. Revisions of the writes, then of the checkpoint. Faults: JS_CONFLICT, and nothing of that group is written.
 */
export const commitFenced = async (
  store: KeyValueStore,
  writes: readonly KeyValueWrite[],
  fence: { readonly key: string; readonly now: KeyValueEntry | undefined; readonly next: Uint8Array },
): Promise<readonly number[]> => {
  const groups = inGroups(writes);
  const revisions: number[] = [];
  let expectedRevision = fence.now?.revision ?? 0;
  for (const [index, group] of groups.entries()) {
    const isLast = index === groups.length - 1;
    // Before there is a checkpoint, its first group makes it.
    const data = isLast ? fence.next : (fence.now?.data ?? encodeJson({ sequence: 0 }));
    const written = await store.commitWhole([...group, { key: fence.key, data, expectedRevision }]);
    expectedRevision = written.at(-1) ?? expectedRevision;
    revisions.push(...written.slice(0, -1));
  }
  return [...revisions, expectedRevision];
};

export const checkpointOf = (stream: string, sequence: number): Uint8Array => encodeJson({ stream, sequence });

/** Faults: VIEW_DAMAGED. */
const readPosition = async (store: KeyValueStore, key: string): Promise<{ sequence: number; revision: number }> => {
  const entry = await store.get(key);
  if (entry === undefined) return { sequence: 0, revision: 0 };
  const sequence = sequenceIn(entry);
  if (sequence === undefined) throw new Fault('VIEW_DAMAGED', `${key} cannot be read; ${REBUILD_HINT}`);
  return { sequence, revision: entry.revision };
};

const isSame = (entry: KeyValueEntry | undefined, { data }: KeyValueWrite): boolean =>
  data === undefined ? entry === undefined : entry !== undefined && Buffer.compare(entry.data, data) === 0;

export type ViewWriter = Awaited<ReturnType<typeof openViewWriter>>;

/** Faults: VIEW_DAMAGED when the checkpoint cannot be read. */
export const openViewWriter = async (options: {
  readonly projection: Projection;
  readonly store: KeyValueStore;
  readonly log: Log;
}) => {
  const { store, log } = options;
  const { stream, bucket } = options.projection;
  const key = viewKeys.checkpoint(stream);
  const position = await readPosition(store, key);

  /** The checkpoint as it was written here last. Faults: LEASE_LOST. */
  const ownCheckpoint = async (cause: unknown): Promise<KeyValueEntry | undefined> => {
    const entry = await store.get(key);
    if ((entry?.revision ?? 0) === position.revision) return entry;
    throw new Fault('LEASE_LOST', `another projector is writing ${bucket}`, { cause });
  };

  /** What was refused, as it has to be: somebody has written or removed some of it. */
  const putRight = async (
    writes: readonly KeyValueWrite[],
    sequence: number,
    cause: unknown,
  ): Promise<readonly number[]> => {
    const now = await ownCheckpoint(cause);
    const found = await store.getMany(writes.map((write) => write.key));
    const wrong: KeyValueWrite[] = [];
    for (const [index, write] of writes.entries()) {
      const entry = found[index];
      // Written by the attempt that was refused in part.
      if (isSame(entry, write)) continue;
      const revision = entry?.revision ?? 0;
      if (revision !== write.expectedRevision)
        log.warn({ key: write.key, revision }, 'document was changed by hand and is put right');
      wrong.push({ ...write, expectedRevision: revision });
    }
    const written = await commitFenced(store, wrong, { key, now, next: checkpointOf(stream, sequence) });
    const byKey = new Map(wrong.map((write, index) => [write.key, written[index] ?? 0]));
    const revisions = writes.map((write, index) => byKey.get(write.key) ?? found[index]?.revision ?? 0);
    return [...revisions, written.at(-1) ?? 0];
  };

  /**
   * A projector that was held up expects no document where its successor has had one and deleted it since: such a marker is later than the
   * checkpoint that it knows, and only a batch with the checkpoint may say whose turn it is.
   */
  const guarded = (write: KeyValueWrite): KeyValueWrite =>
    write.expectedRevision === 0 ? { ...write, markersUpTo: position.revision } : write;

  /** With a checkpoint at `sequence`. The revisions of the documents. Faults: LEASE_LOST, those of the store. */
  const commit = async (writes: readonly KeyValueWrite[], sequence: number): Promise<readonly number[]> => {
    const checkpoint = { key, data: checkpointOf(stream, sequence), expectedRevision: position.revision };
    let revisions: readonly number[];
    try {
      revisions = await store.commit(writes.map(guarded), checkpoint);
    } catch (error) {
      if (!isFault(error, 'JS_CONFLICT')) throw error;
      revisions = await putRight(writes, sequence, error);
    }
    position.revision = revisions.at(-1) ?? position.revision;
    position.sequence = sequence;
    return revisions.slice(0, -1);
  };

  return {
    /** Of the checkpoint that is written. */
    get sequence(): number {
      return position.sequence;
    },
    commit,
    /** One document, which says itself how far the view is; the checkpoint has to follow. */
    commitAlone: async (write: KeyValueWrite, sequence: number): Promise<readonly number[]> => {
      try {
        return await store.commit([{ ...guarded(write), reached: { stream, sequence } }]);
      } catch (error) {
        if (!isFault(error, 'JS_CONFLICT')) throw error;
        return commit([write], sequence);
      }
    },
  };
};
