// JSON text, twice. scanJson and countKeys are the hot path around JSON.parse: they cost about a microsecond and say whether the
// parsed value can be trusted (depth, duplicate keys, numbers). readJson is the slow path that explains what is wrong and where.

import { pointerToken, type JsonValue } from '../core/json.ts';
import type { RejectionDetail } from '../core/rejection.ts';
import { numberProblem, PROTO_KEY, type Position } from './document.ts';
import { isExactNumber, MAX_PROBLEMS } from '../json-schema/limits.ts';

export type JsonScan = { readonly depth: number; readonly deepestOffset: number; readonly colons: number };

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

const endOfString = (text: string, start: number): number => {
  let end = start;
  for (;;) {
    end = text.indexOf('"', end + 1);
    if (end === -1) return text.length;
    let backslashes = 0;
    while (text.charCodeAt(end - 1 - backslashes) === BACKSLASH) backslashes += 1;
    if (backslashes % 2 === 0) return end;
  }
};

/** Depth of brackets and number of colons outside strings; stops at the first bracket deeper than `maxDepth`. */
export const scanJson = (text: string, maxDepth: number): JsonScan => {
  let depth = 0;
  let deepest = 0;
  let colons = 0;
  for (let offset = 0; offset < text.length; offset += 1) {
    switch (text.charCodeAt(offset)) {
      case QUOTE:
        offset = endOfString(text, offset);
        break;
      case 0x5b: // [
      case 0x7b: // {
        depth += 1;
        if (depth > maxDepth) return { depth, deepestOffset: offset, colons };
        if (depth > deepest) deepest = depth;
        break;
      case 0x5d: // ]
      case 0x7d: // }
        depth -= 1;
        break;
      case 0x3a: // :
        colons += 1;
        break;
    }
  }
  return { depth: deepest, deepestOffset: -1, colons };
};

/** Keys in the whole value; NaN when something in it needs readJson (a `__proto__`, a number that JSON cannot keep). */
export const countKeys = (value: JsonValue): number => {
  if (typeof value === 'number') return isExactNumber(value) && !Object.is(value, -0) ? 0 : Number.NaN;
  if (typeof value !== 'object' || value === null) return 0;
  let count = 0;
  if (Array.isArray(value)) {
    for (const item of value as readonly JsonValue[]) if (typeof item !== 'string') count += countKeys(item);
    return count;
  }
  for (const key of Object.keys(value)) {
    if (key === '__proto__') return Number.NaN;
    count += 1;
    const item = (value as { readonly [key: string]: JsonValue })[key] as JsonValue;
    if (typeof item !== 'string') count += countKeys(item);
  }
  return count;
};

/** Line and column of an offset. */
export const positionAt = (text: string, offset: number): Position => {
  const before = text.slice(0, offset);
  const lineStart = before.lastIndexOf('\n') + 1;
  return { line: before.split('\n').length, column: offset - lineStart + 1 };
};

const SPACE = /[ \t\n\r]*/y;
const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?/y;
const WORD = /true|false|null/y;

type Reader = { readonly text: string; offset: number; readonly problems: RejectionDetail[] };

class JsonSyntax extends Error {}

const take = (reader: Reader, pattern: RegExp): string | undefined => {
  pattern.lastIndex = reader.offset;
  const found = pattern.exec(reader.text)?.[0];
  if (found !== undefined) reader.offset += found.length;
  return found;
};

const note = (reader: Reader, message: string, offset: number, pointer?: string): void => {
  if (reader.problems.length > MAX_PROBLEMS) return;
  const at = positionAt(reader.text, offset);
  reader.problems.push({ message, ...(pointer === undefined ? {} : { pointer }), ...at });
};

const fail = (reader: Reader, expected: string): never => {
  const found = reader.text.codePointAt(reader.offset);
  const what = found === undefined ? 'the end' : JSON.stringify(String.fromCodePoint(found));
  note(reader, `not JSON: expected ${expected}, found ${what}`, reader.offset);
  throw new JsonSyntax();
};

const skipSpace = (reader: Reader): string => {
  take(reader, SPACE);
  return reader.text.charAt(reader.offset);
};

const parseString = (literal: string): string | undefined => {
  try {
    return JSON.parse(literal) as string;
  } catch {
    return undefined;
  }
};

const readString = (reader: Reader): string => {
  if (reader.text.charAt(reader.offset) !== '"') fail(reader, 'a string in double quotes');
  const end = endOfString(reader.text, reader.offset) + 1;
  const value = parseString(reader.text.slice(reader.offset, end));
  if (value === undefined) return fail(reader, 'a string that ends on its line and has only the escapes of JSON');
  reader.offset = end;
  return value;
};

const readList = (reader: Reader, pointer: string): JsonValue => {
  const items: JsonValue[] = [];
  reader.offset += 1;
  if (skipSpace(reader) === ']') {
    reader.offset += 1;
    return items;
  }
  for (;;) {
    items.push(readValue(reader, `${pointer}/${items.length}`));
    const next = skipSpace(reader);
    if (next !== ',' && next !== ']') fail(reader, '"," or "]"');
    reader.offset += 1;
    if (next === ']') return items;
  }
};

const readObject = (reader: Reader, pointer: string): JsonValue => {
  const entries = new Map<string, JsonValue>();
  reader.offset += 1;
  if (skipSpace(reader) === '}') {
    reader.offset += 1;
    return {};
  }
  for (;;) {
    skipSpace(reader);
    const start = reader.offset;
    const key = readString(reader);
    const at = `${pointer}/${pointerToken(key)}`;
    if (key === '__proto__') note(reader, PROTO_KEY, start, at);
    if (entries.has(key)) note(reader, `the key ${JSON.stringify(key.slice(0, 60))} is given twice`, start, at);
    if (skipSpace(reader) !== ':') fail(reader, '":"');
    reader.offset += 1;
    entries.set(key, readValue(reader, at));
    const next = skipSpace(reader);
    if (next !== ',' && next !== '}') fail(reader, '"," or "}"');
    reader.offset += 1;
    if (next === '}') return Object.fromEntries(entries);
  }
};

const readValue = (reader: Reader, pointer: string): JsonValue => {
  const first = skipSpace(reader);
  if (first === '{') return readObject(reader, pointer);
  if (first === '[') return readList(reader, pointer);
  if (first === '"') return readString(reader);
  const word = take(reader, WORD);
  if (word !== undefined) return JSON.parse(word) as JsonValue;
  const start = reader.offset;
  const number = Number(take(reader, NUMBER) ?? fail(reader, 'a value'));
  const message = numberProblem(number);
  if (message !== undefined) note(reader, message, start, pointer);
  return Object.is(number, -0) ? 0 : number;
};

/**
 * Reads JSON text and says all that is wrong with it: the first syntax error, duplicate keys, keys and numbers that are not
 * accepted, each with line and column. The caller has bounded the depth with scanJson.
 */
export const readJson = (
  text: string,
): { readonly value: JsonValue; readonly problems: readonly RejectionDetail[] } => {
  const reader: Reader = { text, offset: 0, problems: [] };
  try {
    const value = readValue(reader, '');
    if (skipSpace(reader) !== '') fail(reader, 'nothing more after the value');
    return { value, problems: reader.problems };
  } catch (error) {
    if (!(error instanceof JsonSyntax)) throw error;
    return { value: null, problems: reader.problems };
  }
};
