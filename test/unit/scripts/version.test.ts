import assert from 'node:assert/strict';
import { test } from 'node:test';
import { atLeast, MINIMUM_VERSION, parseVersion } from '../../../scripts/version.mjs';

test('reads the version out of what programs print', () => {
  assert.deepEqual(parseVersion('nats-server: v2.15.1\n'), [2, 15, 1]);
  assert.deepEqual(parseVersion('2.12.3-1+b2'), [2, 12, 3]);
  assert.equal(parseVersion('no version here'), undefined);
});

test('compares by number, not by text', () => {
  const verdicts = ['2.12.2', '2.9.99', '1.99.99', '2.12.3', '2.12.10', '2.15.1', '10.0.0'].map((text) => [
    text,
    atLeast(parseVersion(text), MINIMUM_VERSION),
  ]);
  assert.deepEqual(verdicts, [
    ['2.12.2', false],
    ['2.9.99', false],
    ['1.99.99', false],
    ['2.12.3', true],
    ['2.12.10', true],
    ['2.15.1', true],
    ['10.0.0', true],
  ]);
});
