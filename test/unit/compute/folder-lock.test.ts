import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { lockFolder } from '../../../src/compute/folder-lock.ts';
import { birthOf } from '../../../src/compute/os-process.ts';

let folder = '';
let path = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'opstream-lock-'));
  path = join(folder, 'up.pid');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('the lock of a folder', () => {
  it('is held by one, and free again when that one lets go', () => {
    const unlock = lockFolder(folder);
    assert.throws(() => lockFolder(folder), {
      code: 'CONFIG_INVALID',
      message: new RegExp(`process ${process.pid}\\)`),
    });
    unlock();
    lockFolder(folder)();
    assert.deepEqual(readdirSync(folder), []);
  });

  it('of a living process stays', () => {
    writeFileSync(path, `${process.ppid} ${birthOf(process.ppid)}`);
    assert.throws(() => lockFolder(folder), { code: 'CONFIG_INVALID' });
    assert.ok(existsSync(path));
  });

  it('of a dead process, or one whose number is somebody else’s by now, is taken over', () => {
    for (const stale of ['999999999 1', `${process.ppid} 1`, '', 'nonsense']) {
      writeFileSync(path, stale);
      const unlock = lockFolder(folder);
      assert.equal(readFileSync(path, 'utf8'), `${process.pid} ${birthOf(process.pid)}`, `over "${stale}"`);
      unlock();
      assert.deepEqual(readdirSync(folder), []);
    }
  });

  it('is not released by who does not hold it any more', () => {
    const unlock = lockFolder(folder);
    writeFileSync(path, 'another 1');
    unlock();
    assert.equal(readFileSync(path, 'utf8'), 'another 1');
  });
});
