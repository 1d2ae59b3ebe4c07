// What differs between what a request would send and what was read, in words for a status: for an audit, and to tell one drift from another.
// Pure. Called by object-change.ts. An API shows a thing as it likes, so this is a comparison of what both have in common.

import { isJsonObject, type JsonObject, type JsonValue } from '../../sdk/index.ts';

const MAX_PLACES = 10;
const MAX_VALUE = 80;
const MAX_TEXT = 600;
const MAX_DEPTH = 8;
/** Shorter ones are words that occur by chance. */
const MIN_SECRET = 4;

const isSame = (left: JsonValue, right: JsonValue): boolean => JSON.stringify(left) === JSON.stringify(right);

const candidatesIn = (value: JsonValue, depth: number): readonly JsonObject[] => {
  if (!isJsonObject(value)) return [];
  const inner = depth === 0 ? [] : Object.values(value).flatMap((one) => candidatesIn(one, depth - 1));
  return [value, ...inner];
};

/** The part of the answer that looks most like what is sent: an API may wrap a thing. */
const counterpart = (sent: JsonObject, body: JsonValue): JsonObject => {
  const shared = (one: JsonObject): number => Object.keys(sent).filter((key) => Object.hasOwn(one, key)).length;
  return candidatesIn(body, 2).reduce<JsonObject>((best, one) => (shared(one) > shared(best) ? one : best), {});
};

type Place = { readonly path: string; readonly is: JsonValue | undefined; readonly wanted: JsonValue };

const placesIn = (wanted: JsonObject, is: JsonObject, path: string, depth: number): readonly Place[] =>
  Object.entries(wanted).flatMap(([key, value]) => {
    const at = path === '' ? key : `${path}.${key}`;
    const found = Object.hasOwn(is, key) ? is[key] : undefined;
    // What the API does not show is not known to differ.
    if (found === undefined) return [];
    if (isJsonObject(value) && isJsonObject(found) && depth < MAX_DEPTH) return placesIn(value, found, at, depth + 1);
    return isSame(value, found) ? [] : [{ path: at, is: found, wanted: value }];
  });

const short = (value: JsonValue | undefined): string => {
  const text = JSON.stringify(value ?? null);
  return text.length > MAX_VALUE ? `${text.slice(0, MAX_VALUE)}…` : text;
};

/**
 * `text: "theirs", wanted "ours"` for each place, at most ten; empty when nothing can be told. `secrets`: a place whose values hold one of them is named
 * without values.
 */
export const differenceOf = (sent: JsonValue, body: JsonValue, secrets: readonly string[]): string => {
  if (!isJsonObject(sent)) return '';
  const isDelicate = (value: JsonValue | undefined): boolean => {
    const text = JSON.stringify(value ?? null);
    return secrets.some((one) => one.length >= MIN_SECRET && text.includes(JSON.stringify(one).slice(1, -1)));
  };
  const places = placesIn(sent, counterpart(sent, body), '', 0).map(({ path, is, wanted }) =>
    isDelicate(wanted) || isDelicate(is) ? `${path} differs` : `${path}: ${short(is)}, wanted ${short(wanted)}`,
  );
  const more = places.length > MAX_PLACES ? `; and ${places.length - MAX_PLACES} more` : '';
  return `${places.slice(0, MAX_PLACES).join('; ')}${more}`.slice(0, MAX_TEXT);
};
