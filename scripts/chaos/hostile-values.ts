// What nobody should send, as values and bytes: names that are protocol, wildcards or prototypes, numbers at the edges, text that is no text,
// structures that are too deep, and small damage to what would be right. All of it is decided by the seed.

import { decodeJson } from '../../src/core/decode.ts';
import type { JsonObject, JsonValue } from '../../src/core/json.ts';
import type { Random } from './random.ts';

const encoder = new TextEncoder();
export const bytesOf = (text: string): Uint8Array => encoder.encode(text);

const TEXTS = [
  ...[
    '',
    ' ',
    '.',
    '*',
    '>',
    'a.b',
    'A',
    '-a',
    'a-',
    '_',
    '__proto__',
    'constructor',
    'prototype',
    'toString',
    'valueOf',
  ],
  ...[
    'hasOwnProperty',
    'null',
    'true',
    '017',
    '0x1f',
    '1e999',
    '-0',
    'NaN',
    '2026-13-45T99:99:99Z',
    '../../etc/passwd',
    '$JS.API',
  ],
  ...[
    'a\r\nPUB x 0\r\n\r\n',
    'a\u0000b',
    '\ud800',
    'ü',
    '\u202e',
    '\u2028',
    '${{x}}',
    '{{ .env.HOME }}',
    'a'.repeat(65),
    'a'.repeat(5000),
  ],
  ...[
    'opstream',
    'OPSTREAM_EVENTS',
    'KV_opstream-entities',
    'opstream.event.>',
    '$KV.opstream-leases.>',
    '(a+)+$',
    '\\',
    '[',
    '(?<=a)b',
  ],
];
const NUMBERS = [0, -0, -1, 0.1, 1e308, -1e308, 5e-324, 2 ** 31, 2 ** 53, 2 ** 53 + 2, 1e21, 4_294_967_296];
const SOUP = '{}[]":,-\n\t &*!|>%@`~#?\'\\abc123éü\u0000\r';

export const nested = (depth: number, inner: JsonValue, key = 'a'): JsonValue => {
  let value = inner;
  for (let level = 0; level < depth; level += 1) value = level % 2 === 0 ? { [key]: value } : [value];
  return value;
};

/** `JSON.parse` gives it its own member of that name; a literal would set the prototype. */
const withProto = (): JsonValue =>
  JSON.parse('{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":1}}}');

export const hostileText = (random: Random): string => random.pick(TEXTS);

export const hostileValue = (random: Random): JsonValue => {
  const kind = random.between(0, 11);
  if (kind < 4) return hostileText(random);
  if (kind < 6) return random.pick(NUMBERS);
  if (kind === 6) return random.pick([null, true, false, [], {}, [[]], [null], { '': '' }]);
  if (kind === 7) return withProto();
  if (kind === 8) return nested(random.pick([5, 60, 130, 600]), 'x', random.pick(['a', '__proto__x', '']));
  if (kind === 9) return Array.from({ length: random.between(1, 400) }, () => random.pick(NUMBERS));
  if (kind === 10) return Object.fromEntries(TEXTS.map((text, index) => [text, index]));
  return 'x'.repeat(random.pick([100, 10_000, 60_000]));
};

type Place = { readonly holder: JsonValue[] | Record<string, JsonValue>; readonly key: string };

const placesIn = (value: JsonValue, found: Place[] = []): Place[] => {
  if (typeof value !== 'object' || value === null) return found;
  for (const key of Object.keys(value)) {
    found.push({ holder: value as Place['holder'], key });
    placesIn((value as Record<string, JsonValue>)[key] ?? null, found);
  }
  return found;
};

const OWN = { enumerable: true, writable: true, configurable: true } as const;

/** The same with one to three places changed: another value, gone, or one more member beside it. */
export const mutated = (random: Random, valid: JsonObject): JsonObject => {
  const copy = structuredClone(valid) as Record<string, JsonValue>;
  for (let change = random.between(1, 3); change > 0; change -= 1) {
    const places = placesIn(copy);
    if (places.length === 0) return copy;
    const { holder, key } = random.pick(places);
    const at = holder as Record<string, JsonValue>;
    const kind = random.between(0, 5);
    if (kind === 0) delete at[key];
    else if (kind === 1) Object.defineProperty(at, hostileText(random), { ...OWN, value: hostileValue(random) });
    else at[key] = hostileValue(random);
  }
  return copy;
};

export const randomBytes = (random: Random): Uint8Array => {
  const size = random.between(0, random.chance(0.05) ? 20_000 : 250);
  const isSoup = random.chance(0.6);
  if (!isSoup) return Uint8Array.from({ length: size }, () => random.between(0, 255));
  return bytesOf(Array.from({ length: size }, () => SOUP.charAt(random.between(0, SOUP.length - 1))).join(''));
};

/** Bytes of something valid with a few of them flipped, cut off, doubled or put in. */
export const damaged = (random: Random, valid: Uint8Array): Uint8Array => {
  const bytes = [...valid.slice(0, 20_000)];
  for (let change = random.between(1, 6); change > 0 && bytes.length > 0; change -= 1) {
    const at = random.between(0, bytes.length - 1);
    const kind = random.between(0, 4);
    if (kind === 0) bytes[at] = random.between(0, 255);
    else if (kind === 1) bytes.splice(at, random.between(1, 8));
    else if (kind === 2) bytes.splice(at, 0, ...bytes.slice(at, at + random.between(1, 30)));
    else if (kind === 3) bytes.splice(at, 0, SOUP.charCodeAt(random.between(0, SOUP.length - 1)));
    else bytes.length = at;
  }
  return Uint8Array.from(bytes);
};

/** Aliases that would grow without end, block scalars with tabs, tags and merge keys. */
export const hostileYaml = (random: Random): Uint8Array => {
  const letters = 'abcdefghijklmnop';
  const bomb = ['a: &a [x,x,x,x,x,x,x,x,x]'];
  for (let level = 1; level < random.between(2, 14); level += 1)
    bomb.push(`${letters[level]}: &${letters[level]} [${`*${letters[level - 1]},`.repeat(9)}x]`);
  return bytesOf(
    random.pick([
      bomb.join('\n'),
      'a: &a\n  b: *a\n',
      '<<: {name: x}\nname: y\ntype: resource\n',
      `name: fz-1\ntype: resource\nversion: v1\ndescription: |\n  a\n\t\n  b\nresource: !!js/function 'x'\n`,
      '---\n'.repeat(random.between(1, 2000)),
      '- '.repeat(random.between(1, 30_000)),
      '? {a: b}\n: c\n',
      `name: ${'*'.repeat(200)}\n`,
      '%YAML 9.9\n---\nname: x\n',
      `{${'"a":{'.repeat(random.between(1, 5000))}`,
      '['.repeat(random.between(1, 60_000)),
      `x: ${'9'.repeat(random.between(1, 20_000))}`,
    ]),
  );
};

/** Of a schema: keywords with values that are almost what they take. */
export const hostileSchema = (random: Random, depth = 0): JsonValue => {
  if (depth > 3 || random.chance(0.15)) return random.pick<JsonValue>([true, false, {}, hostileValue(random)]);
  const inner = (): JsonValue => hostileSchema(random, depth + 1);
  const keywords: readonly (() => JsonObject)[] = [
    () => ({
      $ref: random.pick(['#', '#/$defs/x', '#/a/b', 'http://127.0.0.1:1/x', '#/$defs/__proto__', hostileText(random)]),
    }),
    () => ({ $defs: { x: { allOf: [{ $ref: '#/$defs/x' }, inner()] }, __proto__x: inner() } }),
    () => ({ $dynamicRef: '#n', $dynamicAnchor: 'n' }),
    () => ({
      pattern: random.pick(['^(a+)+$', '(?=x)', '\\p{L}+', '[', '(a|a)*b', 'a{1000}{1000}', hostileText(random)]),
    }),
    () => ({ properties: { [hostileText(random)]: inner(), value: inner() } }),
    () => ({ patternProperties: { '^(a+)+$': inner(), [hostileText(random)]: inner() } }),
    () => ({ allOf: [inner(), inner()], anyOf: [inner()], oneOf: [inner(), inner()], not: inner() }),
    () =>
      Object.fromEntries([...['if', 'then', 'else'].map((word) => [word, inner()]), ['unevaluatedProperties', false]]),
    () => ({ required: ['__proto__', hostileText(random)], dependentRequired: { constructor: ['toString'] } }),
    () => ({ type: random.pick<JsonValue>(['object', 'nothing', ['string', 'null'], 7]), format: hostileText(random) }),
    () => ({ multipleOf: random.pick(NUMBERS), minimum: hostileValue(random), maxItems: random.pick(NUMBERS) }),
    () => ({ items: inner(), contains: inner(), minContains: random.pick(NUMBERS), uniqueItems: true }),
    () => ({ enum: [hostileValue(random)], const: hostileValue(random) }),
    () => ({ $schema: random.pick(['http://json-schema.org/draft-07/schema#', 'urn:x', hostileText(random)]) }),
  ];
  return Object.assign({}, ...Array.from({ length: random.between(1, 3) }, () => random.pick(keywords)()));
};

/** As an object of ours, for `mutated`. */
export const objectOf = (data: Uint8Array): JsonObject => decodeJson(data) as JsonObject;
