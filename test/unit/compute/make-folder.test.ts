import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { makeFolder } from '../../../src/compute/make-folder.ts';

describe('makeFolder', () => {
  const folder = mkdtempSync(join(tmpdir(), 'make-folder-'));
  after(() => rmSync(folder, { recursive: true }));

  it('makes those above it too, with the mode, and may be called again', () => {
    const path = join(folder, 'a', 'b', 'c');
    makeFolder(path, 0o700);
    makeFolder(path, 0o700);
    assert.equal(statSync(path).mode & 0o777, 0o700);
  });

  it('says that a file is in its place, or in the place of one above it', () => {
    const path = join(folder, 'file');
    writeFileSync(path, '');
    assert.throws(() => makeFolder(path), { code: 'EEXIST', path });
    assert.throws(() => makeFolder(join(path, 'below')), { code: 'ENOTDIR' });
  });

  const noProc = existsSync('/proc/self') ? {} : { skip: 'there is no /proc here' };
  it('ends where nothing can be made although the parent is there', noProc, () => {
    assert.throws(() => makeFolder('/proc/none-of-these/below'), { code: 'ENOENT', path: '/proc/none-of-these' });
  });
});
