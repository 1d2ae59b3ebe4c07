// What is synchronized of an answer into the status. A status is stored at each change, kept in a view and sent about: what is larger than it
// should carry is cut, and says so. The rest of a reconcile never depends on it.

import { isFault, isJsonObject, type JsonObject, type JsonValue, type Log } from '../../sdk/index.ts';

/** Characters of JSON, of all synchronized properties of a status together. */
const MAX_LENGTH = 64 * 1024;
/** Not worth to be gone into. */
const MIN_PART = 1024;

const lengthOf = (value: JsonValue): number => JSON.stringify(value).length;

const cutText = (length: number): string => `cut: ${length} characters of JSON are more than a status carries`;

/** The largest members go first, and of those their largest members. */
const cut = (value: JsonValue, maxLength: number): JsonValue => {
  const length = lengthOf(value);
  if (length <= maxLength) return value;
  if (!isJsonObject(value)) return cutText(length);
  const members = Object.entries(value).map(([key, one]) => ({ key, one, size: lengthOf(one) }));
  const kept = new Map<string, JsonValue>(Object.entries(value));
  let total = length;
  for (const { key, one, size } of members.toSorted((left, right) => right.size - left.size)) {
    if (total <= maxLength) break;
    const room = maxLength - (total - size);
    const smaller = room >= MIN_PART ? cut(one, room) : cutText(size);
    kept.set(key, smaller);
    total += lengthOf(smaller) - size;
  }
  // Very many small members.
  return total > maxLength ? { properties: cutText(length) } : Object.fromEntries(kept);
};

export const limited = (properties: JsonObject): JsonObject => cut(properties, MAX_LENGTH) as JsonObject;

/** What the program of the manifest gives, within the limit. A program that fails, or gives more than jq may put out, leaves only a word of that. */
export const propertiesBy = async (evaluate: () => Promise<JsonValue>, log: Log): Promise<JsonObject> => {
  try {
    const value = await evaluate();
    if (value === null) return {};
    return limited(isJsonObject(value) ? value : { value });
  } catch (error) {
    if (!isFault(error)) throw error;
    log.warn({ err: error }, 'properties left out');
    return { properties: `left out: ${error.message}` };
  }
};
