import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createFilling, inUrl } from '../../../../src/operators/http/template.ts';
import type { JsonValue } from '../../../../src/sdk/index.ts';
import { evaluate, faultOf } from './support.ts';

const fill = async (template: JsonValue, input: Record<string, JsonValue>): Promise<JsonValue> => {
  const filling = createFilling();
  const value = filling.json(template);
  await filling.evaluate(evaluate, input);
  return value();
};

describe('a template', () => {
  it('gives the value of an expression that stands alone, and text within text', async () => {
    const input = { spec: { count: 3, on: false, list: [1, 'a'], nothing: null, name: 'x' } };
    const template = {
      ...{
        count: '{{ .spec.count }}',
        on: '{{.spec.on}}',
        list: '{{ .spec.list | reverse }}',
        none: '{{ .spec.nothing }}',
      },
      ...{
        text: 'n={{ .spec.count }};{{ .spec.list }};{{ .spec.nothing }}',
        plain: 'as it is',
        nested: [{ a: '{{ .spec.name }}' }, 7],
      },
    };
    assert.deepEqual(await fill(template, input), {
      ...{ count: 3, on: false, list: ['a', 1], none: null, text: 'n=3;[1,"a"];', plain: 'as it is' },
      nested: [{ a: 'x' }, 7],
    });
  });

  it('takes the first output, and null of none', async () => {
    assert.deepEqual(await fill(['{{ 1, 2 }}', '{{ empty }}', '{{ .a # a comment }}'], { a: 5 }), [1, null, 5]);
  });

  it('does not read what is in values as a template', async () => {
    assert.equal(await fill('{{ .a }}-{{ .a }}', { a: '{{ .secret }}', secret: 's' }), '{{ .secret }}-{{ .secret }}');
  });

  it('sees no variables of the process and no names of prototypes', async () => {
    process.env['OPSTREAM_TEST_PLAIN'] = 'plain-text-of-the-process';
    const seen = await fill(['{{ env }}', '{{ $ENV }}', '{{ .constructor.name }}', '{{ .__proto__ }}'], { env: {} });
    delete process.env['OPSTREAM_TEST_PLAIN'];
    assert.ok(!JSON.stringify(seen).includes('plain-text-of-the-process'));
    assert.deepEqual((seen as readonly JsonValue[]).slice(2), [null, null]);
  });

  it('that does not come to an end, or fails, is a terminal fault within seconds that had no effect', async () => {
    for (const program of [
      'def f: f; f',
      '[range(1; infinite)]',
      'last(repeat(1))',
      '.a | error("no")',
      '.a.b.c | keys',
      '((',
    ]) {
      const startMs = performance.now();
      const fault = await faultOf(() => fill(`{{ ${program} }}`, { a: 'hush-hush' }));
      assert.deepEqual(
        [fault.code, fault.retry, fault.details['outcome']],
        ['COMPONENT_TERMINAL', 'never', 'none'],
        program,
      );
      assert.match(fault.message, /^the operator's manifest: /);
      assert.ok(performance.now() - startMs < 5000, program);
    }
    assert.equal(await fill('{{ 1 + 1 }}', {}), 2, 'and the next one is evaluated');
  });
});

describe('a value in a url', () => {
  const base = 'https://api.example.com/v1/things';
  const ALPHABET = [
    '/',
    '\\',
    '.',
    '..',
    '%',
    '%2e',
    '%2F',
    '?',
    '#',
    '@',
    ':',
    ';',
    ' ',
    '\n',
    '\0',
    '\t',
    'a',
    'é',
    '😀',
    '//',
    '[',
    '}}',
    '{{',
  ];
  /** The same numbers each time. */
  const numbers = (seed: number) => () => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
    return seed / 2 ** 32;
  };

  it('never changes host, path or query, whatever it is', () => {
    const random = numbers(7);
    let count = 0;
    for (let round = 0; round < 4000; round += 1) {
      const length = 1 + Math.floor(random() * 6);
      const value = Array.from({ length }, () => ALPHABET[Math.floor(random() * ALPHABET.length)] ?? '').join('');
      if (value === '.' || value === '..') continue;
      count += 1;
      const url = new URL(`${base}/${inUrl(value, '.a')}/end`);
      assert.equal(url.origin, 'https://api.example.com', value);
      assert.equal(url.pathname.split('/').length, 5, value);
      const [, v1, things, found = '', end] = url.pathname.split('/');
      assert.deepEqual([v1, things, decodeURIComponent(found), end], ['v1', 'things', value, 'end']);
      assert.deepEqual([url.search, url.hash, url.username, url.port], ['', '', '', '']);
    }
    assert.ok(count > 3000);
  });

  it('that would lead to another place, or that is no text, is refused with its expression', async () => {
    for (const value of ['', '.', '..', null, '\ud800', 'a\udfff']) {
      const fault = await faultOf(() => inUrl(value, '.spec.id'));
      assert.deepEqual([fault.retry, fault.details['outcome']], ['never', 'none']);
      assert.match(fault.message, /\{\{ \.spec\.id \}\}/);
    }
    assert.equal(inUrl(0, '.a'), '0');
    assert.equal(inUrl(false, '.a'), 'false');
    assert.equal(inUrl({ a: '/' }, '.a'), '%7B%22a%22%3A%22%2F%22%7D');
  });
});
