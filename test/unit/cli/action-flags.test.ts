// The flags of `run` that name an action: what they send, and what is refused before anything is sent.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { opstream } from '../../support/run-opstream.ts';

const folder = mkdtempSync(join(tmpdir(), 'opstream-'));
after(() => rmSync(folder, { recursive: true }));

const bodyOf = async (...argv: readonly string[]) => {
  const { code, sent, err } = await opstream(['run', ...argv]);
  assert.equal(code, 0, err);
  assert.equal(sent[0]?.verb, 'run');
  return sent[0].body as Record<string, unknown>;
};
const refusedWith = async (...argv: readonly string[]): Promise<string> => {
  const { code, sent, err } = await opstream(['run', ...argv]);
  assert.notEqual(code, 0);
  assert.equal(sent.length, 0);
  return err;
};

describe('opstream run', () => {
  it('takes the name with or without -n', async () => {
    assert.deepEqual(await bodyOf('books'), { type: 'resource', workspace: 'public', name: 'books' });
    assert.deepEqual(await bodyOf('-n', 'books'), await bodyOf('books'));
    assert.match(await refusedWith('books', '-n', 'books'), /given twice/);
  });

  it('sends the action and its parameters', async () => {
    const body = await bodyOf(
      'books',
      '--action',
      'scale',
      '--param',
      'size=3',
      '--param',
      'to=s3://x=y',
      '--param',
      'on=true',
    );
    assert.equal(body['action'], 'scale');
    assert.deepEqual(body['parameters'], { size: 3, to: 's3://x=y', on: true });
    const path = join(folder, 'params.yaml');
    writeFileSync(path, 'size: 3\nlist: [a]\n');
    assert.deepEqual((await bodyOf('books', '--action', 'scale', '--params', path))['parameters'], {
      size: 3,
      list: ['a'],
    });
  });

  it('refuses what does not go together', async () => {
    assert.match(await refusedWith('books', '--param', 'a=1'), /--action/);
    assert.match(await refusedWith('books', '--action', 'x', '--param', 'a'), /KEY=VALUE/);
    assert.match(await refusedWith('books', '--action', 'x', '--param', 'a=1', '--params', 'f'), /found both/);
    assert.match(await refusedWith('books', '--action', 'x', '--params', join(folder, 'none')), /cannot be read/);
  });
});
