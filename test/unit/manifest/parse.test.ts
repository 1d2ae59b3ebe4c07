// Bytes to documents: what is accepted, what is refused, and where the problem is said to be.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { parseManifests } from '../../../src/manifest/parse.ts';
import { accepted, bytes, oneDocument, refused, withinSeconds } from '../messages/support.ts';

const values = (text: string) => accepted(parseManifests(bytes(text))).map((document) => document.value);
const problem = (text: string) => refused(parseManifests(bytes(text)));

describe('documents', () => {
  it('reads one JSON object', () =>
    assert.deepEqual(values(' {"name":"a","n":[1,{"b":null}]}'), [{ name: 'a', n: [1, { b: null }] }]));
  it('reads a JSON list as many documents', () => assert.deepEqual(values('[{"a":1},{"a":2}]'), [{ a: 1 }, { a: 2 }]));
  it('reads several YAML documents and skips empty ones', () => {
    const documents = accepted(parseManifests(bytes('---\n# nothing\n---\nname: a\n---\n---\nname: b\n...\n')));
    assert.deepEqual(
      documents.map(({ value, index, total }) => ({ value, index, total })),
      [
        { value: { name: 'a' }, index: 0, total: 2 },
        { value: { name: 'b' }, index: 1, total: 2 },
      ],
    );
  });
  it('reads YAML flow that is not JSON', () =>
    assert.deepEqual(values('{name: x, tags: [a, b]}'), [{ name: 'x', tags: ['a', 'b'] }]));
  it('skips a byte order mark', () => assert.deepEqual(values('\ufeff{"a":1}'), [{ a: 1 }]));
  it('knows YAML 1.2 core and nothing else', () =>
    assert.deepEqual(values('a: yes\nb: 2024-01-01\nc: 0x10\nd: ~\ne: 1_000\nf: true\ng: 1.5\nh: "1"\ni: -0'), [
      { a: 'yes', b: '2024-01-01', c: 16, d: null, e: '1_000', f: true, g: 1.5, h: '1', i: 0 },
    ]));
  it('follows an alias', () => assert.deepEqual(values('a: &x {b: 1}\nc: *x'), [{ a: { b: 1 }, c: { b: 1 } }]));
  it('keeps keys that only look special', () =>
    assert.deepEqual(values('{"constructor":1,"toString":2,"":3}'), [{ constructor: 1, toString: 2, '': 3 }]));
});

describe('placeholders', () => {
  it('stand for their trimmed inner text, anywhere in a value', () => {
    const expected = [{ a: 'worker', b: 'x-1-y', c: ['docker.io/a:1'] }];
    assert.deepEqual(values('a: ${{worker}}\nb: "x-${{ 1 }}-y"\nc:\n  - ${{docker.io/a:1}}'), expected);
    assert.deepEqual(values('{"a":"${{worker}}","b":"x-${{ 1 }}-y","c":["${{docker.io/a:1}}"]}'), expected);
  });
  it('need a value', () => {
    assert.deepEqual(problem('a:\n  image: ${{ }}').details, [
      {
        message: 'placeholder without a value: write the value in place of ${{}}',
        pointer: '/a/image',
        line: 2,
        column: 10,
      },
    ]);
    assert.equal(problem('{"a":["${{}}"]}').details[0]?.pointer, '/a/0');
  });
});

describe('refusals', () => {
  const cases: readonly (readonly [string, string | Uint8Array, string, number?, number?])[] = [
    ['nothing', '', 'MANIFEST_UNREADABLE'],
    ['only space', ' \n\t ', 'MANIFEST_UNREADABLE'],
    ['only comments', '# a\n', 'MANIFEST_UNREADABLE'],
    ['bytes that are not UTF-8', Uint8Array.of(0x61, 0x3a, 0x0a, 0x20, 0xff), 'MANIFEST_UNREADABLE', 2, 2],
    ['UTF-16', Uint8Array.of(0xff, 0xfe, 0x61, 0), 'MANIFEST_UNREADABLE'],
    ['a NUL', 'a: 1\nb: \u0000', 'MANIFEST_UNREADABLE', 2, 4],
    ['text', 'hello', 'MANIFEST_INVALID', 1, 1],
    ['a YAML list', '- a: 1', 'MANIFEST_INVALID', 1, 1],
    ['a list of texts', '["a"]', 'MANIFEST_INVALID'],
    ['a tab as indentation', 'a:\n\tb: 1', 'MANIFEST_UNREADABLE', 2, 1],
    ['a tab after spaces', 'a:\n  \tb: 1\n  \tc: 2', 'MANIFEST_UNREADABLE', 2, 3],
    ['wrong indentation', 'a:\n  b: 1\n c: 2', 'MANIFEST_UNREADABLE', 3, 1],
    ['a YAML key twice', 'a: 1\nb: 2\na: 3', 'MANIFEST_UNREADABLE', 3, 1],
    ['a JSON key twice', '{"a":1,\n "a":2}', 'MANIFEST_UNREADABLE', 2, 2],
    ['an escaped JSON key twice', '{"a":1,\n "\\u0061":2}', 'MANIFEST_UNREADABLE', 2, 2],
    ['a broken JSON', '{"a":1,\n "b" 2}', 'MANIFEST_UNREADABLE', 2, 6],
    ['an unfinished JSON', '{"a":"b', 'MANIFEST_UNREADABLE', 1, 6],
    ['__proto__ in YAML', 'a:\n  __proto__: 1', 'MANIFEST_UNREADABLE', 2, 3],
    ['__proto__ in JSON', '{"a":{"__proto__":{"b":1}}}', 'MANIFEST_UNREADABLE', 1, 7],
    ['__proto__ escaped', '{"a":{"\\u005f_proto__":1}}', 'MANIFEST_UNREADABLE', 1, 7],
    ['a number as key', '1: a', 'MANIFEST_UNREADABLE', 1, 1],
    ['a list as key', '? [a]\n: b', 'MANIFEST_UNREADABLE', 1, 3],
    ['no key', ': a', 'MANIFEST_UNREADABLE', 1, 1],
    ['a merge key', 'a: &x {b: 1}\nc:\n  <<: *x', 'MANIFEST_UNREADABLE', 3, 3],
    ['an own tag', 'a: !foo b', 'MANIFEST_UNREADABLE', 1, 4],
    ['a binary', 'a: !!binary aGk=', 'MANIFEST_UNREADABLE', 1, 4],
    ['a directive', '%YAML 1.1\n---\na: yes', 'MANIFEST_UNREADABLE', 1, 1],
    ['infinity', 'a: .inf', 'MANIFEST_UNREADABLE', 1, 4],
    ['not a number', 'a: .nan', 'MANIFEST_UNREADABLE', 1, 4],
    ['a JSON number that overflows', '{"a":1e999}', 'MANIFEST_UNREADABLE', 1, 6],
    ['a whole number that loses digits', 'a: 12345678901234567890', 'MANIFEST_UNREADABLE', 1, 4],
    ['an alias to nothing', 'a: *x', 'MANIFEST_UNREADABLE', 1, 4],
    ['an alias to itself', 'a: &x [*x]', 'MANIFEST_UNREADABLE', 1, 8],
    ['two MiB', `{"a":"${'x'.repeat(2 * 1024 * 1024)}"}`, 'MANIFEST_TOO_LARGE'],
    ['a large document', `a: ${'x'.repeat(300 * 1024)}`, 'MANIFEST_TOO_LARGE', 1, 1],
    ['a large second document', `a: 1\n---\na: ${'x'.repeat(300 * 1024)}`, 'MANIFEST_TOO_LARGE', 2, 1],
    ['a large JSON document', `{"a":"${'x'.repeat(300 * 1024)}"}`, 'MANIFEST_TOO_LARGE'],
    ['a large document in a JSON list', `[{"a":1},{"a":"${'x'.repeat(300 * 1024)}"}]`, 'MANIFEST_TOO_LARGE'],
    ['too many documents', '{"a":1}\n---\n'.repeat(1001), 'MANIFEST_TOO_LARGE'],
    ['too many documents in a list', `[${'{"a":1},'.repeat(1000)}{}]`, 'MANIFEST_TOO_LARGE'],
  ];
  for (const [what, input, code, line, column] of cases) {
    it(what, () => {
      const rejection = refused(parseManifests(typeof input === 'string' ? bytes(input) : input));
      assert.equal(rejection.code, code);
      assert.equal(rejection.details[0]?.line, line);
      assert.equal(rejection.details[0]?.column, column);
    });
  }

  it('names every problem, with pointer, document and position', () => {
    const rejection = problem('a: .inf\nb:\n  - *x\n---\na: ${{}}\n"1": 1\n1: 2');
    assert.deepEqual(
      rejection.details.map(({ pointer, document, line, column }) => [pointer, document, line, column]),
      [
        ['/a', 0, 1, 4],
        ['/b/0', 0, 3, 5],
        ['/a', 1, 5, 4],
        ['/1', 1, 7, 1],
      ],
    );
  });
  it('names at most a hundred', () => {
    const rejection = problem(Array.from({ length: 500 }, (_, index) => `k${index}: .inf`).join('\n'));
    assert.equal(rejection.details.length, 100);
  });
  it('says which lines have tabs, and what to do', () => {
    const { details } = problem('a: 1\nb:\n\tc: 1\n\td: 1\n# x\ne:\n\tf: 1\ng: |\n  x\n  \ty\n');
    assert.deepEqual(details.map(({ line, column }) => [line, column]).slice(0, 2), [
      [3, 1],
      [7, 1],
    ]);
    assert.match(details[0]?.message ?? '', /lines 3 to 4 are indented with tabs.*spaces/);
  });
  it('accepts tabs where YAML does', () => assert.deepEqual(values('g: |\n  x\n  \ty\n'), [{ g: 'x\n\ty\n' }]));
});

describe('depth', () => {
  const nested = (open: string, close: string, levels: number): string => open.repeat(levels) + close.repeat(levels);
  const cases: readonly (readonly [string, string])[] = [
    ['JSON lists, a million', '['.repeat(1_000_000)],
    ['JSON objects', `${'{"a":'.repeat(65)}1${'}'.repeat(65)}`],
    ['JSON objects, as many as fit', `${'{"a":'.repeat(170_000)}1`],
    ['YAML flow', `a: ${nested('[', ']', 64)}`],
    ['YAML flow, as much as fits', `a: ${'['.repeat(200_000)}`],
    ['YAML lists in a line', `a:\n ${'- '.repeat(64)}1`],
    ['YAML mappings in lines', Array.from({ length: 65 }, (_, level) => `${' '.repeat(level)}a:`).join('\n')],
    ['explicit keys', `${'? '.repeat(66)}a`],
  ];
  for (const [what, text] of cases) {
    it(`refuses ${what}`, () => {
      const rejection = withinSeconds(5, () => problem(text));
      assert.equal(rejection.code, 'MANIFEST_TOO_DEEP');
      assert.equal(typeof rejection.details[0]?.line, 'number');
    });
  }
  it('accepts 64 levels', () => {
    values(`${'{"a":'.repeat(64)}1${'}'.repeat(64)}`);
    values(`[${'{"a":'.repeat(64)}1${'}'.repeat(64)}]`);
    values(`a: ${nested('[', ']', 63)}`);
  });
  it('counts levels behind an alias', () => {
    const half = nested('[', ']', 40);
    assert.match(
      problem(`a: &x ${half}\nb: ${'['.repeat(40)}*x ${']'.repeat(40)}`).details[0]?.message ?? '',
      /deeper than 64/,
    );
  });
});

describe('hostile YAML is answered in time', () => {
  const MIB = 1024 * 1024;
  const fill = (text: string, size = MIB): string => text.repeat(Math.floor(size / text.length));
  const bomb = Array.from(
    { length: 30 },
    (_, index) => `a${index + 1}: &a${index + 1} [${`*a${index},`.repeat(9)}*a${index}]`,
  );
  const cases: readonly (readonly [string, string])[] = [
    ['aliases that explode', `a0: &a0 x\n${bomb.join('\n')}`],
    ['a large value behind many aliases', `a: &a ${'x'.repeat(100_000)}\nb: [${'*a ,'.repeat(1000)}1]`],
    ['list items', fill('- 1\n')],
    ['dashes', fill('- ', 250_000)],
    ['keys', Array.from({ length: 20_000 }, (_, index) => `k${index}: 1`).join('\n')],
    ['commas', `[${fill(',', 200_000)}`],
    ['quotes', fill('"', 250_000)],
    ['quoted lines', fill('""\n', 200_000)],
    ['document marks', fill('---\n')],
    ['document ends', fill('a\n...\n')],
    ['blank lines', `a:${fill('\n', 180_000)} b`],
    ['comments', fill('#\n', 250_000)],
    ['tabs', `a:\n${fill('\tb: 1\n', 180_000)}`],
    ['percent signs', fill('%A\n', 250_000)],
    ['closing brackets', fill(']', 180_000)],
    ['carriage returns', fill('\r')],
    ['JSON keys twice', `{${fill('"a":1,', 250_000)}"a":1}`],
    ['backslashes', `{"a":"${fill('\\\\', 250_000)}"`],
  ];
  for (const [what, text] of cases) {
    it(what, () => {
      withinSeconds(5, () => parseManifests(bytes(text)));
    });
  }
  it('an exploding alias is refused', () => assert.match(problem(cases[0]?.[1] ?? '').message, /aliases expand/));
});

describe('locate', () => {
  const document = oneDocument('name: x\nlist:\n  - a: 1\n    b: 2\n  - c\nempty:\n');
  it('finds fields and items', () => {
    assert.deepEqual(document.locate('/name'), { line: 1, column: 1 });
    assert.deepEqual(document.locate('/list/0/b'), { line: 4, column: 5 });
    assert.deepEqual(document.locate('/list/1'), { line: 5, column: 5 });
  });
  it('finds what is around something missing', () => {
    assert.deepEqual(document.locate('/list/0/zzz'), { line: 3, column: 5 });
    assert.deepEqual(document.locate('/empty/x'), { line: 6, column: 1 });
    assert.deepEqual(document.locate(''), { line: 1, column: 1 });
  });
  it('knows nothing of JSON', () => assert.equal(oneDocument('{"a":1}').locate('/a'), undefined));
});

describe('whatever the bytes', () => {
  it('answers and does not throw', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (data) => {
        parseManifests(data);
      }),
      { numRuns: 500 },
    );
    const yamlish = fc
      .array(
        fc.constantFrom(
          'a',
          ': ',
          '- ',
          '\n',
          '  ',
          '\t',
          '[',
          ']',
          '{',
          '}',
          ',',
          '"',
          "'",
          '&x ',
          '*x',
          '!t ',
          '| ',
          '> ',
          '#',
          '? ',
          '---\n',
          '${{',
          '}}',
          '0',
          '%',
          '\\',
          '...\n',
          '<<',
          '__proto__',
          '\r',
        ),
        { maxLength: 40 },
      )
      .map((parts) => parts.join(''));
    fc.assert(
      fc.property(yamlish, (text) => {
        const result = parseManifests(bytes(text));
        if (!result.ok) return;
        for (const { value } of result.value) assert.deepEqual(JSON.parse(JSON.stringify(value)), value);
      }),
      { numRuns: 3000 },
    );
  });
  it('gives JSON objects back as they are', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (value) => {
        const text = JSON.stringify(value);
        fc.pre(!text.includes('${{') && !text.includes('__proto__'));
        const result = parseManifests(bytes(text));
        if (result.ok)
          assert.deepEqual(result.value[0]?.value, JSON.parse(text.replaceAll(/(?<=[:,[])-0(?=[,\]}])/g, '0')));
        // Letters written as escapes may spell a secret: then the reason is not shown.
        else assert.match(result.error.message, /exactly|is not shown/);
      }),
    );
  });
});
