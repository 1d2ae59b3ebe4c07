// What is done to a thing is seen: in the status, in the log. What comes back after each correction is left alone for a while. What belongs to one
// resource is nobody else's.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { EntityStatus } from '../../../../src/sdk/index.ts';
import { listeningLog } from '../../../support/told-changes.ts';
import { waitFor } from '../../../support/wait-for.ts';
import { component, deleted, object, thing, update } from './object-component.ts';

const changing = { ...object, update };

const conditionOf = (status: EntityStatus, type: string) => status.conditions.find((one) => one.type === type);

describe('every change of a thing', () => {
  it('is in the status with what differed, and in the log', async () => {
    const { log, changes } = listeningLog();
    const it = await component({ object: changing }, {}, { log });
    const changeAt = async (sequence: number) => conditionOf(await it.at(sequence), 'LastChange');
    await it.declare(thing(1, 1, 'one'));
    assert.equal((await changeAt(1))?.reason, 'Created');
    await it.declare(thing(2, 2, 'two'));
    const updated = await changeAt(2);
    assert.deepEqual(
      [updated?.reason, updated?.message.replace(/^\S+ /, '')],
      ['Updated', 'text: "one", wanted "two"'],
    );
    it.things.set('t1', { id: 't1', name: 'thing', text: 'of somebody' });
    await it.declare(thing(3, 2, 'two'));
    const drift = await changeAt(3);
    assert.equal(drift?.reason, 'DriftCorrected');
    assert.match(drift?.message ?? '', /^\d{4}-\S+Z: text: "of somebody", wanted "two"$/);
    await it.declare(thing(4, 2, 'two'));
    assert.deepEqual(await changeAt(4), { ...drift, observedGeneration: 2 }, 'it stays until there is another');
    await it.declare(deleted(thing(4, 2, 'two'), 5));
    const end = await it.until(({ status }) => status === 'deleted', 'the end');
    assert.equal(conditionOf(end, 'LastChange')?.reason, 'Deleted');
    await waitFor(() => changes().length === 4, { what: 'the log' });
    assert.deepEqual(changes(), ['Created', 'Updated', 'DriftCorrected', 'Deleted']);
  });

  it('says that it was adopted', async () => {
    const it = await component({ object: changing });
    it.things.set('x', { id: 'x', name: 'thing', text: 'theirs' });
    await it.declare(thing(1, 1, 'ours'));
    const change = conditionOf(await it.at(1), 'LastChange');
    assert.equal(change?.reason, 'Adopted');
    assert.match(change?.message ?? '', /text: "theirs", wanted "ours"/);
    assert.equal(it.asked('POST').length, 0);
  });

  it('tells whole numbers by all their digits', async () => {
    const counting = { ...object, update: { ...object.update, body: { count: '{{ .spec.text | tonumber }}' } } };
    const text = '{"id":"t1","name":"thing","count":9007199254740995}';
    const it = await component({ object: counting }, { read: () => ({ text }) });
    await it.declare(thing(1, 1, '9007199254740993'));
    await it.at(1);
    await it.declare(thing(2, 2, '9007199254740993'));
    const message = conditionOf(await it.at(2), 'LastChange')?.message ?? '';
    assert.match(message, /count: "9007199254740995", wanted "9007199254740993"$/);
    await it.declare(thing(3, 3, '9007199254740995'));
    const updated = conditionOf(await it.at(3), 'LastChange');
    assert.match(updated?.message ?? '', /Z$/, 'what is the same does not differ');
  });

  it('stays said when the next look fails', async () => {
    let isBroken = false;
    const read = () => (isBroken ? { status: 500, body: {} } : undefined);
    const it = await component({ object: changing }, { read });
    await it.declare(thing(1, 1, 'one'));
    const made = conditionOf(await it.at(1), 'LastChange');
    isBroken = true;
    await it.declare(thing(2, 1, 'one'));
    const isFailed = ({ conditions }: EntityStatus): boolean =>
      conditions.some(({ reason }) => reason === 'ReconcileFailed');
    const failed = await it.until(isFailed, 'the failure');
    assert.deepEqual(conditionOf(failed, 'LastChange'), made);
  });

  it('tells nothing that is named like a secret', async () => {
    const body = {
      text: '{{ .spec.text }}',
      access: { token: '{{ .spec.text }}-1' },
      hooks: [{ password: '{{ .spec.text }}-2' }],
    };
    const it = await component({ object: { ...changing, update: { ...update, body } } });
    for (const [index, text] of ['one', 'two', 'three'].entries()) {
      await it.declare(thing(index + 1, index + 1, text));
      await it.at(index + 1);
    }
    const message = conditionOf(await it.at(3), 'LastChange')?.message ?? '';
    assert.match(message, /text: "two", wanted "three"; access\.token differs; hooks differs$/);
  });

  it('tells no secret', async () => {
    const it = await component(
      { object: { ...changing, update: { ...update, body: { text: '{{ .env.PASSWORD }}' } } } },
      {},
      { env: { PASSWORD: 'hunter2-"x"' } },
    );
    await it.declare(thing(1, 1, 'one'));
    await it.at(1);
    await it.declare(thing(2, 2, 'two'));
    const message = conditionOf(await it.at(2), 'LastChange')?.message ?? '';
    assert.match(message, /text differs$/);
    assert.ok(!JSON.stringify(it.history.map(({ conditions }) => conditions)).includes('hunter2'));
  });
});

describe('a difference that comes back', () => {
  it('is corrected three times and then left alone for a while', async () => {
    const it = await component(
      { object: changing },
      { read: (kept) => ({ body: { ...kept, text: 'as the API likes it' } }) },
    );
    for (let sequence = 1; sequence < 8; sequence += 1) {
      await it.declare(thing(sequence, 1, 'one'));
      await it.at(sequence);
    }
    // One of them belongs to the making.
    assert.equal(it.asked('PUT').length, 1 + 3);
    const persists = conditionOf(await it.at(7), 'DriftPersists');
    assert.match(persists?.message ?? '', /^text: "as the API likes it", wanted "one"; corrected again and again/);
    await it.declare(thing(8, 2, 'two'));
    assert.equal(conditionOf(await it.at(8), 'LastChange')?.reason, 'Updated');
    assert.equal(it.asked('PUT').length, 5, 'what was changed in the manifest is brought out');
  });
});

describe('a thing that two resources mean', () => {
  const shared = { ...changing, find: { ...object.find, match: '.item.name == "shared"' } };
  const create = { ...object.create, body: { name: 'shared', text: '{{ .spec.text }}' } };

  const two = async (more = {}) => {
    const it = await component({ object: { ...shared, create, ...more } });
    await it.declare(thing(1, 1, 'one', { name: 'first' }));
    await it.at(1, 'first');
    await it.declare(thing(1, 1, 'two', { name: 'second' }));
    const status = await it.until(
      ({ conditions }) => conditions.some(({ type }) => type === 'Conflict'),
      'word',
      'second',
    );
    return { it, status };
  };

  it('belongs to the first; the second says so, writes nothing and deletes nothing', async () => {
    const { it, status } = await two();
    assert.deepEqual([status.status, status.externalId], ['error', undefined]);
    assert.match(conditionOf(status, 'Conflict')?.message ?? '', /^t1 belongs to the resource public\.first/);
    assert.deepEqual([it.asked('PUT').length, it.asked('POST').length], [0, 1]);
    await it.declare(deleted(thing(1, 1, 'two', { name: 'second' }), 2));
    await it.until((one) => one.status === 'deleted', 'the end', 'second');
    assert.equal(it.asked('DELETE').length, 0);
    assert.equal(it.things.size, 1);
  });

  it('is the second one’s once the first is deleted and leaves it', async () => {
    const { delete: _delete, ...without } = { ...shared, create };
    const it = await component({ object: without });
    await it.declare(thing(1, 1, 'one', { name: 'first' }));
    await it.at(1, 'first');
    await it.declare(thing(1, 1, 'two', { name: 'second' }));
    await it.until(({ conditions }) => conditions.some(({ type }) => type === 'Conflict'), 'word', 'second');
    await it.declare(deleted(thing(1, 1, 'one', { name: 'first' }), 2));
    await it.until((one) => one.status === 'deleted', 'the end', 'first');
    await it.declare(thing(2, 1, 'two', { name: 'second' }));
    assert.equal((await it.at(2, 'second')).externalId, 't1');
  });

  it('belongs to the first after a restart too', async () => {
    const { it } = await two();
    await it.restart();
    await it.declare(thing(2, 1, 'two', { name: 'second' }));
    await it.declare(thing(2, 1, 'one', { name: 'first' }));
    await it.at(2, 'first');
    const isIt = ({ observedSequence, conditions }: EntityStatus): boolean =>
      observedSequence === 2 && conditions.some(({ type }) => type === 'Conflict');
    await it.until(isIt, 'word', 'second');
    assert.equal(it.asked('PUT').length, 0);
  });
});
