// What operators write into their schemas: of both drafts, of OpenAPI, and names that JavaScript has ideas of its own about.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { JsonValue } from '../../../src/core/json.ts';
import { isMultipleOf } from '../../../src/json-schema/multiples.ts';
import { compileSpecSchema, storedSpecSchema } from '../../../src/manifest/spec-schema.ts';
import { accepted, refused } from '../messages/support.ts';

const DRAFT_07 = 'http://json-schema.org/draft-07/schema#';
const check = (schema: JsonValue, value: JsonValue) =>
  accepted(compileSpecSchema(JSON.stringify(schema), '/schema')).validate(value, '');

const field = (schema: JsonValue): JsonValue => ({ type: 'object', properties: { n: schema } });

/** What, schema, values that fit, values that do not. */
const CASES: readonly (readonly [string, JsonValue, readonly JsonValue[], readonly JsonValue[]])[] = [
  ['required names of Object.prototype', { required: ['toString'] }, [{ toString: 1 }], [{}]],
  ['properties of such names', { properties: { constructor: { type: 'string' } } }, [{}], [{ constructor: 1 }]],
  ['no such names', { properties: { a: true }, additionalProperties: false }, [{ a: 1 }], [{ valueOf: 1 }]],
  [
    'what depends on such names',
    { dependentRequired: { toString: ['x'] } },
    [{}, { toString: 1, x: 1 }],
    [{ toString: 1 }],
  ],
  ['schemas that depend on them', { dependentSchemas: { valueOf: false } }, [{}], [{ valueOf: 1 }]],
  ['unevaluated fields of such names', { unevaluatedProperties: false }, [{}], [{ toString: 1 }]],
  [
    'multiples of 0.01',
    field({ multipleOf: 0.01 }),
    [{ n: 19.99 }, { n: 0.07 }, { n: -4.35 }, { n: 1e22 }],
    [{ n: 0.005 }],
  ],
  ['multiples of 0.1', field({ multipleOf: 0.1 }), [{ n: 0.3 }, { n: 2.4 }], [{ n: 0.25 }]],
  ['multiples of very little', field({ multipleOf: 1e-8 }), [{ n: 12391239123 }], [{ n: 1e-9 }]],
  [
    'items that contains has not seen',
    { prefixItems: [true], contains: { type: 'string' }, unevaluatedItems: false },
    [[1, 'a']],
    [[1, 'a', 2]],
  ],
  [
    'contains that asks for none',
    { contains: { type: 'string' }, minContains: 0, unevaluatedItems: false },
    [['a'], []],
    [['a', 1]],
  ],
  [
    'fields that if has seen',
    { if: { properties: { a: { const: 1 } }, required: ['a'] }, unevaluatedProperties: false },
    [{ a: 1 }],
    [{ a: 2 }, { a: 1, b: 1 }],
  ],
  [
    'fields that one alternative has seen',
    {
      anyOf: [{ properties: { a: { type: 'string' } }, required: ['a'] }, { properties: { b: true } }],
      unevaluatedProperties: false,
    },
    [{ a: 'x' }, { a: 'x', b: 1 }, { b: 1 }],
    [{ a: 1, b: 1 }],
  ],
  [
    'a dynamic reference',
    {
      $id: 'https://x.example/strings',
      $ref: 'list',
      $defs: {
        strings: { $dynamicAnchor: 'item', type: 'string' },
        list: { $id: 'list', items: { $dynamicRef: '#item' }, $defs: { any: { $dynamicAnchor: 'item' } } },
      },
    },
    [['a']],
    [['a', 1]],
  ],
  [
    'a reference with a base and a path',
    { $defs: { a: { $id: 'a', $defs: { b: { type: 'string' } } } }, $ref: 'a#/$defs/b' },
    ['x'],
    [1],
  ],
  [
    'definitions of draft-07',
    { $schema: DRAFT_07, definitions: { a: { type: 'integer' } }, properties: { n: { $ref: '#/definitions/a' } } },
    [{ n: 1 }],
    [{ n: 'x' }],
  ],
  [
    'a reference of draft-07 alone',
    {
      $schema: DRAFT_07,
      properties: { n: { $ref: '#/definitions/a', maxLength: 1 } },
      definitions: { a: { type: 'string' } },
    },
    [{ n: 'long' }],
    [{ n: 1 }],
  ],
  [
    'a tuple of draft-07',
    { $schema: DRAFT_07, items: [{ type: 'integer' }], additionalItems: false },
    [[1]],
    [['a'], [1, 2]],
  ],
  [
    'nullable with enum',
    field({ type: 'string', enum: ['a'], nullable: true }),
    [{ n: null }, { n: 'a' }],
    [{ n: 'c' }],
  ],
  [
    'nullable with a reference',
    { ...(field({ $ref: '#/$defs/a', nullable: true }) as object), $defs: { a: { type: 'object' } } },
    [{ n: null }, { n: {} }],
    [{ n: 1 }],
  ],
  [
    'format date-time',
    field({ format: 'date-time' }),
    [{ n: '2024-01-31T10:00:00Z' }, { n: 1 }],
    [{ n: 'yesterday' }, { n: '2024-02-30T10:00:00Z' }],
  ],
  ['formats of numbers', field({ type: 'integer', format: 'int32' }), [{ n: 2147483647 }], [{ n: 2147483648 }]],
  ['format int64', field({ type: 'integer', format: 'int64' }), [{ n: 1 }], [{ n: 'x' }]],
  ['formats that nobody checks', field({ format: 'customer-number' }), [{ n: 'x' }], []],
  ['lengths in characters', field({ maxLength: 2, minLength: 1 }), [{ n: '😀😀' }], [{ n: '😀😀😀' }, { n: '' }]],
  ['defaults, which are not filled in', { properties: { m: { default: 'a' } }, required: ['m'] }, [{ m: 1 }], [{}]],
];

describe('a schema', () => {
  for (const [what, schema, fitting, others] of CASES) {
    it(`judges ${what}`, () => {
      for (const value of fitting) assert.deepEqual(check(schema, value), [], JSON.stringify(value));
      for (const value of others) assert.notDeepEqual(check(schema, value), [], JSON.stringify(value));
    });
  }

  it('says what format it expected, and where', () => {
    assert.deepEqual(check(field({ format: 'email' }), { n: 'nobody' }), [
      { message: 'expected text in the format email, found the text "nobody"', pointer: '/n' },
    ]);
  });

  it('is not slowed down by a text that a format does not have', () => {
    const long = 'a'.repeat(250_000);
    const started = performance.now();
    for (const format of [
      'email',
      'hostname',
      'uri',
      'uri-reference',
      'uri-template',
      'date-time',
      'duration',
      'ipv6',
      'regex',
      'byte',
      'json-pointer',
    ]) {
      for (const text of [
        long,
        `${long}@`,
        `http://${long}`,
        `/${'~0'.repeat(100_000)}~`,
        '1:'.repeat(500),
        `P${long}`,
        `{${long}`,
      ]) {
        check(field({ format }), { n: text });
      }
    }
    assert.ok(performance.now() - started < 5000);
  });

  it('that was stored and would be refused today accepts nothing, and says why', () => {
    const [problem] = storedSpecSchema('{"pattern":"(?=a)"}', '/schema').validate('a', '/resource/spec');
    assert.equal(problem?.code, 'SCHEMA_INVALID');
    assert.match(problem.message, /the operator's schema cannot be used: .*lookaround/);
  });
});

describe('multiples', () => {
  it('go by the digits', () => {
    assert.equal(isMultipleOf(Number.MAX_VALUE, 0.5), true);
    assert.equal(isMultipleOf(Number.MAX_VALUE, 5e-324), true);
    assert.equal(isMultipleOf(1e-7, 3e-8), false);
    assert.equal(isMultipleOf(0, 0.3), true);
    assert.equal(isMultipleOf(7, 2), false);
  });
});

describe('a schema of an older draft', () => {
  const problemsOf = (schema: JsonValue): readonly string[] =>
    refused(compileSpecSchema(JSON.stringify(schema), '/schema')).details.map(({ message }) => message);

  it('is refused with the draft that it is of, and what to write', () => {
    assert.deepEqual(problemsOf(field({ minimum: 3, exclusiveMinimum: true })), [
      '#/properties/n/exclusiveMinimum: expected a number, found true; this is how draft-04 has it: write "exclusiveMinimum": 3 and leave "minimum" out',
    ]);
    assert.deepEqual(problemsOf({ $schema: DRAFT_07, ...(field({ exclusiveMaximum: false }) as object) }), [
      '#/properties/n/exclusiveMaximum: expected a number, found false; this is how draft-04 has it: leave it out',
    ]);
    assert.deepEqual(problemsOf(field({ items: [{ type: 'string' }], additionalItems: false })), [
      '#/properties/n/items: expected a mapping or true or false, found a list; this is how draft-07 has tuples: write "prefixItems" (and "items" for "additionalItems"), or begin the schema with "$schema": "http://json-schema.org/draft-07/schema#"',
    ]);
    assert.deepEqual(problemsOf(field({ required: true })), [
      '#/properties/n/required: expected a list, found true; this is how draft-03 has it: name the field in the "required" of the object around it',
    ]);
  });

  it('is not taken for one where a field has the name of a keyword', () => {
    assert.deepEqual(problemsOf({ properties: { items: [] } as unknown as JsonValue }), [
      '#/properties/items: expected a mapping or true or false, found an empty list',
    ]);
  });
});
