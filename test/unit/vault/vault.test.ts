// Sealing and opening: what was sealed opens where it was sealed, with its key, unchanged; and in no other way.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { isFault } from '../../../src/core/fault.ts';
import { isMask, isSealed, masked, maskOf, parseSealed, sealedText } from '../../../src/manifest/sealed.ts';
import { parseKeyRing } from '../../../src/vault/key-ring.ts';
import { createVault } from '../../../src/vault/vault.ts';

const key = (id: string): string => `${id}:${randomBytes(32).toString('base64')}`;
const [k1, k2] = [key('k1'), key('k2')];
const vaultOf = (...keys: readonly string[]) => {
  const ring = parseKeyRing(keys.join(','), 'test');
  return createVault({ ring: () => ring });
};
const vault = vaultOf(k1);
const PLACE = 'secret/public/db/PASSWORD';

const isUnreadable = (error: unknown): boolean => isFault(error, 'SECRET_UNREADABLE');
const text = fc.string({ unit: 'grapheme', maxLength: 400 });
const place = fc.string({ minLength: 1, maxLength: 80 });
const run = { numRuns: 300 };

describe('a sealed value', () => {
  it('opens at its place as it was, and says nothing of what it holds', () => {
    fc.assert(
      fc.property(text, place, (value, where) => {
        const sealed = vault.seal(value, where);
        assert.ok(isSealed(sealed));
        assert.equal(vault.open(sealed, where), value);
        assert.ok(value.length < 4 || !sealed.includes(value));
        assert.notEqual(vault.seal(value, where), sealed);
      }),
      run,
    );
  });

  it('opens nowhere else', () => {
    fc.assert(
      fc.property(text, place, place, (value, here, there) => {
        fc.pre(here !== there);
        const sealed = vault.seal(value, here);
        assert.throws(() => vault.open(sealed, there), isUnreadable);
      }),
      run,
    );
  });

  it('does not open when a single character of it was changed', () => {
    fc.assert(
      fc.property(text, fc.nat(), fc.constantFrom('A', 'b', '7', '-', '_'), (value, at, other) => {
        const sealed = vault.seal(value, PLACE);
        const index = 'sealed:v1:k1:'.length + (at % (sealed.length - 'sealed:v1:k1:'.length));
        const changed = `${sealed.slice(0, index)}${other}${sealed.slice(index + 1)}`;
        // The last character of base64 may have bits that mean nothing.
        fc.pre(changed !== sealed && !/[.]|^$/.test(sealed.charAt(index + 1) || '.'));
        assert.throws(() => vault.open(changed, PLACE), isUnreadable);
      }),
      run,
    );
  });

  it('does not open with parts of another one', () => {
    fc.assert(
      fc.property(text, text, fc.constantFrom('nonce', 'ciphertext', 'tag', 'fingerprint'), (left, right, part) => {
        fc.pre(left !== right);
        const [one, other] = [parseSealed(vault.seal(left, PLACE)), parseSealed(vault.seal(right, PLACE))];
        assert.ok(one !== undefined && other !== undefined);
        assert.throws(() => vault.open(sealedText({ ...one, [part]: other[part] }), PLACE), isUnreadable);
      }),
      run,
    );
  });

  it('stays as it is when the same value is sealed again there, also after a rotation', () => {
    fc.assert(
      fc.property(text, text, (value, other) => {
        const sealed = vault.seal(value, PLACE);
        const rotated = vaultOf(k2, k1);
        assert.equal(rotated.seal(value, PLACE, sealed), sealed);
        assert.match(rotated.seal(value, PLACE), /^sealed:v1:k2:/);
        if (other !== value) assert.notEqual(vault.seal(other, PLACE, sealed), sealed);
        assert.notEqual(vault.seal(value, 'another place', sealed), sealed);
        assert.equal(rotated.open(sealed, PLACE), value);
      }),
      { numRuns: 100 },
    );
  });

  it('has a fingerprint that is another one at another place and under another key', () => {
    const prints = [vault.seal('v', 'a'), vault.seal('v', 'b'), vaultOf(k2).seal('v', 'a')].map(
      (sealed) => parseSealed(sealed)?.fingerprint,
    );
    assert.equal(new Set(prints).size, 3);
  });

  it('names the key that is missing, and not the value', () => {
    const sealed = vault.seal('hunter2-hunter2', PLACE);
    const open = (): string => vaultOf(k2).open(sealed, PLACE);
    assert.throws(
      open,
      (error: unknown) => isFault(error) && /key "k1"/.test(error.message) && !/hunter2/.test(error.message),
    );
    assert.throws(open, { details: { keyId: 'k1', place: PLACE } });
    const twin = vaultOf(key('k1'));
    assert.throws(() => twin.open(sealed, PLACE), isUnreadable);
    assert.throws(() => vault.open('plain', PLACE), isUnreadable);
  });

  it('is masked wherever it stands', () => {
    const sealed = vault.seal('x', PLACE);
    const value = { a: [1, { b: sealed }], c: 'sealed:v1:no', d: null };
    assert.deepEqual(masked(value), { a: [1, { b: '(sealed, key k1)' }], c: 'sealed:v1:no', d: null });
    const without = { a: ['x', { b: 1 }] };
    assert.equal(masked(without), without);
    assert.equal(masked(undefined), undefined);
    assert.ok(isMask(maskOf({ keyId: 'k1' })));
  });
});

describe('without a key', () => {
  const empty = vaultOf();
  it('nothing is sealed', () => {
    assert.equal(empty.currentKeyId(), undefined);
    assert.throws(
      () => empty.seal('x', PLACE),
      (error: unknown) => isFault(error, 'CONFIG_INVALID'),
    );
  });
});
