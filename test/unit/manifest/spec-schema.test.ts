// Operators' schemas: what they mean, and that none of them hangs, overflows or reaches outside.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { JsonValue } from '../../../src/core/json.ts';
import { compileSpecSchema } from '../../../src/manifest/spec-schema.ts';
import { accepted, refused, withinSeconds } from '../messages/support.ts';

const POINTER = '/operator/resources/0/specSchema/jsonSchema';
const textOf = (schema: unknown): string => (typeof schema === 'string' ? schema : JSON.stringify(schema));
const compile = (schema: unknown) => accepted(compileSpecSchema(textOf(schema), POINTER));
const check = (schema: unknown, spec: unknown) => compile(schema).validate(spec as JsonValue, '/resource/spec');
const refusal = (schema: unknown) => {
  const rejection = refused(compileSpecSchema(textOf(schema), POINTER));
  assert.equal(rejection.code, 'SCHEMA_INVALID');
  assert.ok(
    rejection.details.slice(0, 99).every((detail) => detail.pointer === POINTER),
    'a problem without its pointer',
  );
  return rejection.details.map((detail) => detail.message);
};
const fits = (schema: unknown, spec: unknown) => assert.deepEqual(check(schema, spec), []);
const breaks = (schema: unknown, spec: unknown) => {
  const details = check(schema, spec);
  assert.ok(details.length > 0, 'expected problems');
  assert.ok(
    details.every((detail) => detail.code !== 'SCHEMA_INVALID'),
    JSON.stringify(details),
  );
  return details;
};
const times = <T>(count: number, make: (index: number) => T): readonly T[] =>
  Array.from({ length: count }, (_, index) => make(index));

describe('what a schema means', () => {
  it('names every problem of a spec, with pointers', () => {
    const schema = {
      type: 'object',
      properties: { a: { type: 'string' }, b: { type: 'object', required: ['c'] } },
      required: ['d'],
      additionalProperties: false,
    };
    assert.deepEqual(
      check(schema, { a: 1, b: {}, 'e/~': 1 })
        .map(({ pointer, message }) => `${pointer ?? ''} ${message}`)
        .sort(),
      [
        '/resource/spec/a expected text, found the number 1; quote it',
        '/resource/spec/b/c missing field "c"',
        '/resource/spec/d missing field "d"',
        '/resource/spec/e~1~0 unknown field "e/~"; did you mean "a"?',
      ].map((line) => line.replace('; did you mean "a"?', '; known are a, b')),
    );
  });
  it('takes null where nullable says so', () => {
    const schema = {
      properties: {
        a: { type: 'string', nullable: true },
        b: { type: ['integer', 'boolean'], nullable: true },
        c: { type: 'string', nullable: false },
      },
    };
    fits(schema, { a: null, b: null, c: 'x' });
    assert.equal(breaks(schema, { c: null })[0]?.pointer, '/resource/spec/c');
    breaks(schema, { a: 1 });
  });
  it('knows references, anchors and identified subschemas', () => {
    fits({ $defs: { s: { type: 'string' } }, properties: { a: { $ref: '#/$defs/s' } } }, { a: 'x' });
    breaks({ $defs: { s: { type: 'string' } }, properties: { a: { $ref: '#/$defs/s' } } }, { a: 1 });
    breaks({ $defs: { s: { $anchor: 's', type: 'string' } }, properties: { a: { $ref: '#s' } } }, { a: 1 });
    breaks(
      {
        $defs: { s: { $id: 'https://x.example/s', type: 'string' } },
        properties: { a: { $ref: 'https://x.example/s' } },
      },
      { a: 1 },
    );
    breaks(
      {
        $id: 'https://x.example/r',
        properties: { a: { $ref: 'https://x.example/r#/$defs/s' } },
        $defs: { s: { type: 'string' } },
      },
      { a: 1 },
    );
    breaks(
      { components: { schemas: { s: { type: 'string' } } }, properties: { a: { $ref: '#/components/schemas/s' } } },
      { a: 1 },
    );
  });
  it('knows recursion', () => {
    const tree = { type: 'object', properties: { next: { $ref: '#' } }, additionalProperties: false };
    fits(tree, { next: { next: {} } });
    assert.equal(breaks(tree, { next: { x: 1 } })[0]?.pointer, '/resource/spec/next/x');
  });
  it('compares by value', () => {
    fits({ enum: [1, { a: [1, { b: null }], c: 2 }] }, { c: 2, a: [1, { b: null }] });
    breaks({ enum: [1, { a: 1 }] }, { a: 2 });
    breaks({ const: { a: 1 } }, { a: '1' });
    fits({ const: null }, null);
    fits({ uniqueItems: true }, [1, '1', [1], { a: 1 }, { a: '1' }, null, false, 0]);
    breaks({ uniqueItems: true }, [{ a: 1, b: 2 }, 1, { b: 2, a: 1 }]);
    fits({ uniqueItems: false }, [1, 1]);
  });
  it('lets two operators use one $id', () => {
    fits({ $id: 'https://x.example/r', type: 'object' }, {});
    breaks({ $id: 'https://x.example/r', type: 'string' }, {});
  });
  it('knows draft-07 when it says so', () => {
    breaks({ $schema: 'http://json-schema.org/draft-07/schema#', items: [{ type: 'string' }] }, [1]);
  });
  it('may be true or false', () => {
    fits(true, 1);
    breaks(false, 1);
  });
  it('warns of what has no effect', () => {
    const { warnings } = compile({ propertes: {}, id: 'x', nullable: true });
    assert.equal(warnings.length, 3);
    assert.match(warnings[0] ?? '', /"propertes".*did you mean "properties"/);
  });
  it('takes tabs between its tokens', () => fits('{\t"type":\n\t\t"object"}', {}));
  it('stays right when it is very wide', () => {
    const wide = { properties: Object.fromEntries(times(900, (index) => [`p${index}`, { type: 'string' }])) };
    fits(wide, { p899: 'x' });
    assert.equal(breaks(wide, { p899: 1 })[0]?.pointer, '/resource/spec/p899');
  });
});

describe('a schema is refused', () => {
  const cases: readonly (readonly [string, unknown, RegExp])[] = [
    ['that is not JSON', '{\n  "type": "object",\n}', /line 3, column 1 .*expected a string/],
    ['with a key twice', '{"type":"object",\n"type":"string"}', /line 2, column 1 .*twice/],
    ['that is no schema', '[]', /expected a JSON Schema/],
    ['of 65 KiB', { description: 'x'.repeat(65 * 1024) }, /at most 64 KiB/],
    ['of 65 levels', `${'{"not":'.repeat(65)}{}${'}'.repeat(65)}`, /deeper than 64/],
    ['of many subschemas', { anyOf: times(1001, () => ({})) }, /more than 1000/],
    ['of another draft', { $schema: 'http://json-schema.org/draft-04/schema#' }, /\$schema: expected .*2020-12/],
    [
      'with an unknown type',
      { properties: { a: { type: 'strin' } } },
      /#\/properties\/a\/type: .*did you mean "string"/,
    ],
    ['with a wrong keyword value', { minLength: -1 }, /#\/minLength: expected 0 or more/],
    ['with a remote reference', { $ref: 'https://example.com/a.json' }, /leads to nothing .*never fetched/],
    [
      'with a reference to the meta-schema',
      { $ref: 'https://json-schema.org/draft/2020-12/schema' },
      /leads to nothing/,
    ],
    ['with a file reference', { $ref: 'file:///etc/passwd' }, /leads to nothing/],
    ['with a reference to nothing', { $ref: '#/$defs/a' }, /#\/\$ref: .*does not lead to a subschema/],
    ['with an anchor to nothing', { $ref: '#a' }, /leads to nothing/],
    ['with a reference into a literal', { enum: [{ type: 'object' }], $ref: '#/enum/0' }, /does not lead/],
    ['with a reference into a prototype', { properties: {}, $ref: '#/properties/constructor' }, /does not lead/],
    [
      'with a hidden schema',
      { foo: { dependentSchemas: { $id: 'x', allOf: [{ $ref: 'x' }, { $ref: 'x' }] } }, $ref: 'x' },
      /leads to nothing/,
    ],
    [
      'with a schema hidden in examples',
      { foo: { examples: { $id: 'x', allOf: [{ $ref: 'x' }] } }, $ref: 'x' },
      /leads to nothing/,
    ],
    ['with lookahead', { properties: { a: { pattern: '^(?=a)' } } }, /#\/properties\/a\/pattern: .*linear time/],
    ['with a back-reference', { pattern: '(a)\\1' }, /linear time/],
    ['with a broken pattern', { patternProperties: { '((': true } }, /not a regular expression/],
    ['with a huge pattern', { pattern: 'a'.repeat(1001) }, /1001 characters/],
    ['with nested repetitions', { pattern: '((a{100}){100}){100}' }, /repeats something more than 1000 times/],
    ['with large repetitions', { anyOf: times(900, (index) => ({ pattern: `x{1000}${index}` })) }, /too large/],
    [
      'with a reference of draft 2019-09',
      { allOf: [{ $recursiveRef: '#' }] },
      /#\/allOf\/0\/\$recursiveRef: expected \$dynamicRef/,
    ],
    ['with two schemas of one name', { $defs: { a: { $id: 'x' }, b: { $id: 'x' } } }, /two subschemas are called/],
    [
      'with a subschema of another draft',
      { $defs: { a: { $schema: 'http://json-schema.org/draft-07/schema#' } } },
      /one draft/,
    ],
    ['with a hidden schema that is none', { foo: { type: 'strin' }, $ref: '#/foo' }, /did you mean "string"/],
  ];
  for (const [what, schema, message] of cases) {
    it(what, () => {
      const messages = withinSeconds(5, () => refusal(schema));
      assert.ok(
        messages.some((text) => message.test(text)),
        JSON.stringify(messages.slice(0, 3)),
      );
    });
  }
  it('for every reason at once', () => {
    const messages = refusal({
      properties: { a: { pattern: '((' }, b: { pattern: '(?=a)' }, c: { type: 'x' }, d: { $ref: '#/e' } },
    });
    for (const name of ['a', 'b', 'c', 'd'])
      assert.ok(
        messages.some((message) => message.includes(`#/properties/${name}`)),
        name,
      );
  });
});

const doubling = (levels: number, leaf: object, extra: object = {}) => ({
  $ref: '#/$defs/d0',
  $defs: Object.fromEntries([
    ...times(levels, (index) => [
      `d${index}`,
      { allOf: [{ $ref: `#/$defs/d${index + 1}` }, { $ref: `#/$defs/d${index + 1}` }], ...extra },
    ]),
    [`d${levels}`, leaf],
  ]) as object,
});
const long = 'a'.repeat(250_000);
const numbers = times(120_000, (index) => index);

describe('evaluation cannot hang', () => {
  const stopped: readonly (readonly [string, unknown, unknown])[] = [
    ['references that double', doubling(40, { type: 'object' }), {}],
    ['references that double over a long list', doubling(40, {}, { items: { type: 'number' } }), numbers],
    ['nested alternatives', doubling(40, { anyOf: [{ not: {} }, true] }), {}],
    ['a reference to itself', { $ref: '#' }, {}],
    [
      'two references to each other',
      { $ref: '#/$defs/a', $defs: { a: { $ref: '#/$defs/b' }, b: { $ref: '#/$defs/a' } } },
      {},
    ],
    ['itself in an alternative', { anyOf: [{ $ref: '#' }, { $ref: '#' }] }, {}],
    ['its own negation', { not: { $ref: '#' } }, {}],
    ['dynamic references', { $dynamicAnchor: 'n', allOf: [{ $dynamicRef: '#n' }, { $dynamicRef: '#n' }] }, {}],
    [
      'a chain of references that ends in itself',
      {
        $ref: '#/$defs/d0',
        $defs: Object.fromEntries(
          times(900, (index) => [`d${index}`, { $ref: `#/$defs/d${Math.min(index + 1, 899)}` }]),
        ),
      },
      {},
    ],
    [
      'many items that contain nothing',
      { $defs: { s: { type: 'string' }, r: { $ref: '#/$defs/s' } }, contains: { $ref: '#/$defs/r' } },
      numbers,
    ],
    ['contains, doubled', doubling(40, {}, { contains: { type: 'string' } }), numbers],
    ['uniqueItems, doubled', doubling(40, {}, { uniqueItems: true }), times(10_000, (index) => ({ a: index }))],
    [
      'many patterns over many names',
      { patternProperties: Object.fromEntries(times(500, (index) => [`^k*${index}`, { type: 'string' }])) },
      Object.fromEntries(times(15_000, (index) => [`k${index}`, 1])),
    ],
    ['a large pattern over a long text', { pattern: '(a{0,50}){0,20}b' }, long],
  ];
  for (const [what, schema, spec] of stopped) {
    it(what, () => {
      const details = withinSeconds(5, () => check(schema, spec));
      assert.equal(details.length, 1);
      assert.equal(details[0]?.code, 'SCHEMA_INVALID');
      assert.equal(details[0].pointer, '/resource/spec');
      assert.match(details[0].message, /too complex to evaluate/);
    });
  }
  const answered: readonly (readonly [string, unknown, unknown, number])[] = [
    ['a pattern that backtracks', { pattern: '^(a+)+$' }, `${long}!`, 1],
    ['another', { pattern: '(x+x+)+y' }, 'x'.repeat(250_000), 1],
    ['alternatives that overlap', { pattern: '^(a|a)*$' }, `${long}!`, 1],
    ['unique objects', { uniqueItems: true }, times(20_000, (index) => ({ a: index })), 0],
    ['unique numbers', { uniqueItems: true }, times(40_000, (index) => index), 0],
    [
      'a large enum and a large value',
      { enum: times(5000, () => ({})) },
      Object.fromEntries(times(15_000, (index) => [`k${index}`, 1])),
      1,
    ],
    ['many missing fields', { required: times(5000, (index) => `f${index}`) }, {}, 100],
    ['many wrong items', { items: { type: 'string' } }, numbers, 1],
    ['many failing alternatives', { anyOf: times(900, (index) => ({ const: index })) }, 'x', 100],
    [
      'many unevaluated fields',
      { unevaluatedProperties: false },
      Object.fromEntries(times(10_000, (index) => [`k${index}`, 1])),
      100,
    ],
  ];
  for (const [what, schema, spec, count] of answered) {
    it(what, () => {
      const details = withinSeconds(5, () => check(schema, spec));
      assert.equal(details.length, count);
      assert.ok(
        details.every((detail) => detail.code === undefined),
        JSON.stringify(details[0]),
      );
    });
  }
  it('a spec that is large but plain fits', () =>
    fits(
      {
        type: 'object',
        properties: {
          l: {
            type: 'array',
            items: {
              type: 'object',
              properties: { a: { type: 'integer' }, b: { type: 'string', pattern: '^x' } },
              required: ['a'],
            },
          },
        },
      },
      { l: times(8000, (index) => ({ a: index, b: 'xyz' })) },
    ));
  it('a spec after one that was stopped is checked afresh', () => {
    const { validate } = compile({
      $defs: { s: { type: 'string' }, r: { $ref: '#/$defs/s' } },
      contains: { $ref: '#/$defs/r' },
    });
    assert.equal(validate(numbers, '')[0]?.code, 'SCHEMA_INVALID');
    assert.deepEqual(validate([1, 'x'], ''), []);
  });
});

describe('whatever the schema', () => {
  it('answers and does not throw', () => {
    const keyword = fc.constantFrom(
      'type',
      'properties',
      'items',
      'allOf',
      'anyOf',
      'not',
      '$ref',
      '$id',
      '$defs',
      'enum',
      'const',
      'pattern',
      'nullable',
      'required',
      'if',
      'then',
      '$anchor',
      '$dynamicRef',
      'uniqueItems',
      'contains',
      'unevaluatedProperties',
      'dependentSchemas',
      'prefixItems',
      'x',
      '$schema',
      '$async',
    );
    const { schema } = fc.letrec((tie) => ({
      schema: fc.oneof({ maxDepth: 4 }, fc.boolean(), fc.dictionary(keyword, tie('value'), { maxKeys: 4 })),
      value: fc.oneof(
        { maxDepth: 4 },
        tie('schema'),
        fc.array(tie('schema'), { maxLength: 3 }),
        fc.dictionary(fc.constantFrom('a', 'b', '$id'), tie('schema')),
        fc.constantFrom(
          'string',
          'object',
          '#',
          '#/$defs/a',
          '#/properties/a',
          'a',
          '(a+)+',
          ['string', 'null'],
          true,
          1,
        ),
      ),
    }));
    fc.assert(
      fc.property(schema, fc.jsonValue(), (anySchema, spec) => {
        const compiled = compileSpecSchema(JSON.stringify(anySchema), POINTER);
        if (compiled.ok) compiled.value.validate(spec as JsonValue, '/resource/spec');
      }),
      { numRuns: 1500 },
    );
    fc.assert(fc.property(fc.string(), (text) => void compileSpecSchema(text, POINTER)));
  });
});
