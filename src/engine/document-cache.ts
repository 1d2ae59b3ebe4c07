// The documents that a projection is working on: what it has read or written lately, with the bucket revision of each, and which of
// them are not written yet. Bounded: clean documents are forgotten oldest first; unwritten ones never are.

import { encodeJson, decodeJson } from '../core/decode.ts';
import { isJsonObject } from '../core/json.ts';
import type { KeyValueEntry, KeyValueStore, KeyValueWrite } from './ports.ts';
import type { ViewDocument } from '../views/projection.ts';

/** `isStored`: the bucket has a document under the key. A deleted key keeps the revision of its delete marker. */
type Slot = { document: ViewDocument | undefined; revision: number; isStored: boolean; isDirty: boolean };

export type DocumentCache = ReturnType<typeof createDocumentCache>;

const parse = (entry: KeyValueEntry): ViewDocument | undefined => {
  const value = decodeJson(entry.data);
  return isJsonObject(value) && typeof value['sequence'] === 'number' ? (value as unknown as ViewDocument) : undefined;
};

/** `startsEmpty`: the bucket has no key but those written through this cache (a rebuild), so others need not be looked for. */
export const createDocumentCache = (store: KeyValueStore, maxClean: number, startsEmpty = false) => {
  const written = new Set<string>();
  const slots = new Map<string, Slot>();
  const dirty = new Set<string>();

  const set = (key: string, slot: Slot): void => {
    slots.delete(key);
    slots.set(key, slot);
  };

  return {
    get dirtyCount(): number {
      return dirty.size;
    },

    /** Reads the keys that are not here yet. */
    load: async (keys: Iterable<string>): Promise<void> => {
      const missing: string[] = [];
      for (const key of new Set(keys)) {
        if (slots.has(key)) continue;
        if (startsEmpty && !written.has(key))
          set(key, { document: undefined, revision: 0, isStored: false, isDirty: false });
        else missing.push(key);
      }
      if (missing.length === 0) return;
      const entries = await store.getMany(missing);
      for (const [index, key] of missing.entries()) {
        const entry = entries[index];
        const isStored = entry !== undefined;
        set(key, {
          document: isStored ? parse(entry) : undefined,
          revision: entry?.revision ?? 0,
          isStored,
          isDirty: false,
        });
      }
    },

    get: (key: string): ViewDocument | undefined => slots.get(key)?.document,

    put: (key: string, document: ViewDocument | undefined): void => {
      const { revision, isStored } = slots.get(key) ?? { revision: 0, isStored: false };
      const isDirty = document !== undefined || isStored;
      dirty.delete(key);
      if (isDirty) dirty.add(key);
      set(key, { document, revision, isStored, isDirty });
    },

    /** The unwritten documents in the order in which they were last changed. */
    writes: (): readonly KeyValueWrite[] => {
      const writes: KeyValueWrite[] = [];
      for (const key of dirty) {
        const slot = slots.get(key);
        if (slot === undefined) continue;
        const data = slot.document === undefined ? undefined : encodeJson(slot.document);
        writes.push({ key, data, expectedRevision: slot.revision });
      }
      return writes;
    },

    written: (writes: readonly KeyValueWrite[], revisions: readonly number[]): void => {
      for (const [index, { key }] of writes.entries()) {
        const slot = slots.get(key);
        const revision = revisions[index];
        if (slot === undefined || revision === undefined) continue;
        slot.isDirty = false;
        if (startsEmpty) written.add(key);
        slot.isStored = slot.document !== undefined;
        slot.revision = revision;
      }
      dirty.clear();
      for (const [key, slot] of slots) {
        if (slots.size <= maxClean) break;
        if (!slot.isDirty) slots.delete(key);
      }
    },

    /** Forgets everything, also what is not written: the caller starts again from the checkpoint. */
    clear: (): void => {
      slots.clear();
      dirty.clear();
    },
  };
};
