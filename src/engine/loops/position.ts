// How far a reader is in its stream, as a KV document says: `{ "sequence": n, … }`. Written by the loops, each under a key of its own.

import { decodeJson } from '../../core/decode.ts';
import { isJsonObject } from '../../core/json.ts';

/** The sequence in such a document; undefined when there is none, or it cannot be read. */
export const sequenceIn = (entry: { readonly data: Uint8Array } | undefined): number | undefined => {
  const value = entry === undefined ? undefined : decodeJson(entry.data);
  const sequence = isJsonObject(value) ? value['sequence'] : undefined;
  return typeof sequence === 'number' ? sequence : undefined;
};
