// What differs between what is wanted of a thing outside and how it was found, in words for a status: for an audit, and to tell one drift from
// another. Pure. For authors, as the message of a `change`. An API shows a thing as it likes, so this is a comparison of what both have in
// common. Bounded: a status is one message.

import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.ts';
import { isSecretName } from '../program/logger.ts';

const MAX_PLACES = 10;
const MAX_VALUE = 80;
const MAX_TEXT = 600;
const MAX_DEPTH = 8;
/** Shorter ones are words that occur by chance. */
const MIN_SECRET = 4;

export type DifferenceOptions = {
  /** Texts that are never shown, also when they are encoded for a URL or in base64. */
  readonly secrets?: readonly string[];
  /** Goes before each place: `sync` makes `sync.name` of `name`. */
  readonly under?: string;
  /** A place that was not found: nobody knows whether it differs (default), or it is as if it were null. */
  readonly unshown?: 'unknown' | 'null';
};

const isSame = (left: JsonValue, right: JsonValue): boolean => JSON.stringify(left) === JSON.stringify(right);

type Place = { readonly path: string; readonly name: string; readonly is: JsonValue; readonly wanted: JsonValue };

const placesIn = (
  wanted: JsonObject,
  found: JsonObject,
  path: string,
  unshown: DifferenceOptions['unshown'],
  depth = 0,
): readonly Place[] =>
  Object.entries(wanted).flatMap(([name, value]) => {
    const at = path === '' ? name : `${path}.${name}`;
    const shown = Object.hasOwn(found, name) ? found[name] : undefined;
    if (shown === undefined && unshown !== 'null') return [];
    const is = shown ?? null;
    if (isJsonObject(value) && isJsonObject(is) && depth < MAX_DEPTH)
      return placesIn(value, is, at, unshown, depth + 1);
    return isSame(value, is) ? [] : [{ path: at, name, is, wanted: value }];
  });

const short = (value: JsonValue): string => {
  const text = JSON.stringify(value);
  return text.length > MAX_VALUE ? `${text.slice(0, MAX_VALUE)}…` : text;
};

const isHarmless = (value: JsonValue): boolean => value === null || ['number', 'boolean'].includes(typeof value);

/** Whether it has, or is, a member that is named like a secret. */
const isNamedSecret = (name: string, value: JsonValue): boolean => {
  if (isSecretName(name) && !isHarmless(value)) return true;
  if (Array.isArray(value)) return (value as readonly JsonValue[]).some((one) => isNamedSecret('', one));
  return isJsonObject(value) && Object.entries(value).some(([inner, one]) => isNamedSecret(inner, one));
};

const formsOf = (secret: string): readonly string[] =>
  [secret, encodeURIComponent(Buffer.from(secret).toString()), Buffer.from(secret).toString('base64')].map((one) =>
    JSON.stringify(one).slice(1, -1),
  );

/**
 * `text: "theirs", wanted "ours"` for each place, at most ten and 600 characters; '' when nothing can be told. A place is named without values
 * when they hold a secret, or are named like one (`password`, `token`, …).
 */
export const differenceText = (wanted: JsonObject, found: JsonObject, options: DifferenceOptions = {}): string => {
  const { secrets = [], under = '', unshown } = options;
  const forms = secrets.filter((one) => one.length >= MIN_SECRET).flatMap(formsOf);
  const holdsSecret = (value: JsonValue): boolean => {
    const text = JSON.stringify(value);
    return forms.some((one) => text.includes(one));
  };
  const places = placesIn(wanted, found, under, unshown).map(({ path, name, ...values }) => {
    const both = [values.is, values.wanted];
    const isDelicate = both.some((value) => holdsSecret(value) || isNamedSecret(name, value));
    return isDelicate ? `${path} differs` : `${path}: ${short(values.is)}, wanted ${short(values.wanted)}`;
  });
  const more = places.length > MAX_PLACES ? `; and ${places.length - MAX_PLACES} more` : '';
  return `${places.slice(0, MAX_PLACES).join('; ')}${more}`.slice(0, MAX_TEXT);
};
