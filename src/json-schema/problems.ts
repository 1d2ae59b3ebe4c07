// What a schema found wrong, in words: what was expected, what was found, what to do. One function for our own shapes (checked by ajv, which needs
// `verbose`) and for the schemas of operators. Values that may be secrets are never repeated in a message.

import { isJsonObject, pointerToken } from '../core/json.ts';
import type { RejectionDetail } from '../core/rejection.ts';
import type { SchemaError } from './evaluation.ts';
import { printable } from '../core/names.ts';
import { nearestName } from './nearest.ts';

/** Our own shapes explain themselves with these; in an operator's schema they mean nothing. */
export const EXPECTED = 'x-expected';
export const CODE = 'x-code';
export const MESSAGE = 'x-message';

type Words = Readonly<Record<string, string>>;
const TYPES: Words = {
  string: 'text',
  object: 'a mapping',
  array: 'a list',
  integer: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
  null: 'nothing (null)',
};

/** A patch may be on a secret. */
const SECRET = /secret|token|passw|key|credential|^\/patch/i;

/** A value as messages show it. */
export const found = (value: unknown, pointer: string): string => {
  if (value === null || value === undefined) return 'nothing';
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list';
  if (typeof value === 'object') return 'a mapping';
  const hidden = SECRET.test(pointer);
  if (typeof value === 'string') return hidden ? 'some text' : `the text "${printable(value)}"`;
  if (typeof value === 'number') return hidden ? 'a number' : `the number ${value}`;
  return String(value);
};

const listed = (items: readonly unknown[]): string => {
  const shown = items
    .slice(0, 12)
    .map((item) => (typeof item === 'string' ? printable(item) : printable(JSON.stringify(item))));
  return shown.join(', ') + (items.length > shown.length ? `, ... (${items.length} in all)` : '');
};

const typeWords = (type: unknown): string =>
  (Array.isArray(type) ? type : [type]).map((name) => TYPES[String(name)] ?? String(name)).join(' or ');

const expectation = (schema: unknown): string | undefined => {
  if (!isJsonObject(schema)) return undefined;
  if (typeof schema[EXPECTED] === 'string') return schema[EXPECTED];
  if (Array.isArray(schema['enum'])) return `one of ${listed(schema['enum'])}`;
  return schema['type'] === undefined ? undefined : typeWords(schema['type']);
};

const quoteHint = (type: unknown, value: unknown): string =>
  typeWords(type).includes('text') && (typeof value === 'number' || typeof value === 'boolean') ? '; quote it' : '';

const count = (number: unknown, one: string): string => `${String(number)} ${one}${number === 1 ? '' : 's'}`;

const unknownField = (field: string, parent: unknown): string => {
  const known = isJsonObject(parent) && isJsonObject(parent['properties']) ? Object.keys(parent['properties']) : [];
  const nearest = nearestName(field, known);
  const name = printable(field);
  if (nearest !== undefined) return `unknown field "${name}"; did you mean "${nearest}"?`;
  return known.length === 0 ? `unknown field "${name}"` : `unknown field "${name}"; known are ${listed(known)}`;
};

const missingField = (field: string, parent: unknown): string => {
  const properties = isJsonObject(parent) ? parent['properties'] : undefined;
  const expected =
    isJsonObject(properties) && Object.hasOwn(properties, field) ? expectation(properties[field]) : undefined;
  return `missing field "${printable(field)}"${expected === undefined ? '' : `: expected ${expected}`}`;
};

const notOneOf = (allowed: readonly unknown[], value: unknown, pointer: string): string => {
  const names = allowed.filter((item) => typeof item === 'string');
  const nearest = typeof value === 'string' ? nearestName(value, names) : undefined;
  const hint = nearest === undefined ? '' : `; did you mean "${nearest}"?`;
  return `expected one of ${listed(allowed)}; found ${found(value, pointer)}${hint}`;
};

const KEYWORDS: Readonly<Record<string, (schema: unknown, value: unknown, pointer: string) => string>> = {
  type: (schema, value, at) => `expected ${typeWords(schema)}, found ${found(value, at)}${quoteHint(schema, value)}`,
  enum: (schema, value, at) => notOneOf(Array.isArray(schema) ? schema : [], value, at),
  const: (schema, value, at) => `expected ${printable(JSON.stringify(schema))}, found ${found(value, at)}`,
  pattern: (schema, value, at) => `expected text that matches ${printable(schema)}, found ${found(value, at)}`,
  minLength: (schema, value) =>
    value === '' ? 'expected text, found an empty one' : `expected at least ${count(schema, 'character')}`,
  maxLength: (schema) => `expected at most ${count(schema, 'character')}`,
  minItems: (schema, value) =>
    `expected at least ${count(schema, 'item')}, found ${Array.isArray(value) ? value.length : 'none'}`,
  maxItems: (schema, value) =>
    `expected at most ${count(schema, 'item')}, found ${Array.isArray(value) ? value.length : 'more'}`,
  minProperties: (schema) => `expected at least ${count(schema, 'field')}`,
  maxProperties: (schema) => `expected at most ${count(schema, 'field')}`,
  minimum: (schema, value, at) => `expected ${String(schema)} or more, found ${found(value, at)}`,
  maximum: (schema, value, at) => `expected ${String(schema)} or less, found ${found(value, at)}`,
  exclusiveMinimum: (schema, value, at) => `expected more than ${String(schema)}, found ${found(value, at)}`,
  exclusiveMaximum: (schema, value, at) => `expected less than ${String(schema)}, found ${found(value, at)}`,
  multipleOf: (schema, value, at) => `expected a multiple of ${String(schema)}, found ${found(value, at)}`,
  format: (schema, value, at) => `expected text in the format ${printable(schema)}, found ${found(value, at)}`,
  unevaluatedItems: () => 'nothing is accepted here: the list has more items than the schema describes',
  uniqueItems: () => 'expected items that differ from each other',
  anyOf: () => 'matches none of the alternatives (anyOf)',
  oneOf: () => 'expected to match exactly one of the alternatives (oneOf)',
  not: () => 'matches what the schema excludes (not)',
  contains: () => 'the list does not contain the items that it must',
  'false schema': () => 'nothing is accepted here',
  dependentRequired: () => 'a field that must come with another one is missing',
};

/** Errors that only repeat others: what they stand for is in the list on its own. */
const UMBRELLAS = new Set(['if', 'propertyNames']);
const FIELD_PARAMS: Readonly<Record<string, string>> = {
  required: 'missingProperty',
  dependentRequired: 'missingProperty',
  dependencies: 'missingProperty',
  additionalProperties: 'additionalProperty',
  unevaluatedProperties: 'unevaluatedProperty',
};

const messageOf = (error: SchemaError, field: string | undefined, pointer: string): string => {
  const { keyword, schema, parentSchema, data } = error;
  if (field !== undefined && (keyword === 'additionalProperties' || keyword === 'unevaluatedProperties')) {
    return unknownField(field, parentSchema);
  }
  if (field !== undefined) return missingField(field, parentSchema);
  const words = KEYWORDS[keyword];
  return words === undefined ? (error.message ?? `breaks the rule "${keyword}"`) : words(schema, data, pointer);
};

const detailOf = (error: SchemaError, base: string, isOurs: boolean): RejectionDetail => {
  const param = FIELD_PARAMS[error.keyword];
  const field = param === undefined ? undefined : (error.params as Readonly<Record<string, string>>)[param];
  const name = field ?? error.propertyName;
  const pointer = `${base}${error.instancePath}${name === undefined ? '' : `/${pointerToken(name)}`}`;
  const parent: unknown = error.parentSchema;
  const plain =
    error.propertyName === undefined
      ? messageOf(error, field, pointer)
      : `a key here: ${messageOf(error, field, pointer)}`;
  if (!isOurs || !isJsonObject(parent) || field !== undefined) return { message: plain, pointer };
  const expected = parent[EXPECTED];
  const code = parent[CODE];
  const own = parent[MESSAGE];
  const message =
    typeof own === 'string'
      ? own
      : typeof expected === 'string'
        ? `expected ${expected}; found ${found(error.data, pointer)}${quoteHint(parent['type'], error.data)}`
        : plain;
  return { message, pointer, ...(typeof code === 'string' ? { code } : {}) };
};

/**
 * One detail for each error, at most `limit`, none twice. `base` is put before each pointer; `isOurs` says that the schema is one of
 * ours, so that its `x-expected`, `x-code` and `x-message` may speak.
 */
export const detailsOf = (
  errors: readonly SchemaError[],
  base: string,
  limit: number,
  isOurs: boolean,
): readonly RejectionDetail[] => {
  const details = new Map<string, RejectionDetail>();
  for (const error of errors) {
    if (UMBRELLAS.has(error.keyword) && errors.length > 1) continue;
    const detail = detailOf(error, base, isOurs);
    details.set(`${detail.pointer ?? ''} ${detail.message}`, detail);
    if (details.size > limit) break;
  }
  return [...details.values()];
};
