// An entity as a component keeps it in its bucket, and how it is read back. Called by bucket-entity-store.ts.

import { decodeText } from '../core/decode.ts';
import { isJsonObject, type JsonValue } from '../core/json.ts';
import type { Entity } from '../messages/entity.ts';
import type { Provenance } from '../messages/envelope.ts';
import { resourceManifestProblem } from '../messages/stored-shape.ts';

export type KeptDocument = { readonly entity: Entity; readonly provenance?: Provenance };

export type Stored = { readonly document: KeptDocument; readonly text: string };

const parsed = (text: string): JsonValue | undefined => {
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    return undefined;
  }
};

/** Undefined: it cannot be read. */
export const readKept = (data: Uint8Array): Stored | undefined => {
  const text = decodeText(data);
  const value = text === undefined ? undefined : parsed(text);
  if (text === undefined) return undefined;
  if (!isJsonObject(value) || !isJsonObject(value['entity'])) return undefined;
  const { entity } = value;
  if (resourceManifestProblem(entity['manifest']) !== undefined || typeof entity['key'] !== 'string') return undefined;
  if (!Number.isSafeInteger(entity['sequence']) || typeof entity['uid'] !== 'string') return undefined;
  return { document: value as unknown as KeptDocument, text };
};
