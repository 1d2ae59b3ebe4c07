// What an author says of a change is in each status from then on, whoever makes it, and in the log once.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { EntityStatus } from '../../../src/messages/entity.ts';
import { differenceText } from '../../../src/sdk/difference.ts';
import { leftToSettleMs } from '../../../src/sdk/settling.ts';
import { failureUpdate, sameStatus, statusFrom } from '../../../src/sdk/status-rules.ts';
import { suspendedUpdate } from '../../../src/sdk/suspension.ts';
import { failureReasons } from '../../../src/messages/entity.ts';
import { entityAt } from '../../support/entities.ts';

const T1 = '2026-02-01T00:00:00.000Z';
const T2 = '2026-02-02T00:00:00.000Z';
const key = 'public.run-1';
const entity = entityAt(7);
const lastChange = ({ conditions }: EntityStatus) => {
  const found = conditions.find(({ type }) => type === 'LastChange');
  return found === undefined ? undefined : `${found.reason} ${found.message}`;
};
const changed = statusFrom(
  entity,
  { key, status: 'active', change: { what: 'Updated', message: 'a: 1, wanted 2' } },
  undefined,
  T1,
);

describe('the last change', () => {
  it('is dated, and beside the conditions that there are anyway', () => {
    assert.equal(lastChange(changed), `Updated ${T1}: a: 1, wanted 2`);
    assert.deepEqual(
      changed.conditions.map(({ type }) => type),
      ['Ready', 'LastChange'],
    );
    const bare = statusFrom(entity, { key, status: 'active', change: { what: 'Created' } }, changed, T2);
    assert.equal(lastChange(bare), `Created ${T2}`);
  });

  it('stays in every later status of the resource, and is not another’s', () => {
    const said = lastChange(changed);
    const next = statusFrom(entity, { key, status: 'active' }, changed, T2);
    assert.equal(lastChange(next), said);
    assert.ok(sameStatus(changed, next), 'nothing is stored for it');
    const problem = { reason: failureReasons.retrying, message: 'no answer' };
    assert.equal(lastChange(statusFrom(entity, failureUpdate(entity, changed, problem), changed, T2)), said);
    const suspended = { ...entityAt(8), suspended: true };
    const held = suspendedUpdate(suspended, changed);
    assert.ok(held);
    assert.equal(lastChange(statusFrom(suspended, held, changed, T2)), said);
    const reborn = { ...entity, uid: 'uid-2' };
    assert.equal(lastChange(statusFrom(reborn, { key, status: 'active' }, changed, T2)), undefined);
  });

  it('is not put back by conditions that were read before it', () => {
    const conditions = changed.conditions.map(({ type, status, reason, message }) => ({
      type,
      status,
      reason,
      message,
    }));
    const next = statusFrom(entity, { key, status: 'active', change: { what: 'Recreated' } }, changed, T2);
    assert.equal(lastChange(statusFrom(entity, { key, status: 'active', conditions }, next, T2)), `Recreated ${T2}`);
  });

  it('is bounded', () => {
    const message = 'x'.repeat(5000);
    const long = statusFrom(entity, { key, status: 'active', change: { what: 'Updated', message } }, undefined, T1);
    assert.equal(lastChange(long)?.length, `Updated ${T1}: …`.length + 1000);
  });
});

describe('a difference', () => {
  it('names what both have and what is otherwise, or all that is wanted', () => {
    const wanted = { name: 'ours', deep: { list: [1, 2], same: true }, more: 5 };
    const found = { name: 'theirs', deep: { list: [2, 1], same: true, own: 1 } };
    assert.equal(differenceText(wanted, found), 'name: "theirs", wanted "ours"; deep.list: [2,1], wanted [1,2]');
    assert.equal(
      differenceText(wanted, found, { under: 'sync', unshown: 'null' }),
      'sync.name: "theirs", wanted "ours"; sync.deep.list: [2,1], wanted [1,2]; sync.more: null, wanted 5',
    );
    assert.equal(differenceText({ gone: null }, {}, { unshown: 'null' }), '');
  });

  it('is bounded in places and in length', () => {
    const all = (value: string) => Object.fromEntries(Array.from({ length: 12 }, (_, at) => [`f${at}`, value]));
    assert.match(differenceText(all('a'), all('b')), /f9: "b", wanted "a"; and 2 more$/);
    assert.ok(differenceText(all('a'.repeat(999)), all('b')).length <= 600);
  });

  it('has no value that holds a secret, however it is written, or that is named like one', () => {
    const secret = 'hunter2-"x" y';
    const secrets = [secret];
    for (const hidden of [
      secret,
      `a ${secret} b`,
      encodeURIComponent(secret),
      Buffer.from(secret).toString('base64'),
    ]) {
      assert.equal(differenceText({ text: 'ours' }, { text: hidden }, { secrets }), 'text differs');
      assert.equal(differenceText({ text: [hidden] }, { text: 'theirs' }, { secrets }), 'text differs');
    }
    const named = { apiKey: 'a', hooks: [{ header: { Authorization: 'b' } }], tokens: 5 };
    const found = { apiKey: 'c', hooks: [], tokens: 6 };
    assert.equal(differenceText(named, found), 'apiKey differs; hooks differs; tokens: 6, wanted 5');
  });
});

it('what was made is waited for as long as was set, whatever the clock does', () => {
  const madeMs = Date.parse(T1);
  assert.equal(leftToSettleMs(T1, 1000, madeMs + 400), 600);
  assert.equal(leftToSettleMs(T1, 1000, madeMs + 1000), 0);
  assert.equal(leftToSettleMs(T1, 1000, madeMs - 3_600_000), 1000);
  assert.equal(leftToSettleMs(undefined, 1000, madeMs), 0);
  assert.equal(leftToSettleMs('some day', 1000, madeMs), 0);
});
