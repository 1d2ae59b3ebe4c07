// What people write into a schema because an older draft has it so, and this one otherwise: the refusal names that draft and what to write.
// Called for what the meta-schema refuses.

import { fromPointer, isJsonObject, type JsonObject, type JsonValue } from '../core/json.ts';
import { DRAFTS, VOCABULARIES, type Draft } from './vocabulary.ts';

type Place = { readonly keyword: string; readonly value: JsonValue; readonly schema: JsonObject };

const memberOf = (node: JsonValue | undefined, key: string): JsonValue | undefined => {
  if (Array.isArray(node)) return (node as readonly JsonValue[])[Number(key)];
  return isJsonObject(node) && Object.hasOwn(node, key) ? node[key] : undefined;
};

/** The keyword at the end of the pointer; undefined when something else stands there, such as a field that is called like one. */
const keywordAt = (root: JsonValue, pointer: string, draft: Draft): Place | undefined => {
  const { maps } = VOCABULARIES[draft];
  let node: JsonValue | undefined = root;
  let isMap = false;
  let place: Place | undefined;
  for (const segment of fromPointer(pointer)) {
    const value: JsonValue | undefined = memberOf(node, segment);
    place = !isMap && isJsonObject(node) && value !== undefined ? { keyword: segment, value, schema: node } : undefined;
    isMap = place !== undefined && maps.has(segment);
    node = value;
  }
  return place;
};

const LIMITS: Readonly<Record<string, string>> = { exclusiveMinimum: 'minimum', exclusiveMaximum: 'maximum' };

const [DRAFT_07] = Object.entries(DRAFTS).flatMap(([uri, draft]) => (draft === '07' ? [uri] : []));

const exclusiveLimit = ({ keyword, value, schema }: Place, plain: string): string => {
  const limit = schema[plain];
  if (value === false) return 'this is how draft-04 has it: leave it out';
  const todo = typeof limit === 'number' ? `"${keyword}": ${limit} and leave "${plain}" out` : 'the limit itself here';
  return `this is how draft-04 has it: write ${todo}`;
};

/** What to add to a refusal; undefined: no older draft has it so. `pointer` is the place inside the schema. */
export const olderDraftHint = (schema: JsonValue, pointer: string, draft: Draft): string | undefined => {
  const place = keywordAt(schema, pointer, draft);
  if (place === undefined) return undefined;
  const { keyword, value } = place;
  const plain = Object.hasOwn(LIMITS, keyword) ? LIMITS[keyword] : undefined;
  if (plain !== undefined && typeof value === 'boolean') return exclusiveLimit(place, plain);
  if (keyword === 'required' && typeof value === 'boolean') {
    const todo = value ? 'name the field in the "required" of the object around it' : 'leave it out';
    return `this is how draft-03 has it: ${todo}`;
  }
  if (keyword === 'items' && Array.isArray(value) && draft === '2020-12')
    return `this is how draft-07 has tuples: write "prefixItems" (and "items" for "additionalItems"), or begin the schema with "$schema": "${DRAFT_07}#"`;
  return undefined;
};
