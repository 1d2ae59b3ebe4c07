// `format`: the well-known ones are checked, by ajv-formats (its only importer). What it is given is bounded first, because some of its
// expressions take time that grows with the square of the text.

import { fullFormats } from 'ajv-formats/dist/formats.js';
import type { JsonValue } from '../core/json.ts';

type Format = { readonly isOf: 'string' | 'number'; readonly test: (value: never) => boolean };

/** Of JSON Schema, and those of OpenAPI that are about the value. */
const CHECKED = [
  ...['date', 'time', 'date-time', 'duration', 'email', 'hostname', 'ipv4', 'ipv6', 'uri', 'uri-reference'],
  ...['uri-template', 'uuid', 'json-pointer', 'relative-json-pointer', 'regex', 'byte'],
  ...['int32', 'int64', 'float', 'double', 'password', 'binary'],
] as const;

/** Characters; longer ones are not of the format. `byte` is a text of any length, and its expression is linear. */
const MAX_LENGTHS: Readonly<Record<string, number>> = {
  uri: 8192,
  'uri-reference': 8192,
  'uri-template': 8192,
  regex: 8192,
};
const MAX_LENGTH = 1024;

const formatOf = (name: (typeof CHECKED)[number]): Format => {
  const given: unknown = fullFormats[name];
  if (given === true) return { isOf: 'string', test: () => true };
  const bounded = (test: (text: string) => boolean): Format => {
    const longest =
      name === 'byte' || name.endsWith('pointer') ? Number.POSITIVE_INFINITY : (MAX_LENGTHS[name] ?? MAX_LENGTH);
    return { isOf: 'string', test: (text: string) => text.length <= longest && test(text) };
  };
  if (given instanceof RegExp) return bounded((text) => given.test(text));
  if (typeof given === 'function') return bounded(given as (text: string) => boolean);
  const { type, validate } = given as { readonly type?: 'number'; readonly validate: (value: never) => boolean };
  return type === 'number' ? { isOf: 'number', test: validate } : bounded(validate as (text: string) => boolean);
};

const FORMATS: ReadonlyMap<string, Format> = new Map(CHECKED.map((name) => [name, formatOf(name)]));

export const CHECKED_FORMATS: readonly string[] = CHECKED;

export const isKnownFormat = (name: string): boolean => FORMATS.has(name);

/** Whether the value is of that format; what is of another type, and an unknown format, always is. */
export const hasFormat = (name: string, value: JsonValue): boolean => {
  const format = FORMATS.get(name);
  return format === undefined || typeof value !== format.isOf || format.test(value as never);
};
