import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkNode, isInstalled } from '../../../scripts/setup.mjs';

const lock = {
  packages: {
    '': { name: 'opstream' },
    'node_modules/a': { version: '1.0.0', integrity: 'sha512-a' },
    'node_modules/b-darwin': { version: '2.0.0', integrity: 'sha512-b', optional: true },
  },
};

test('an install is whole when it has what the lock file asks for, whatever is left out for other platforms', () => {
  assert.equal(
    isInstalled(lock, { packages: { 'node_modules/a': { version: '1.0.0', integrity: 'sha512-a' } } }),
    true,
  );
});

test('an install that was killed, is older, or is of another package is not', () => {
  assert.equal(isInstalled(lock, undefined), false);
  assert.equal(isInstalled(lock, { packages: {} }), false);
  assert.equal(
    isInstalled(lock, { packages: { 'node_modules/a': { version: '0.9.0', integrity: 'sha512-a' } } }),
    false,
  );
  assert.equal(
    isInstalled(lock, { packages: { 'node_modules/a': { version: '1.0.0', integrity: 'sha512-z' } } }),
    false,
  );
});

test('an older Node is refused with what was found and what is needed', () => {
  assert.throws(() => checkNode('18.19.1'), /needs Node 20\.11\.0 or newer, found 18\.19\.1/);
  checkNode('20.11.0');
  checkNode('22.1.0');
});
