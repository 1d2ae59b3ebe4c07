// opstream delete --force, release, and the selectors of get.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { reject } from '../../../src/core/rejection.ts';
import { ok } from '../../../src/core/result.ts';
import type { Receipt } from '../../../src/messages/commands.ts';
import { leftBehind, leftBehindItem } from '../../support/left-behind.ts';
import { applied, opstream } from '../../support/run-opstream.ts';

const released: Receipt = {
  ...applied,
  verb: 'release',
  events: [{ id: 'e', type: 'io.opstream.resource.released.v1', subject: 'x', sequence: 9 }],
  leftBehind: { total: 1, items: [leftBehindItem('run-1', { externalId: 'ext-4711', runtime: 'inprogress' })] },
};

describe('opstream delete --force', () => {
  it('of an operator lists what stays, and what can be done about it', async () => {
    const receipt: Receipt = { ...applied, verb: 'delete', leftBehind: { ...leftBehind('a', 'b'), total: 7 } };
    const { code, err, sent } = await opstream(['delete', '-t', 'operator', '-n', 'adf-operator', '--force'], {
      receipt,
    });
    assert.equal(code, 0);
    assert.deepEqual(sent[0]?.body, { type: 'operator', name: 'adf-operator', force: true });
    for (const line of [
      '7 resources stay declared without an operator; what they have outside is left as it is:',
      '  (public) a: adf-operator/pipeline-run, no external id was reported, last seen active',
      '  and 5 more',
      '  list them: opstream get -t resource -a --operator adf-operator --orphaned',
      '  adopt them: register an operator named adf-operator again',
    ]) {
      assert.ok(err.includes(`${line}\n`), `${line}\n---\n${err}`);
    }
  });

  it('of a resource is a release', async () => {
    const { err, sent } = await opstream(['delete', '-n', 'run-1', '--force'], { receipt: released });
    assert.deepEqual(sent[0]?.body, { type: 'resource', workspace: 'public', name: 'run-1', force: true });
    assert.match(err, /deleting\(public\) run-1:resource\.\.\.deleted/);
    assert.match(err, /external id ext-4711, last seen active inprogress/);
  });

  it('without it sends none', async () => {
    const { sent } = await opstream(['delete', '-n', 'run-1']);
    assert.deepEqual(sent[0]?.body, { type: 'resource', workspace: 'public', name: 'run-1' });
  });
});

describe('opstream release', () => {
  it('says for the last time what is outside', async () => {
    const { code, err, sent } = await opstream(['release', '-n', 'run-1', '-w', 'sandbox'], { receipt: released });
    assert.equal(code, 0);
    assert.deepEqual(
      [sent[0]?.verb, sent[0]?.body],
      ['release', { type: 'resource', workspace: 'sandbox', name: 'run-1' }],
    );
    assert.match(err, /releasing resource sandbox\/run-1\.\.\.released/);
    assert.match(err, /left outside as it is; nothing here knows it any more:\n.*ext-4711/);
  });

  it('passes --force on, and a refusal through', async () => {
    const rejection = reject('NOT_RELEASABLE', 'delete it first');
    const { code, err, sent } = await opstream(['release', '-n', 'run-1', '--force'], {
      receipt: { ...applied, accepted: false, events: [], rejection },
    });
    assert.equal(code, 1);
    assert.equal((sent[0]?.body as { force?: boolean } | undefined)?.force, true);
    assert.match(err, /delete it first \[NOT_RELEASABLE\]/);
    assert.equal((await opstream(['release'])).code, 2);
  });
});

describe('opstream get', () => {
  const answer = ok({ items: [], total: 0, sequence: 1 });
  const queryOf = async (...argv: readonly string[]) => {
    const { queries, code } = await opstream(['get', ...argv], { answer });
    return code === 0 ? (queries[0] as { body: object }).body : code;
  };
  const MINE = { type: 'resource', workspace: 'public', owner: 'iamgroot', limit: 1000 };

  it('lists what is mine; -a everything, --owner what is theirs', async () => {
    assert.deepEqual(await queryOf(), MINE);
    assert.deepEqual(await queryOf('-a'), { type: 'resource', limit: 1000 });
    assert.deepEqual(await queryOf('--owner', 'rocket'), { ...MINE, owner: 'rocket' });
    assert.deepEqual(await queryOf('-t', 'operator'), { type: 'operator', owner: 'iamgroot', limit: 1000 });
  });

  it('selects by labels, tags and layer', async () => {
    assert.deepEqual(await queryOf('-l', 'a=b,c!=d, e in (f,g)'), { ...MINE, selector: 'a=b,c!=d, e in (f,g)' });
    assert.deepEqual(await queryOf('--tags', 'red, big'), { ...MINE, tags: ['red', 'big'] });
    assert.deepEqual(await queryOf('--tags=red'), { ...MINE, tags: ['red'] });
    assert.deepEqual(await queryOf('--tags'), MINE);
    assert.deepEqual(await queryOf('--tags', '-a'), { type: 'resource', limit: 1000 });
    assert.deepEqual(await queryOf('--layer', 'system', '--orphaned'), { ...MINE, layer: 'system', orphaned: true });
  });

  it('refuses a selector that is none before anything is asked', async () => {
    for (const selector of ['a=b,,c', 'a in b', '=x']) {
      const { code, queries, err } = await opstream(['get', '-l', selector], { answer });
      assert.deepEqual([code, queries.length], [2, 0], selector);
      assert.match(err, /--selector: expected/);
    }
    assert.equal(await queryOf('--layer', 'root'), 2);
  });
});
