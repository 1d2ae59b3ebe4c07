// Entities in a KV bucket of the component's own (OPERATOR_STATE_STORE_TYPE=jetstream_kv): one key per entity, `entity.<ws>.<name>`.
// In memory are the keys, types and sequences of all, and the entities used last. Puts that wait at the same time are committed
// together. Every write carries the revision it replaces, so that a replica that is no longer the leader cannot undo a newer entity.

import { decodeText, encodeText } from '../core/decode.ts';
import { Fault, isFault } from '../core/fault.ts';
import { isJsonObject, type JsonValue } from '../core/json.ts';
import type { KeyValueEntry, KeyValueStore, KeyValueWrite } from '../engine/ports/buckets.ts';
import type { Log } from '../engine/ports/log.ts';
import type { StreamFollower } from '../engine/ports/streams.ts';
import type { Entity, EntityKey } from '../messages/entity.ts';
import { resourceManifestProblem } from '../messages/stored-shape.ts';
import type { Provenance } from '../messages/envelope.ts';
import { createPacked } from './packed.ts';
import type { EntityStore } from './types.ts';

const PREFIX = 'entity.';
const MAX_GROUP = 500;

type Document = { readonly entity: Entity; readonly provenance?: Provenance };
/** `sequence` 0: the key was deleted; its marker has `revision`. */
type Known = { readonly type: string; readonly sequence: number; readonly revision: number };
type Waiting = {
  document: Document;
  readonly settle: { readonly resolve: (changed: boolean) => void; readonly reject: (error: unknown) => void }[];
};

type Stored = { readonly document: Document; readonly text: string };

const parsed = (text: string): JsonValue | undefined => {
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    return undefined;
  }
};

const readDocument = (data: Uint8Array): Stored | undefined => {
  const text = decodeText(data);
  const value = text === undefined ? undefined : parsed(text);
  if (text === undefined) return undefined;
  if (!isJsonObject(value) || !isJsonObject(value['entity'])) return undefined;
  const { entity } = value;
  if (resourceManifestProblem(entity['manifest']) !== undefined || typeof entity['key'] !== 'string') return undefined;
  if (!Number.isSafeInteger(entity['sequence']) || typeof entity['uid'] !== 'string') return undefined;
  return { document: value as unknown as Document, text };
};

export type BucketEntityStoreOptions = {
  readonly bucket: string;
  readonly store: KeyValueStore;
  /** Of the bucket's stream. */
  readonly follower: StreamFollower;
  readonly log: Log;
};

export const createBucketEntityStore = ({ bucket, store, follower, log }: BucketEntityStoreOptions): EntityStore => {
  const known = new Map<EntityKey, Known>();
  const recent = createPacked<Document>(({ text }) => JSON.parse(text) as Document);
  const types = new Map<string, string>();
  /** Put and not confirmed yet: answered by `get`, because a reconcile need not wait for the disk; the command's ack does. */
  const accepted = new Map<EntityKey, Document>();
  let waiting = new Map<EntityKey, Waiting>();
  let isCommitting = false;
  /** Aborts when the term is over: what is not stored by then is not stored. */
  let term: AbortSignal | undefined;

  // One string per type, not one per entity.
  const typeOf = ({ entity }: Document): string => {
    const { type } = entity.manifest.resource;
    const same = types.get(type);
    if (same === undefined) types.set(type, type);
    return same ?? type;
  };

  const learn = (key: EntityKey, { document, text }: Stored, revision: number): void => {
    known.set(key, { type: typeOf(document), sequence: document.entity.sequence, revision });
    recent.set(key, document, { text, sequence: revision, timeMs: 0 });
  };

  const load = async (signal: AbortSignal): Promise<void> => {
    term = signal;
    known.clear();
    accepted.clear();
    recent.clear();
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
          const stored = data.length === 0 ? undefined : readDocument(data);
          if (stored !== undefined) learn(key, stored, sequence);
          else if (data.length === 0) known.set(key, { type: '', sequence: 0, revision: sequence });
          else log.warn({ bucket, key, sequence }, 'kept entity cannot be read, waiting for its next command');
        }
        if (pending === 0) caughtUp.abort();
      },
    });
    if (!signal.aborted) log.info({ bucket, entities: known.size }, 'entities loaded');
  };

  const writeOf = (key: EntityKey, text: string): KeyValueWrite & { readonly data: Uint8Array } => ({
    key: `${PREFIX}${key}`,
    data: encodeText(text),
    expectedRevision: known.get(key)?.revision ?? 0,
  });

  const forget = ({ document }: Waiting): void => {
    const { key } = document.entity;
    if (accepted.get(key) === document) accepted.delete(key);
  };

  const done = (one: Waiting, changed: boolean): void => {
    forget(one);
    for (const { resolve } of one.settle) resolve(changed);
  };

  // Somebody else wrote the key, or a part of a group was written before the conflict: look, and write only what is newer.
  const putAlone = async (key: EntityKey, one: Waiting, signal: AbortSignal | undefined): Promise<void> => {
    const entry = await store.get(`${PREFIX}${key}`);
    const stored = entry === undefined ? undefined : readDocument(entry.data);
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

  const takeGroup = (): Map<EntityKey, Waiting> => {
    if (waiting.size <= MAX_GROUP) {
      const all = waiting;
      waiting = new Map();
      return all;
    }
    const group = new Map([...waiting].slice(0, MAX_GROUP));
    for (const key of group.keys()) waiting.delete(key);
    return group;
  };

  const commitWaiting = async (): Promise<void> => {
    if (isCommitting) return;
    isCommitting = true;
    // What else arrives in the same turn of the event loop goes into the same group.
    await Promise.resolve();
    while (waiting.size > 0) await commitGroup(takeGroup());
    isCommitting = false;
  };

  const readStored = async (key: EntityKey): Promise<Document | undefined> => {
    const entry: KeyValueEntry | undefined = await store.get(`${PREFIX}${key}`);
    const stored = entry === undefined ? undefined : readDocument(entry.data);
    if (entry === undefined || stored === undefined) return undefined;
    // A write that was confirmed while this read was under way is newer.
    if ((known.get(key)?.revision ?? 0) <= entry.revision) learn(key, stored, entry.revision);
    return recent.get(key) ?? stored.document;
  };

  const read = async (key: EntityKey): Promise<Document | undefined> => {
    const { sequence } = known.get(key) ?? { sequence: 0 };
    const newest = accepted.get(key);
    if (newest !== undefined && newest.entity.sequence > sequence) return newest;
    return sequence === 0 ? undefined : (recent.get(key) ?? readStored(key));
  };

  return {
    open: load,
    get: async (key) => (await read(key))?.entity,
    provenance: async (key) => (await read(key))?.provenance,
    put: (entity, provenance, onAccepted) => {
      const { key, sequence } = entity;
      if ((known.get(key)?.sequence ?? 0) >= sequence) return Promise.resolve(false);
      return new Promise((resolve, reject) => {
        const document: Document = provenance === undefined ? { entity } : { entity, provenance };
        const before = waiting.get(key);
        if (before === undefined) waiting.set(key, { document, settle: [{ resolve, reject }] });
        else {
          if (before.document.entity.sequence < sequence) before.document = document;
          before.settle.push({ resolve, reject });
        }
        if ((accepted.get(key)?.entity.sequence ?? 0) < sequence) {
          accepted.set(key, document);
          onAccepted?.();
        }
        void commitWaiting();
      });
    },
    delete: async (key, sequence) => {
      const entry = known.get(key);
      if (entry === undefined || entry.sequence !== sequence || waiting.has(key) || accepted.has(key)) return;
      try {
        const marker = { key: `${PREFIX}${key}`, data: undefined, expectedRevision: entry.revision };
        const [revision = 0] = await store.commit([marker], undefined, { signal: term });
        if (known.get(key)?.sequence !== sequence) return;
        known.set(key, { type: entry.type, sequence: 0, revision });
        recent.delete(key);
      } catch (error) {
        // A newer entity was put in between: it stays.
        if (!isFault(error, 'JS_CONFLICT')) throw error;
        throw new Fault('JS_CONFLICT', `entity ${key} changed while it was being removed; it is kept`, {
          cause: error,
        });
      }
    },
    list: async function* () {
      for (const [key, { type, sequence }] of known) if (sequence > 0) yield { key, type };
    },
  };
};
