// From a regular expression of ECMA-262 (flag `u`, as JSON Schema has it) to the same one in RE2's dialect. The two read `\s`, `.`, `$`, `\p{…}`
// and classes differently, so each of these is written out as code points. Called by patterns.ts with what JavaScript has accepted already: the
// syntax is known to be right, only its meaning is carried over.

import { err, ok, type Result } from '../core/result.ts';

type Range = readonly [first: number, last: number];
type Ranges = readonly Range[];

const LAST = 0x10ffff;
const DIGITS: Ranges = [[0x30, 0x39]];
const WORD: Ranges = [[0x30, 0x39], [0x41, 0x5a], [0x5f, 0x5f], [0x61, 0x7a]]; // prettier-ignore
const LINE_ENDS: Ranges = [[0x0a, 0x0a], [0x0d, 0x0d], [0x2028, 0x2029]]; // prettier-ignore
const SPACE: Ranges = [
  ...([[0x09, 0x0d], [0x20, 0x20], [0xa0, 0xa0], [0x1680, 0x1680], [0x2000, 0x200a], [0x2028, 0x2029]] as const), // prettier-ignore
  ...([
    [0x202f, 0x202f],
    [0x205f, 0x205f],
    [0x3000, 0x3000],
    [0xfeff, 0xfeff],
  ] as const),
];
const CONTROLS: Readonly<Record<string, number>> = { t: 0x09, n: 0x0a, v: 0x0b, f: 0x0c, r: 0x0d, 0: 0 };

const inOrder = (ranges: Ranges): Ranges => {
  const merged: [number, number][] = [];
  for (const [first, last] of [...ranges].sort((left, right) => left[0] - right[0])) {
    const previous = merged.at(-1);
    if (previous !== undefined && first <= previous[1] + 1) previous[1] = Math.max(previous[1], last);
    else merged.push([first, last]);
  }
  return merged;
};

const complement = (ranges: Ranges): Ranges => {
  const others: Range[] = [];
  let next = 0;
  for (const [first, last] of inOrder(ranges)) {
    if (first > next) others.push([next, first - 1]);
    next = last + 1;
  }
  if (next <= LAST) others.push([next, LAST]);
  return others;
};

const isPlain = (code: number): boolean =>
  (code >= 0x30 && code <= 0x39) || (code >= 0x41 && code <= 0x5a) || (code >= 0x61 && code <= 0x7a);
const isSurrogate = (code: number): boolean => code >= 0xd800 && code <= 0xdfff;

/** One code point as RE2 reads it, inside a class and outside. */
const written = (code: number): string =>
  isPlain(code) || (code > 0xa0 && !isSurrogate(code)) ? String.fromCodePoint(code) : `\\x{${code.toString(16)}}`;

const classOf = (ranges: Ranges): string => {
  const merged = inOrder(ranges);
  if (merged.length === 0) return '[^\\x{0}-\\x{10ffff}]';
  const parts = merged.map(([first, last]) => (first === last ? written(first) : `${written(first)}-${written(last)}`));
  return `[${parts.join('')}]`;
};

const MAX_KNOWN_PROPERTIES = 256;
const properties = new Map<string, Ranges>();
let characters: string | undefined;

/** All code points but surrogates, in order: four megabytes, made for the first property that is looked up. */
const everyCharacter = (): string => {
  const parts: string[] = [];
  for (let start = 0; start <= LAST; start += 0x800) {
    if (isSurrogate(start)) continue;
    parts.push(String.fromCodePoint(...Array.from({ length: 0x800 }, (_, index) => start + index)));
  }
  return parts.join('');
};

const lastOf = (run: string): number => {
  const unit = run.charCodeAt(run.length - 1);
  return isSurrogate(unit) ? (run.codePointAt(run.length - 2) ?? 0) : unit;
};

/** The code points of a Unicode property, by the engine that defines what the pattern means. Takes some ten milliseconds, once. */
const propertyRanges = (name: string): Ranges => {
  const known = properties.get(name);
  if (known !== undefined) return known;
  characters ??= everyCharacter();
  const ranges: Range[] = [];
  for (const [run] of characters.matchAll(new RegExp(`\\p{${name}}+`, 'gu'))) {
    const first = run.codePointAt(0) ?? 0;
    const last = lastOf(run);
    // A run may go on over the gap of the surrogates.
    if (first < 0xd800 && last > 0xdfff) ranges.push([first, 0xd7ff], [0xe000, last]);
    else ranges.push([first, last]);
  }
  const one = new RegExp(`\\p{${name}}`, 'u');
  for (let code = 0xd800; code <= 0xdfff; code += 1) if (one.test(String.fromCharCode(code))) ranges.push([code, code]);
  if (properties.size >= MAX_KNOWN_PROPERTIES) properties.clear();
  const merged = inOrder(ranges);
  properties.set(name, merged);
  return merged;
};

type Reader = { readonly text: string; offset: number; readonly names: Set<string> };
/** One character or a class of them. */
type Atom = { readonly ranges: Ranges; readonly isClass: boolean };

const CLASSES: Readonly<Record<string, Ranges>> = {
  ...{ d: DIGITS, D: complement(DIGITS), w: WORD, W: complement(WORD), s: SPACE, S: complement(SPACE) },
};
const HEX = /^(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|u\{([0-9a-fA-F]+)\})/;
const LOW_HALF = /^\\u([dD][c-fC-F][0-9a-fA-F]{2})/;
const PROPERTY = /^[pP]\{([^}]*)\}/;

const single = (code: number): Atom => ({ ranges: [[code, code]], isClass: false });

const hexAtom = (reader: Reader, hex: RegExpExecArray): Atom => {
  const code = Number.parseInt(hex[1] ?? hex[2] ?? hex[3] ?? '', 16);
  reader.offset += hex[0].length;
  const low = hex[2] === undefined ? null : LOW_HALF.exec(reader.text.slice(reader.offset, reader.offset + 6));
  if (code < 0xd800 || code > 0xdbff || low === null) return single(code);
  reader.offset += 6;
  return single(0x10000 + ((code - 0xd800) << 10) + (Number.parseInt(low[1] ?? '', 16) - 0xdc00));
};

/** What stands after a backslash: a character, or a class of them. */
const escapeAtom = (reader: Reader, isInClass: boolean): Atom => {
  const rest = reader.text.slice(reader.offset);
  const hex = HEX.exec(rest);
  if (hex !== null) return hexAtom(reader, hex);
  const property = PROPERTY.exec(rest);
  if (property !== null) {
    reader.offset += property[0].length;
    reader.names.add(property[1] ?? '');
    const ranges = propertyRanges(property[1] ?? '');
    return { ranges: rest.startsWith('P') ? complement(ranges) : ranges, isClass: true };
  }
  const letter = rest.charAt(0);
  reader.offset += letter === 'c' ? 2 : 1;
  const named = CLASSES[letter];
  if (named !== undefined) return { ranges: named, isClass: true };
  if (letter === 'c') return single(rest.charCodeAt(1) % 32);
  if (letter === 'b' && isInClass) return single(0x08);
  return single(CONTROLS[letter] ?? letter.charCodeAt(0));
};

const nextAtom = (reader: Reader, isInClass: boolean): Atom => {
  const code = reader.text.codePointAt(reader.offset) ?? 0;
  reader.offset += code > 0xffff ? 2 : 1;
  return code === 0x5c ? escapeAtom(reader, isInClass) : single(code);
};

/** After `[`. */
const readClass = (reader: Reader): string => {
  const isNegated = reader.text.charAt(reader.offset) === '^';
  if (isNegated) reader.offset += 1;
  const ranges: Range[] = [];
  while (reader.text.charAt(reader.offset) !== ']') {
    const atom = nextAtom(reader, true);
    const isRange = reader.text.charAt(reader.offset) === '-' && reader.text.charAt(reader.offset + 1) !== ']';
    if (atom.isClass || !isRange) {
      ranges.push(...atom.ranges);
      continue;
    }
    reader.offset += 1;
    const last = nextAtom(reader, true);
    ranges.push([atom.ranges[0]?.[0] ?? 0, last.ranges[0]?.[1] ?? 0]);
  }
  reader.offset += 1;
  return classOf(isNegated ? complement(ranges) : ranges);
};

const GROUP = /^\?(?:(:)|(<(?![=!])[^>]*>)|<?[=!])?/;

/** After `(`: what a group begins with, or why it cannot be had. */
const readGroup = (reader: Reader): Result<string, string> => {
  const [whole = '', plain, named] = GROUP.exec(reader.text.slice(reader.offset)) ?? [];
  if (whole === '' || plain !== undefined || named !== undefined) {
    reader.offset += whole.length;
    return ok('(?:');
  }
  return whole === '?'
    ? err('switches flags inside, which is not known here; write it without')
    : err(`uses lookaround "(${whole}", which cannot be matched in linear time; write it without`);
};

const OUTSIDE: Readonly<Record<string, string>> = {
  '^': '\\A',
  $: '\\z',
  '.': classOf(complement(LINE_ENDS)),
};
const SAME = /^(?:[)|*+?]|\{[^}]*\})/;

/** After a backslash that is not in a class. */
const readEscape = (reader: Reader): Result<string, string> => {
  const letter = reader.text.charAt(reader.offset);
  if (letter === 'b' || letter === 'B') {
    reader.offset += 1;
    return ok(`\\${letter}`);
  }
  if (letter === 'k' || (letter >= '1' && letter <= '9')) {
    return err(`uses the back-reference "\\${letter}", which cannot be matched in linear time; write it without`);
  }
  return ok(classOf(escapeAtom(reader, false).ranges));
};

const readNext = (reader: Reader): Result<string, string> => {
  const character = reader.text.charAt(reader.offset);
  const same = SAME.exec(reader.text.slice(reader.offset))?.[0];
  if (same !== undefined) {
    reader.offset += same.length;
    return ok(same);
  }
  const outside = OUTSIDE[character];
  if (outside === undefined && character !== '\\' && character !== '[' && character !== '(') {
    return ok(written(nextAtom(reader, false).ranges[0]?.[0] ?? 0));
  }
  reader.offset += 1;
  if (outside !== undefined) return ok(outside);
  if (character === '[') return ok(readClass(reader));
  return character === '\\' ? readEscape(reader) : readGroup(reader);
};

/**
 * The pattern for RE2, and the names of the Unicode properties in it; or, as the end of a sentence that begins with the pattern, why it cannot be
 * had. `source` must be what `new RegExp(source, 'u')` takes.
 */
export const translatePattern = (
  source: string,
): Result<{ readonly text: string; readonly properties: ReadonlySet<string> }, string> => {
  const reader: Reader = { text: source, offset: 0, names: new Set() };
  const parts: string[] = [];
  while (reader.offset < source.length) {
    const part = readNext(reader);
    if (!part.ok) return part;
    parts.push(part.value);
  }
  return ok({ text: parts.join(''), properties: reader.names });
};
