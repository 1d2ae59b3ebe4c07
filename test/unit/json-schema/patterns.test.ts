// `pattern` means what ECMA-262 with the flag u means: what RE2 is given is held against JavaScript's own verdict.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { createPatterns } from '../../../src/json-schema/patterns.ts';

const patterns = () => createPatterns(() => undefined);
const problem = (source: string): string => patterns().problem(source) ?? '';
const matcher = (source: string): ((text: string) => boolean) => {
  const all = patterns();
  assert.equal(all.problem(source), undefined);
  return (text) => all.get(source).test(text);
};

const TEXTS = [
  ...[
    '',
    'a',
    'ab',
    'aab',
    'A',
    '_',
    '-',
    '0',
    '٣',
    'é',
    'ü',
    'Я',
    '😀',
    '\u{2f800}',
    'école',
    '\\',
    ']',
    '[',
    '^',
    '$',
    '.',
  ],
  ...[
    '\n',
    '\r',
    '\t',
    '\v',
    '\f',
    '\b',
    '\0',
    '\u00a0',
    '\u2028',
    '\u2029',
    '\u2003',
    '\ufeff',
    '\u0085',
    '\ud83d',
    '\udc00',
  ],
  ...['a\n', 'a\nb', 'a b', ' a', 'x1', 'prod-1', 'a-b_c', '[:alpha:]', 'z]', '/'],
];

const agree = (source: string): void => {
  const own = new RegExp(source, 'u');
  const matches = matcher(source);
  for (const text of TEXTS) {
    assert.equal(matches(text), own.test(text), `/${source}/u on ${JSON.stringify(text)}`);
  }
};

describe('a pattern', () => {
  const SOURCES = [
    ...[
      '\\s',
      '^\\S$',
      '^\\S+$',
      '\\d',
      '\\D',
      '\\w',
      '^\\W$',
      '^.$',
      '^a.b$',
      'a$',
      '^$',
      '\\bab\\b',
      '\\Bb',
      '[\\b]',
      '\\0',
      '\\cJ',
    ],
    ...[
      '\\p{L}',
      '^\\p{Letter}+$',
      '\\P{Letter}',
      '^\\p{digit}+$',
      '\\p{Script=Cyrillic}',
      '\\p{Emoji}',
      '[\\p{Lu}\\-_]',
      '[^\\p{L}]',
    ],
    ...[
      '\\u{1f600}',
      '\\ud83d\\ude00',
      '^[\\ud83d\\ude00]$',
      '[^]',
      '[]',
      '^[^a]$',
      '[a-c-]',
      '[\\]]',
      '[\\^]',
      '[\\s\\S]',
    ],
    ...[
      '(?<name>a)b',
      '(?:a|b)*',
      'a{2}',
      'a{0,2}b',
      'a+?',
      '\\.',
      '\\/',
      '\\$',
      '\\x41',
      '\\u0041',
      '[\\x41-\\u005a]',
      '\\v',
      '[\\0]',
      '(a*)*b',
    ],
  ];
  for (const source of SOURCES) it(`/${source}/ means what JavaScript says`, () => agree(source));

  it('means the same, however it is put together', () => {
    const piece = fc.constantFrom(
      ...[
        'a',
        'b',
        '.',
        '\\s',
        '\\S',
        '\\w',
        '\\W',
        '\\d',
        '\\D',
        '[^a]',
        '[a-z]',
        '[\\s_-]',
        '[^\\W]',
        '\\p{L}',
        '\\P{Lu}',
        '\\b',
        '^',
        '$',
      ],
      ...['é', '😀', '\\-', '\\u00e9', '|', '\\n', '\\t', '[]', '[^]', '-', ' ', '_'].map((text) =>
        text === '\\-' ? '[\\-]' : text,
      ),
    );
    const quantified = fc
      .tuple(piece, fc.constantFrom('', '*', '+', '?', '{2}', '{1,}', '*?'))
      .map(([text, times]) => (['^', '$', '\\b', '|'].includes(text) ? text : text + times));
    const group = fc.array(quantified, { maxLength: 3 }).map((parts) => `(?:${parts.join('')})`);
    const source = fc.array(fc.oneof(quantified, group), { maxLength: 5 }).map((parts) => parts.join(''));
    fc.assert(
      fc.property(source, fc.array(fc.constantFrom(...TEXTS), { maxLength: 3 }), (text, parts) => {
        assert.equal(matcher(text)(parts.join('')), new RegExp(text, 'u').test(parts.join('')));
      }),
      { numRuns: 300 },
    );
  });

  const refused: readonly (readonly [string, RegExp])[] = [
    ['^(?!prod).*$', /uses lookaround "\(\?!", which cannot be matched in linear time/],
    ['(?<=a)b', /uses lookaround "\(\?<="/],
    ['(a)\\1', /uses the back-reference "\\1", which cannot be matched in linear time/],
    ['(?<n>a)\\k<n>', /uses the back-reference "\\k"/],
    ['a{1001}', /repeats something more than 1000 times/],
    ['\\Aa\\z', /is not a regular expression \(of ECMA-262, flag u\): Invalid escape/],
    ['\\p{Nonsense}', /is not a regular expression .*: Invalid property name/],
    ['(?P<n>a)', /is not a regular expression/],
    ['a{,2}{', /is not a regular expression/],
  ];
  for (const [source, reason] of refused) {
    it(`/${source}/ is refused for the true reason`, () => assert.match(problem(source), reason));
  }

  it('cannot name properties without end', () => {
    const all = patterns();
    const names = ['L', 'Lu', 'Ll', 'Lt', 'Lm', 'Lo', 'M', 'Mn', 'Mc', 'Me', 'N', 'Nd', 'Nl', 'No', 'P', 'Pc', 'Pd'];
    const problems = names.map((name) => all.problem(`\\p{${name}}`));
    assert.equal(problems.at(-2), undefined);
    assert.match(problems.at(-1) ?? '', /more than 16 Unicode properties/);
  });
});
