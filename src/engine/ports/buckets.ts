// Buckets of keys and documents as the loops need them. jetstream/ implements them on a real server; unit tests implement them in memory.

import type { WriteOptions } from './streams.ts';

export type KeyValueEntry = {
  readonly key: string;
  readonly revision: number;
  readonly data: Uint8Array;
  /** Written without naming the revision that it replaces: by hand, and by no loop of ours. */
  readonly isUnchecked?: true;
};

/** `data` undefined deletes the key. `expectedRevision`: revision of the entry replaced, 0 for none; absent: no check. */
export type KeyValueWrite = {
  readonly key: string;
  readonly data: Uint8Array | undefined;
  readonly expectedRevision?: number;
  /** With `expectedRevision` 0: a delete marker of a later revision than this is a conflict, not "none". Absent: any marker is "none". */
  readonly markersUpTo?: number;
  /** Of the view that this document is in: it has everything of `stream` up to `sequence` with this write. Goes into a header. */
  readonly reached?: { readonly stream: string; readonly sequence: number };
};

export interface KeyValueStore {
  get(key: string): Promise<KeyValueEntry | undefined>;
  /** Several keys, pipelined; the result has the same order. */
  getMany(keys: readonly string[]): Promise<readonly (KeyValueEntry | undefined)[]>;
  /**
   * Every key that `filter` matches (`entity.>`), those of delete markers included; undefined when there are more than `limit`. Asked of
   * the leader.
   */
  keys(filter: string, limit: number): Promise<readonly string[] | undefined>;
  /**
   * Writes in the given order: as one atomic batch when there are many, else one by one, each after the one before it was sent and
   * all of them confirmed before the promise resolves; `last` is written only after all the others are confirmed, or in the same
   * atomic batch. Revisions of `writes` in order, then of `last`. Faults: JS_CONFLICT (a revision was not the expected one: another
   * writer is at work), and those of Appender.
   */
  commit(writes: readonly KeyValueWrite[], last?: KeyValueWrite, options?: WriteOptions): Promise<readonly number[]>;
  /** All or nothing, in one atomic batch of at most 1000. Revisions in order. Faults: as of `commit`. */
  commitWhole(writes: readonly KeyValueWrite[]): Promise<readonly number[]>;
}
