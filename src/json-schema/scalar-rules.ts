// The rules of text and numbers, and those that hold for any value: `type`, `enum`, `const`, `format`.

import type { JsonObject, JsonValue } from '../core/json.ts';
import { oneOfThese } from './canonical.ts';
import { fail, type Check } from './evaluation.ts';
import { hasFormat } from './formats.ts';
import { isMultipleOf } from './multiples.ts';
import { numberAt, type MakeRules } from './rule.ts';

const TYPES: Readonly<Record<string, (value: JsonValue) => boolean>> = {
  string: (value) => typeof value === 'string',
  number: (value) => typeof value === 'number',
  integer: (value) => Number.isInteger(value),
  boolean: (value) => typeof value === 'boolean',
  null: (value) => value === null,
  array: (value) => Array.isArray(value),
  object: (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
};

const typeRule = (schema: JsonObject): Check => {
  const given = schema['type'];
  const names = (Array.isArray(given) ? (given as readonly JsonValue[]) : [given]).map(String);
  const tests = names.map((name) => TYPES[name] ?? (() => false));
  // null has been accepted already where it may be; messages say so.
  const said = schema['nullable'] === true && !names.includes('null') ? [...names, 'null'] : given;
  const [only = () => false] = tests;
  const isOfType = tests.length === 1 ? only : (value: JsonValue) => tests.some((test) => test(value));
  return (data, at, _seen, run) => isOfType(data) || fail(run, at, 'type', data, schema, {}, said);
};

/** In Unicode characters, as JSON Schema counts. */
const lengthOf = (text: string): number => {
  let length = text.length;
  for (let index = 0; index < text.length - 1; index += 1) {
    const code = text.charCodeAt(index);
    if (code < 0xd800 || code > 0xdbff) continue;
    const next = text.charCodeAt(index + 1);
    if (next >= 0xdc00 && next <= 0xdfff) {
      length -= 1;
      index += 1;
    }
  }
  return length;
};

const COMPARISONS: Readonly<Record<string, (value: number, limit: number) => boolean>> = {
  minimum: (value, limit) => value >= limit,
  maximum: (value, limit) => value <= limit,
  exclusiveMinimum: (value, limit) => value > limit,
  exclusiveMaximum: (value, limit) => value < limit,
};

export const anyRules: MakeRules = (schema, { charge }, { any }) => {
  if (schema['type'] !== undefined) any.push(typeRule(schema));
  if (Array.isArray(schema['enum'])) {
    const isAllowed = oneOfThese(schema['enum'] as readonly JsonValue[], charge);
    any.push((data, at, _seen, run) => isAllowed(data) || fail(run, at, 'enum', data, schema));
  }
  if (schema['const'] !== undefined) {
    const isEqual = oneOfThese([schema['const']], charge);
    any.push((data, at, _seen, run) => isEqual(data) || fail(run, at, 'const', data, schema));
  }
  const { format } = schema as { readonly format?: JsonValue };
  if (typeof format === 'string') {
    any.push((data, at, _seen, run) => {
      if (typeof data === 'string') run.charge(1 + data.length / 16);
      return hasFormat(format, data) || fail(run, at, 'format', data, schema);
    });
  }
};

export const textRules: MakeRules = (schema, { pattern }, rules) => {
  const shortest = numberAt(schema, 'minLength');
  if (shortest !== undefined) {
    rules.string.push(
      (data, at, _seen, run) => lengthOf(data as string) >= shortest || fail(run, at, 'minLength', data, schema),
    );
  }
  const longest = numberAt(schema, 'maxLength');
  if (longest !== undefined) {
    rules.string.push(
      (data, at, _seen, run) => lengthOf(data as string) <= longest || fail(run, at, 'maxLength', data, schema),
    );
  }
  if (typeof schema['pattern'] === 'string') {
    const matches = pattern(schema['pattern']);
    rules.string.push((data, at, _seen, run) => matches.test(data as string) || fail(run, at, 'pattern', data, schema));
  }
};

export const numberRules: MakeRules = (schema, _maker, rules) => {
  for (const [keyword, holds] of Object.entries(COMPARISONS)) {
    const limit = numberAt(schema, keyword);
    if (limit === undefined) continue;
    rules.number.push((data, at, _seen, run) => holds(data as number, limit) || fail(run, at, keyword, data, schema));
  }
  const divisor = numberAt(schema, 'multipleOf');
  if (divisor === undefined) return;
  rules.number.push((data, at, _seen, run) => {
    run.charge(4);
    return isMultipleOf(data as number, divisor) || fail(run, at, 'multipleOf', data, schema);
  });
};
