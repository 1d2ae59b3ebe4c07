// The documents that a projection is working on: what it has read or written lately, with the bucket revision of each, and which of
// them are not written yet. Bounded: clean documents are forgotten, those used longest ago first; unwritten ones never are. No map loses single
// keys: a map that does spends more time on the holes than on the keys (generations.ts).

import { encodeJson } from '../../core/decode.ts';
import { readDocument } from '../../messages/view-documents.ts';
import { createGenerations } from '../loops/recent-cache.ts';
import type { KeyValueEntry, KeyValueStore, KeyValueWrite } from '../ports/buckets.ts';
import type { ViewDocument } from '../../views/projection.ts';

/** `isStored`: the bucket has a document under the key. A deleted key keeps the revision of its delete marker. */
type Slot = {
  document: ViewDocument | undefined;
  revision: number;
  isStored: boolean;
};

export type DocumentCache = ReturnType<typeof createDocumentCache>;

/** What was written by hand, or does not have the shape of a document, counts as lost: its events make it anew. */
export const parseDocument = ({ key, data, isUnchecked }: KeyValueEntry): ViewDocument | undefined => {
  const read = isUnchecked === true ? undefined : readDocument(key, data);
  return read !== undefined && 'document' in read ? read.document : undefined;
};

/** `existing`: all keys that the bucket has, so that others need not be looked for; undefined when they are too many to be known. */
export const createDocumentCache = (
  store: Pick<KeyValueStore, 'getMany'>,
  maxClean: number,
  existing: Set<string> | undefined,
  parse: (entry: KeyValueEntry) => ViewDocument | undefined = parseDocument,
) => {
  const clean = createGenerations<Slot>(maxClean);
  /** Of the batch that is being folded. */
  let loaded = new Map<string, Slot>();
  let dirty = new Map<string, Slot>();
  /** Handed out by `takeWrites`; a key may be in `dirty` again. */
  let writing = new Map<string, Slot>();

  const read = async (keys: readonly string[]): Promise<void> => {
    const entries = await store.getMany(keys);
    for (const [index, key] of keys.entries()) {
      const entry = entries[index];
      const document = entry === undefined ? undefined : parse(entry);
      const slot = { document, revision: entry?.revision ?? 0, isStored: entry !== undefined };
      clean.set(key, slot);
      loaded.set(key, slot);
    }
  };

  return {
    get dirtyCount(): number {
      return dirty.size;
    },

    /** Reads the keys that are not here yet. */
    load: async (keys: readonly (string | undefined)[]): Promise<void> => {
      const missing = new Set<string>();
      for (const key of keys) {
        if (key === undefined || loaded.has(key)) continue;
        const slot = dirty.get(key) ?? writing.get(key) ?? clean.get(key);
        if (slot !== undefined) loaded.set(key, slot);
        else if (existing?.has(key) === false) loaded.set(key, { document: undefined, revision: 0, isStored: false });
        else missing.add(key);
      }
      if (missing.size > 0) await read([...missing]);
    },

    /** `key` has been loaded. */
    get: (key: string): ViewDocument | undefined => loaded.get(key)?.document,

    /** `key` has been loaded. */
    put: (key: string, document: ViewDocument | undefined): void => {
      const slot = loaded.get(key);
      if (slot === undefined) throw new Error(`not loaded: ${key}`);
      slot.document = document;
      const isNothing = document === undefined && !slot.isStored && !writing.has(key);
      if (!isNothing || dirty.has(key)) dirty.set(key, slot);
    },

    /**
     * Hands out the unwritten documents, which count as clean from now on; changes that come while they are being written are for the next
     * time. `written` must follow before the next call; when the write failed, nothing here is of use any more.
     */
    takeWrites: (): readonly KeyValueWrite[] => {
      const writes: KeyValueWrite[] = [];
      for (const [key, { document, revision }] of dirty) {
        const data = document === undefined ? undefined : encodeJson(document);
        writes.push({ key, data, expectedRevision: revision });
      }
      writing = dirty;
      dirty = new Map();
      return writes;
    },

    written: (writes: readonly KeyValueWrite[], revisions: readonly number[]): void => {
      for (const [index, { key, data }] of writes.entries()) {
        const slot = writing.get(key);
        const revision = revisions[index];
        if (slot === undefined || revision === undefined) continue;
        existing?.add(key);
        slot.isStored = data !== undefined;
        slot.revision = revision;
        clean.set(key, slot);
      }
      writing = new Map();
    },

    /** The batch is folded: its documents may be forgotten when they are clean and many. Not between `load` and the last `put`. */
    trim: (): void => {
      loaded = new Map();
    },
  };
};
