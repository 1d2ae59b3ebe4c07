import assert from 'node:assert/strict';
import { test } from 'node:test';
import { failureReasons, type EntityStatus } from '../../../src/messages/entity.ts';
import { failureUpdate, isGone, sameStatus, silentUpdate, statusFrom } from '../../../src/sdk/status-rules.ts';
import type { StatusUpdate } from '../../../src/sdk/types.ts';
import { entityAt } from '../../support/entities.ts';

const T1 = '2026-02-01T00:00:00.000Z';
const T2 = '2026-02-02T00:00:00.000Z';
const key = 'public.run-1';

const condition = (status: EntityStatus | undefined, type: string) =>
  status?.conditions.find((one) => one.type === type);

test('what the author leaves out is filled in from the entity', () => {
  const entity = entityAt(7, { generation: 3 });
  const status = statusFrom(entity, { key, status: 'active', externalId: 'x', properties: { a: 1 } }, undefined, T1);
  assert.deepEqual(status, {
    key,
    operator: 'adf-operator',
    uid: 'uid-1',
    observedGeneration: 3,
    observedSequence: 7,
    status: 'active',
    externalId: 'x',
    properties: { a: 1 },
    conditions: [
      {
        type: 'Ready',
        status: 'True',
        reason: 'Reconciled',
        message: '',
        lastTransitionTime: T1,
        observedGeneration: 3,
      },
    ],
  });
});

test('a transition time stays while the status of its condition does, whatever its reason', () => {
  const entity = entityAt(7);
  const conditions = (status: 'True' | 'False', reason: string): Pick<StatusUpdate, 'conditions'> => ({
    conditions: [{ type: 'Ready', status, reason, message: '' }],
  });
  const first = statusFrom(entity, { key, status: 'pending', ...conditions('False', 'A') }, undefined, T1);
  const second = statusFrom(entity, { key, status: 'pending', ...conditions('False', 'B') }, first, T2);
  const third = statusFrom(entity, { key, status: 'active', ...conditions('True', 'C') }, second, T2);
  assert.equal(condition(second, 'Ready')?.lastTransitionTime, T1);
  assert.equal(condition(third, 'Ready')?.lastTransitionTime, T2);
  const reborn = statusFrom(
    { ...entity, uid: 'uid-2' },
    { key, status: 'active', ...conditions('True', 'C') },
    first,
    T2,
  );
  assert.equal(condition(reborn, 'Ready')?.lastTransitionTime, T2, 'another uid is another thing');
});

test('equal updates are equal, in whatever order their properties are and with undefined ones', () => {
  const entity = entityAt(7);
  const base = statusFrom(entity, { key, status: 'active', properties: { a: 1, b: { c: 2 } } }, undefined, T1);
  const again = { key, status: 'active', properties: { b: { c: 2 }, a: 1 } } as const;
  assert.ok(sameStatus(base, statusFrom(entity, again, base, T2)));
  const withUndefined = { ...again, properties: { ...again.properties, d: undefined } } as unknown as StatusUpdate;
  assert.ok(sameStatus(base, statusFrom(entity, withUndefined, base, T2)));
  assert.ok(!sameStatus(base, statusFrom(entity, { ...again, properties: { a: 2 } }, base, T2)));
  assert.ok(
    !sameStatus(base, statusFrom({ ...entity, sequence: 8 }, again, base, T2)),
    'a newer sequence was observed',
  );
  assert.ok(!sameStatus(undefined, base));
});

test('a failure keeps what was known and says whether it is tried again', () => {
  const entity = entityAt(7);
  const known = statusFrom(
    entity,
    { key, status: 'active', runtime: 'inprogress', externalId: 'x', properties: { a: 1 } },
    undefined,
    T1,
  );
  const retried = statusFrom(
    entity,
    failureUpdate(entity, known, { message: 'no', reason: failureReasons.retrying }),
    known,
    T2,
  );
  assert.equal(retried.status, 'active');
  assert.equal(retried.externalId, 'x');
  assert.equal(retried.runtime, 'inprogress');
  assert.deepEqual(retried.properties, { a: 1 });
  assert.equal(condition(retried, 'Ready')?.status, 'False');
  assert.equal(condition(retried, 'Reconciling')?.status, 'True');
  const stuck = statusFrom(
    entity,
    failureUpdate(entity, retried, { message: 'never', reason: failureReasons.terminal }),
    retried,
    T2,
  );
  assert.equal(stuck.status, 'error');
  assert.equal(condition(stuck, 'Stalled')?.reason, 'Terminal');
  assert.equal(condition(stuck, 'Reconciling'), undefined);
  const other = failureUpdate({ ...entity, uid: 'uid-2' }, known, { message: 'no', reason: failureReasons.retrying });
  assert.equal(other.externalId, undefined, 'nothing of an earlier thing of the same name');
  assert.equal(other.status, 'pending');
});

test('a reconcile that reported nothing', async (t) => {
  const entity = entityAt(7);
  const active = statusFrom(entity, { key, status: 'active', externalId: 'x' }, undefined, T1);
  await t.test('makes a new entity active when it is done, and nothing when it wants another look', () => {
    assert.equal(silentUpdate(entity, undefined, true)?.status, 'active');
    assert.equal(silentUpdate(entity, undefined, false), undefined);
  });
  await t.test('lets the last status hold for a newer sequence', () => {
    const newer = { ...entity, sequence: 9, generation: 2 };
    const update = silentUpdate(newer, active, true);
    assert.ok(update);
    const next = statusFrom(newer, update, active, T2);
    assert.equal(next.observedSequence, 9);
    assert.equal(next.externalId, 'x');
    assert.equal(condition(next, 'Ready')?.lastTransitionTime, T1);
    assert.equal(silentUpdate(entity, active, true), undefined);
  });
  await t.test('clears a failure', () => {
    const failed = statusFrom(
      entity,
      failureUpdate(entity, undefined, { message: 'no', reason: failureReasons.terminal }),
      undefined,
      T1,
    );
    const done = silentUpdate(entity, failed, true);
    assert.equal(done?.status, 'active');
    assert.equal(done?.message, undefined);
    assert.equal(silentUpdate(entity, failed, false)?.status, 'pending');
  });
  await t.test('never says that a deleted thing is gone', () => {
    const deleting = { ...entity, sequence: 9, deletionRequestedAt: T1 };
    assert.equal(silentUpdate(deleting, active, true), undefined);
  });
});

test('gone is what is being deleted and was reported deleted under its uid', () => {
  const entity = entityAt(9, { deletionRequestedAt: T1 });
  const deleted = statusFrom(entity, { key, status: 'deleted' }, undefined, T1);
  assert.ok(isGone(entity, deleted));
  assert.ok(!isGone({ ...entity, uid: 'uid-2' }, deleted));
  assert.ok(!isGone(entityAt(10), deleted));
  assert.ok(!isGone(entity, undefined));
});
