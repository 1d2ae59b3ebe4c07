// In-memory ports for unit tests of the loops: a key-value store with revisions and expected revisions, and a follower over an array.
// The integration tests run the same loops on a real server; these are for the cases that a server makes hard to reach.

import { Fault } from '../../src/core/fault.ts';
import type { Clock } from '../../src/engine/ports/clock.ts';
import type { FollowOptions, StoredMessage, StreamFollower } from '../../src/engine/ports/streams.ts';
import type { KeyValueEntry, KeyValueStore, KeyValueWrite } from '../../src/engine/ports/buckets.ts';

export type MemoryStore = KeyValueStore & {
  readonly entries: Map<string, KeyValueEntry>;
  /** Called before each write; throw to fail there, with what was written before it kept. */
  beforeWrite?: (write: KeyValueWrite) => void;
  commits: number;
};

export const memoryStore = (): MemoryStore => {
  const entries = new Map<string, KeyValueEntry>();
  const markers = new Map<string, number>();
  let revision = 0;
  const store: MemoryStore = {
    commitWhole: async (writes) => {
      for (const { key, expectedRevision } of writes) {
        const current = entries.get(key)?.revision ?? (expectedRevision === 0 ? 0 : (markers.get(key) ?? 0));
        if (expectedRevision !== undefined && expectedRevision !== current)
          throw new Fault('JS_CONFLICT', `expected ${expectedRevision}, found ${current}`);
      }
      return store.commit(writes);
    },
    entries,
    commits: 0,
    get: async (key) => entries.get(key),
    keys: async (filter, limit) => {
      const keys = [...entries.keys(), ...markers.keys()].filter((key) => key.startsWith(filter.replace('>', '')));
      return keys.length > limit ? undefined : keys;
    },
    getMany: async (keys) => keys.map((key) => entries.get(key)),
    commit: async (writes, last) => {
      store.commits += 1;
      const revisions: number[] = [];
      for (const write of last === undefined ? writes : [...writes, last]) {
        store.beforeWrite?.(write);
        const current =
          entries.get(write.key)?.revision ?? (write.expectedRevision === 0 ? 0 : (markers.get(write.key) ?? 0));
        if (write.expectedRevision !== undefined && write.expectedRevision !== current) {
          throw new Fault('JS_CONFLICT', `expected ${write.expectedRevision}, found ${current}`);
        }
        revision += 1;
        revisions.push(revision);
        if (write.data === undefined) {
          entries.delete(write.key);
          markers.set(write.key, revision);
        } else entries.set(write.key, { key: write.key, revision, data: write.data });
      }
      return revisions;
    },
  };
  return store;
};

export const stored = (sequence: number, subject: string, value: unknown): StoredMessage => ({
  sequence,
  subject,
  data: typeof value === 'string' ? new TextEncoder().encode(value) : new TextEncoder().encode(JSON.stringify(value)),
  timeMs: 0,
  header: () => undefined,
});

/** Hands over what the array holds from the position wanted, in batches of `batchSize`, and ends. */
export const arrayFollower = (messages: readonly StoredMessage[], batchSize = 3): StreamFollower => ({
  follow: async (options: FollowOptions) => {
    const wanted = messages.filter(({ sequence }) => sequence >= options.fromSequence);
    for (let start = 0; start < wanted.length && !options.signal.aborted; start += batchSize) {
      const batch = wanted.slice(start, start + batchSize);
      await options.onBatch(batch, wanted.length - start - batch.length);
    }
  },
});

/** Time stands still unless a test moves it; sleeping moves it. */
export const manualClock = (): Clock & { advance(byMs: number): void } => {
  let nowMs = 1_700_000_000_000;
  return {
    nowMs: () => nowMs,
    sleep: async (delayMs) => {
      nowMs += delayMs;
    },
    advance: (byMs) => {
      nowMs += byMs;
    },
  };
};
