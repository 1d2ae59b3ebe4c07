// Ids of Hightouch, with all their digits: inside the operator an id is text, for a double has no 9007199254740993. In JSON (request bodies,
// the status, what is compared with an answer) an id is a number as long as a number keeps it, and text beyond; a body gets the digits.

import { isJsonObject, type JsonObject, type JsonValue } from '../../sdk/index.ts';

/** Digits without leading zeros. */
export type Id = string;

export const QUERY_FIELDS = ['visual', 'custom', 'table', 'raw', 'dbt'] as const;
const ID_FIELDS = new Set(['sourceId', 'destinationId', 'modelId', 'parentId']);

/** undefined: no id, or a number whose digits are lost. */
export const readId = (value: JsonValue | undefined): Id | undefined => {
  if (typeof value === 'string') return /^\d+$/.test(value) ? value.replace(/^0+(?=\d)/, '') : undefined;
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? String(value) : undefined;
};

export const readIds = (value: JsonValue | undefined): readonly Id[] =>
  Array.isArray(value) ? (value as readonly JsonValue[]).flatMap((one) => readId(one) ?? []) : [];

/** Of what an answer describes. Hightouch has no id 0. */
export const idOf = (value: JsonObject): Id | undefined => {
  const id = readId(value['id']);
  return id === '0' ? undefined : id;
};

/** As parseExactJson would have it. */
export const jsonId = (id: Id): number | string => (Number.isSafeInteger(Number(id)) ? Number(id) : id);

/** The earlier one first. */
export const byAge = (a: Id, b: Id): number => a.length - b.length || (a < b ? -1 : Number(a > b));

const isBeyond = (value: JsonValue): value is string =>
  typeof value === 'string' && readId(value) === value && typeof jsonId(value) === 'string';

const written = (object: JsonObject, isQuery: boolean): string => {
  const fields = Object.entries(object).map(([name, value]) => {
    const hasIds = !isQuery && QUERY_FIELDS.some((field) => field === name);
    if (ID_FIELDS.has(name) && isBeyond(value)) return `${JSON.stringify(name)}:${value}`;
    return `${JSON.stringify(name)}:${hasIds && isJsonObject(value) ? written(value, true) : JSON.stringify(value)}`;
  });
  return `{${fields.join(',')}}`;
};

/** A request body as JSON; its ids are numbers, and so are those of its queries. */
export const bodyText = (body: JsonObject): string => written(body, false);
