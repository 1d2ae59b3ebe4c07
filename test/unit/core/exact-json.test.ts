import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { parseExactJson } from '../../../src/core/exact-json.ts';

describe('JSON without lost digits', () => {
  it('makes text of whole numbers that a double cannot keep, and leaves all others numbers', () => {
    const cases: readonly (readonly [string, unknown])[] = [
      ['9007199254740993', '9007199254740993'],
      ['-9007199254740993', '-9007199254740993'],
      ['9007199254740992', 9_007_199_254_740_992],
      ['123456789012345678901234567890', '123456789012345678901234567890'],
      ['1e999', '1e999'],
      ['[1e20, -0, 0, 1.10, 0.1234567890123456789]', [1e20, -0, 0, 1.1, 0.123_456_789_012_345_68]],
      ['{"a":[{"id": 9007199254740993 }],"b":2}', { a: [{ id: '9007199254740993' }], b: 2 }],
    ];
    for (const [text, value] of cases) assert.deepEqual(parseExactJson(text), value, text);
  });

  it('touches nothing inside strings and keys', () => {
    const value = { 'a "9007199254740993" \\': 'x: 9007199254740993, "9007199254740993"\\', n: 1 };
    assert.deepEqual(parseExactJson(JSON.stringify(value)), value);
  });

  it('gives what JSON.parse gives where every number fits', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = JSON.stringify(value);
        assert.deepEqual(parseExactJson(text), JSON.parse(text));
      }),
    );
  });

  it('refuses what is not JSON, and reads what is long', () => {
    for (const bad of ['', '{', '9007199254740993x', '{"a": 09007199254740993}']) {
      assert.throws(() => parseExactJson(bad), SyntaxError, bad);
    }
    const long = { text: '\\"'.repeat(2_000_000), list: Array.from({ length: 100_000 }, (_, index) => index) };
    const text = `{"id":9007199254740993,"long":${JSON.stringify(long)}}`;
    assert.deepEqual(parseExactJson(text), { id: '9007199254740993', long });
  });
});
