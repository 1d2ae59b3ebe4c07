// Entities in a KV bucket of the component's own (OPERATOR_STATE_STORE_TYPE=jetstream_kv): one key per entity, `entity.<ws>.<name>`.
// In memory are the keys, types and sequences of all, and the entities used last. Puts that wait at the same time are committed
// together. Every write carries the revision it replaces, so that a replica that is no longer the leader cannot undo a newer entity.

import { encodeText } from '../core/decode.ts';
import { Fault, isFault } from '../core/fault.ts';
import type { KeyValueEntry, KeyValueStore, KeyValueWrite } from '../engine/ports/buckets.ts';
import type { Log } from '../engine/ports/log.ts';
import type { StreamFollower } from '../engine/ports/streams.ts';
import type { EntityKey } from '../messages/entity.ts';
import { readKept, type KeptDocument, type Stored } from './kept-document.ts';
import { createPacked } from './packed.ts';
import type { EntityStore } from './types.ts';

const PREFIX = 'entity.';
const MAX_GROUP = 500;

type Waiting = {
  document: KeptDocument;
  readonly settle: { readonly resolve: (changed: boolean) => void; readonly reject: (error: unknown) => void }[];
};

/** What is known of one key. */
type Slot = {
  /** Of what is stored. `sequence` 0: nothing; a marker of a deletion has `revision`, if there was one. */
  type: string;
  sequence: number;
  revision: number;
  /** Put and not confirmed yet: answered by `get`, because a reconcile need not wait for the disk; the command's ack does. */
  accepted: KeptDocument | undefined;
  /** To be committed with the next group. */
  waiting: Waiting | undefined;
};

export type BucketEntityStoreOptions = {
  readonly bucket: string;
  readonly store: KeyValueStore;
  /** Of the bucket's stream. */
  readonly follower: StreamFollower;
  readonly log: Log;
};

export const createBucketEntityStore = ({ bucket, store, follower, log }: BucketEntityStoreOptions): EntityStore => {
  const slots = new Map<EntityKey, Slot>();
  const recent = createPacked<KeptDocument>(({ text }) => JSON.parse(text) as KeptDocument);
  const types = new Map<string, string>();
  /** Keys whose slots wait, in the order in which they were put. */
  let queue: EntityKey[] = [];
  let isCommitting = false;
  /** Aborts when the term is over: what is not stored by then is not stored. */
  let term: AbortSignal | undefined;

  // One string per type, not one per entity.
  const typeOf = ({ entity }: KeptDocument): string => {
    const { type } = entity.manifest.resource;
    const same = types.get(type);
    if (same === undefined) types.set(type, type);
    return same ?? type;
  };

  const slotOf = (key: EntityKey): Slot => {
    const before = slots.get(key);
    if (before !== undefined) return before;
    const slot: Slot = { type: '', sequence: 0, revision: 0, accepted: undefined, waiting: undefined };
    slots.set(key, slot);
    return slot;
  };

  const learn = (key: EntityKey, { document, text }: Stored, revision: number): void => {
    Object.assign(slotOf(key), { type: typeOf(document), sequence: document.entity.sequence, revision });
    recent.set(key, document, { text, sequence: revision, timeMs: 0 });
  };

  const learnDeleted = (key: EntityKey, revision: number): void => {
    Object.assign(slotOf(key), { type: '', sequence: 0, revision });
    recent.delete(key);
  };

  /** Nothing but what waits: that is still to be told how it ends. */
  const forgetStored = (): void => {
    for (const [key, { waiting }] of slots) {
      slots.delete(key);
      if (waiting !== undefined) slotOf(key).waiting = waiting;
    }
    recent.clear();
  };

  const load = async (signal: AbortSignal): Promise<void> => {
    term = signal;
    forgetStored();
    const caughtUp = new AbortController();
    const subjects = `$KV.${bucket}.${PREFIX}`;
    await follower.follow({
      fromSequence: 1,
      filters: [`${subjects}>`],
      lastPerSubject: true,
      signal: AbortSignal.any([signal, caughtUp.signal]),
      onEmpty: () => caughtUp.abort(),
      onBatch: (batch, pending) => {
        for (const { subject, data, sequence } of batch) {
          const key = subject.slice(subjects.length);
          const stored = data.length === 0 ? undefined : readKept(data);
          if (stored !== undefined) learn(key, stored, sequence);
          else if (data.length === 0) learnDeleted(key, sequence);
          else log.warn({ bucket, key, sequence }, 'kept entity cannot be read, waiting for its next command');
        }
        if (pending === 0) caughtUp.abort();
      },
    });
    if (!signal.aborted) log.info({ bucket, entities: slots.size }, 'entities loaded');
  };

  const writeOf = (key: EntityKey, text: string): KeyValueWrite & { readonly data: Uint8Array } => ({
    key: `${PREFIX}${key}`,
    data: encodeText(text),
    expectedRevision: slots.get(key)?.revision ?? 0,
  });

  const forget = ({ document }: Waiting): void => {
    const { key } = document.entity;
    const slot = slots.get(key);
    if (slot?.accepted === document) slot.accepted = undefined;
    const isEmpty = slot?.revision === 0 && slot.accepted === undefined && slot.waiting === undefined;
    if (isEmpty) slots.delete(key);
  };

  const done = (one: Waiting, changed: boolean): void => {
    forget(one);
    for (const { resolve } of one.settle) resolve(changed);
  };

  // Somebody else wrote the key, or a part of a group was written before the conflict: look, and write only what is newer.
  const putAlone = async (key: EntityKey, one: Waiting, signal: AbortSignal | undefined): Promise<void> => {
    const entry = await store.get(`${PREFIX}${key}`);
    const stored = entry === undefined ? undefined : readKept(entry.data);
    if (entry !== undefined && stored !== undefined) {
      learn(key, stored, entry.revision);
      const { sequence } = stored.document.entity;
      if (sequence >= one.document.entity.sequence) {
        done(one, sequence === one.document.entity.sequence);
        return;
      }
    }
    const text = JSON.stringify(one.document);
    const { data, key: fullKey } = writeOf(key, text);
    // Without an entry there may be a marker of a deletion, whose revision is not told: nothing newer can be overwritten then.
    const check = entry === undefined ? {} : { expectedRevision: entry.revision };
    const [revision = 0] = await store.commit([{ key: fullKey, data, ...check }], undefined, { signal });
    learn(key, { document: one.document, text }, revision);
    done(one, true);
  };

  const commitGroup = async (group: ReadonlyMap<EntityKey, Waiting>): Promise<void> => {
    const signal = term;
    const all = [...group].map(([key, one]) => ({ key, one, text: JSON.stringify(one.document) }));
    try {
      const writes = all.map(({ key, text }) => writeOf(key, text));
      const revisions = await store.commit(writes, undefined, { signal });
      all.forEach(({ key, one, text }, index) => {
        learn(key, { document: one.document, text }, revisions[index] ?? 0);
        done(one, true);
      });
    } catch (error) {
      const isConflict = isFault(error, 'JS_CONFLICT') || isFault(error, 'JS_DUPLICATE');
      await Promise.all(
        [...group].map(async ([key, one]) => {
          try {
            if (!isConflict) throw error;
            await putAlone(key, one, signal);
          } catch (problem) {
            forget(one);
            for (const { reject } of one.settle) reject(problem);
          }
        }),
      );
    }
  };

  const takeGroup = (): ReadonlyMap<EntityKey, Waiting> => {
    const keys = queue.length <= MAX_GROUP ? queue : queue.slice(0, MAX_GROUP);
    queue = queue.length <= MAX_GROUP ? [] : queue.slice(MAX_GROUP);
    const group = new Map<EntityKey, Waiting>();
    for (const key of keys) {
      const slot = slotOf(key);
      if (slot.waiting !== undefined) group.set(key, slot.waiting);
      slot.waiting = undefined;
    }
    return group;
  };

  const commitWaiting = async (): Promise<void> => {
    if (isCommitting) return;
    isCommitting = true;
    // What else arrives in the same turn of the event loop goes into the same group.
    await Promise.resolve();
    while (queue.length > 0) await commitGroup(takeGroup());
    isCommitting = false;
  };

  const readStored = async (key: EntityKey): Promise<KeptDocument | undefined> => {
    const entry: KeyValueEntry | undefined = await store.get(`${PREFIX}${key}`);
    const stored = entry === undefined ? undefined : readKept(entry.data);
    if (entry === undefined || stored === undefined) return undefined;
    // A write that was confirmed while this read was under way is newer.
    if ((slots.get(key)?.revision ?? 0) <= entry.revision) learn(key, stored, entry.revision);
    return recent.get(key) ?? stored.document;
  };

  const read = async (key: EntityKey): Promise<KeptDocument | undefined> => {
    const { sequence = 0, accepted } = slots.get(key) ?? {};
    if (accepted !== undefined && accepted.entity.sequence > sequence) return accepted;
    return sequence === 0 ? undefined : (recent.get(key) ?? readStored(key));
  };

  return {
    open: load,
    get: async (key) => (await read(key))?.entity,
    provenance: async (key) => (await read(key))?.provenance,
    put: (entity, provenance, onAccepted) => {
      const { key, sequence } = entity;
      const slot = slotOf(key);
      if (slot.sequence >= sequence) return Promise.resolve(false);
      return new Promise((resolve, reject) => {
        const document: KeptDocument = provenance === undefined ? { entity } : { entity, provenance };
        if (slot.waiting === undefined) {
          slot.waiting = { document, settle: [{ resolve, reject }] };
          queue.push(key);
        } else {
          if (slot.waiting.document.entity.sequence < sequence) slot.waiting.document = document;
          slot.waiting.settle.push({ resolve, reject });
        }
        if ((slot.accepted?.entity.sequence ?? 0) < sequence) {
          slot.accepted = document;
          onAccepted?.();
        }
        void commitWaiting();
      });
    },
    delete: async (key, sequence) => {
      const slot = slots.get(key);
      if (slot?.sequence !== sequence || slot.waiting !== undefined || slot.accepted !== undefined) return;
      try {
        const marker = { key: `${PREFIX}${key}`, data: undefined, expectedRevision: slot.revision };
        const [revision = 0] = await store.commit([marker], undefined, { signal: term });
        if (slots.get(key)?.sequence === sequence) learnDeleted(key, revision);
      } catch (error) {
        // A newer entity was put in between: it stays.
        if (!isFault(error, 'JS_CONFLICT')) throw error;
        throw new Fault('JS_CONFLICT', `entity ${key} changed while it was being removed; it is kept`, {
          cause: error,
        });
      }
    },
    list: async function* () {
      for (const [key, { type, sequence }] of slots) if (sequence > 0) yield { key, type };
    },
  };
};
