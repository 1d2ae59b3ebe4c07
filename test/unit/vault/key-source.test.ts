// Where keys come from, and what is said of wrong ones without repeating them.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { isFault } from '../../../src/core/fault.ts';
import { ensureKeyFile, environmentOf } from '../../../src/embedded/secret-keys.ts';
import { parseKeyRing } from '../../../src/vault/key-ring.ts';
import { openKeySource } from '../../../src/vault/key-source.ts';

const key = randomBytes(32).toString('base64');
const folder = mkdtempSync(join(tmpdir(), 'opstream-keys-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const refusedFor =
  (pattern: RegExp, ...texts: readonly string[]) =>
  (error: unknown): boolean =>
    isFault(error, 'CONFIG_INVALID') &&
    pattern.test(error.message) &&
    texts.every((text) => !error.message.includes(text));

describe('a key ring', () => {
  it('has its first key as the current one, whatever separates them', () => {
    const other = randomBytes(32).toString('base64url');
    for (const text of [`b:${key},a:${other}`, `# old\n\nb:${key}\r\n a:${other}\n`]) {
      const ring = parseKeyRing(text, 'x');
      assert.equal(ring.current?.id, 'b');
      assert.deepEqual([...ring.byId.keys()], ['b', 'a']);
    }
    assert.equal(parseKeyRing('\n', 'x').current, undefined);
  });

  it('refuses what is none by position, without repeating it', () => {
    assert.throws(() => parseKeyRing(`a:${key},${key}`, 'KEYS'), refusedFor(/KEYS: key 2: expected <id>:<key>/, key));
    assert.throws(
      () => parseKeyRing(`a:${key.slice(4)}`, 'KEYS'),
      refusedFor(/key 1: expected 32 bytes/, key.slice(4)),
    );
    assert.throws(() => parseKeyRing(`a:${key}!`, 'KEYS'), refusedFor(/expected 32 bytes/, key));
    assert.throws(() => parseKeyRing(`a:${key},a:${key}`, 'KEYS'), refusedFor(/"a" is given twice/, key));
  });
});

describe('a key file', () => {
  const path = join(folder, 'keys');
  it('is read again when it has changed, a second later', () => {
    let nowMs = 0;
    writeFileSync(path, `a:${key}`, { mode: 0o600 });
    const source = openKeySource({ keys: undefined, keysFile: path }, () => nowMs);
    writeFileSync(path, `new:${randomBytes(32).toString('base64')}\na:${key}`);
    assert.equal(source.ring().current?.id, 'a');
    nowMs = 1001;
    assert.equal(source.ring().current?.id, 'new');
  });

  it('is refused when others may read it, or it is not there', () => {
    chmodSync(path, 0o640);
    assert.throws(() => openKeySource({ keys: undefined, keysFile: path }), refusedFor(/chmod 600/, key));
    assert.throws(
      () => openKeySource({ keys: undefined, keysFile: `${path}-no` }),
      refusedFor(/there is no such file/),
    );
    assert.throws(() => openKeySource({ keys: `a:${key}`, keysFile: path }), refusedFor(/found both/, key));
    assert.equal(openKeySource({ keys: undefined, keysFile: undefined }).ring().current, undefined);
  });

  it('is made once by `up`, and given only to who needs it', () => {
    const made = ensureKeyFile(folder);
    const first = openKeySource({ keys: undefined, keysFile: made }).ring().current;
    assert.equal(first?.id, 'k1');
    assert.deepEqual(openKeySource({ keys: undefined, keysFile: ensureKeyFile(folder) }).ring().current, first);
    assert.deepEqual(environmentOf('command-handler', { A: '1' }, made), { A: '1', OPSTREAM_SECRET_KEYS_FILE: made });
    assert.deepEqual(environmentOf('projector', { A: '1', OPSTREAM_SECRET_KEYS: 'x' }, made), { A: '1' });
  });
});
