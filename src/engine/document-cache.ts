// The documents that a projection is working on: what it has read or written lately, with the bucket revision of each, and which of
// them are not written yet. Bounded: clean documents are forgotten oldest first; unwritten ones never are.

import { encodeJson, decodeJson } from '../core/decode.ts';
import { isJsonObject } from '../core/json.ts';
import type { KeyValueEntry, KeyValueStore, KeyValueWrite } from './ports.ts';
import type { ViewDocument } from '../views/projection.ts';

/** `isStored`: the bucket has a document under the key. A deleted key keeps the revision of its delete marker. */
type Slot = {
  document: ViewDocument | undefined;
  revision: number;
  isStored: boolean;
  isDirty: boolean;
  isWriting: boolean;
};

export type DocumentCache = ReturnType<typeof createDocumentCache>;

const parse = (entry: KeyValueEntry): ViewDocument | undefined => {
  const value = decodeJson(entry.data);
  return isJsonObject(value) && typeof value['sequence'] === 'number' ? (value as unknown as ViewDocument) : undefined;
};

/** `existing`: all keys that the bucket has, so that others need not be looked for; undefined when they are too many to be known. */
export const createDocumentCache = (store: KeyValueStore, maxClean: number, existing: Set<string> | undefined) => {
  const slots = new Map<string, Slot>();
  const dirty = new Set<string>();

  return {
    get dirtyCount(): number {
      return dirty.size;
    },

    /** Reads the keys that are not here yet. */
    load: async (keys: readonly (string | undefined)[]): Promise<void> => {
      const missing = new Set<string>();
      for (const key of keys) {
        if (key === undefined || slots.has(key)) continue;
        if (existing?.has(key) === false)
          slots.set(key, { document: undefined, revision: 0, isStored: false, isDirty: false, isWriting: false });
        else missing.add(key);
      }
      if (missing.size === 0) return;
      const wanted = [...missing];
      const entries = await store.getMany(wanted);
      for (const [index, key] of wanted.entries()) {
        const entry = entries[index];
        const isStored = entry !== undefined;
        slots.set(key, {
          document: isStored ? parse(entry) : undefined,
          revision: entry?.revision ?? 0,
          isStored,
          isDirty: false,
          isWriting: false,
        });
      }
    },

    get: (key: string): ViewDocument | undefined => slots.get(key)?.document,

    /** `key` has been loaded. */
    put: (key: string, document: ViewDocument | undefined): void => {
      const slot = slots.get(key);
      if (slot === undefined) throw new Error(`not loaded: ${key}`);
      slot.document = document;
      if (slot.isDirty || (document === undefined && !slot.isStored && !slot.isWriting)) return;
      slot.isDirty = true;
      dirty.add(key);
    },

    /**
     * Hands out the unwritten documents, which count as clean from now on; changes that come while they are being written are for the next
     * time. `written` must follow before the next call; when the write failed, nothing here is of use any more.
     */
    takeWrites: (): readonly KeyValueWrite[] => {
      const writes: KeyValueWrite[] = [];
      for (const key of dirty) {
        const slot = slots.get(key);
        if (slot === undefined) continue;
        slot.isDirty = false;
        slot.isWriting = true;
        const data = slot.document === undefined ? undefined : encodeJson(slot.document);
        writes.push({ key, data, expectedRevision: slot.revision });
      }
      dirty.clear();
      return writes;
    },

    written: (writes: readonly KeyValueWrite[], revisions: readonly number[]): void => {
      for (const [index, { key, data }] of writes.entries()) {
        const slot = slots.get(key);
        const revision = revisions[index];
        if (slot === undefined || revision === undefined) continue;
        slot.isWriting = false;
        existing?.add(key);
        slot.isStored = data !== undefined;
        slot.revision = revision;
        // The newest last: what is forgotten first is what was written longest ago.
        slots.delete(key);
        slots.set(key, slot);
      }
    },

    /** Forgets clean documents beyond the bound. Not between `load` and the last `put` of what was loaded. */
    trim: (): void => {
      for (const [key, slot] of slots) {
        if (slots.size <= maxClean) break;
        if (!slot.isDirty && !slot.isWriting) slots.delete(key);
      }
    },
  };
};
