import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { includesBytes } from '../../../src/core/bytes.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('includesBytes', () => {
  it('finds what String.includes finds', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', '"'), maxLength: 12 });
    fc.assert(
      fc.property(text, text, (whole, part) => {
        assert.equal(includesBytes(bytes(whole), bytes(part)), whole.includes(part));
      }),
    );
  });
});
