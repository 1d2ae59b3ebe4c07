// What an API does not show yet, does not show any more, or deletes later: waited for, never made a second time, gone when it is gone.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { waitFor } from '../../../support/wait-for.ts';
import { component, deleted, object, thing, withoutFind } from './object-component.ts';
import type { Says } from './support.ts';

const seconds = 5000;

describe('a thing that was made', () => {
  it('and is not to be seen yet is waited for', async () => {
    let isSeen = false;
    const hidden = (): Says | undefined => (isSeen ? undefined : { status: 404 });
    const it = await component(
      { object },
      { read: hidden, search: (list) => ({ body: isSeen ? list : [] }) },
      { settleMs: 60 * seconds },
    );
    await it.declare(thing(1, 1, 'one'));
    const waiting = await it.until(({ conditions }) => conditions[0]?.reason === 'NotSeenYet', 'waiting');
    assert.equal(waiting.externalId, 't1');
    await waitFor(() => it.asked('GET', '/things/').length > 3, { what: 'some looks' });
    isSeen = true;
    await it.at(1);
    assert.equal(it.asked('POST').length, 1);
  });

  it('and whose answer was lost is searched for before it is made again', async () => {
    let isSeen = false;
    const it = await component(
      { object },
      { create: () => ({ status: 502 }), search: (list) => ({ body: isSeen ? list : [] }) },
      { settleMs: 60 * seconds },
    );
    await it.declare(thing(1, 1, 'one'));
    await waitFor(() => it.asked('GET').length > 4, { what: 'some searches' });
    isSeen = true;
    assert.equal((await it.at(1)).externalId, 't1');
    assert.equal(it.asked('POST').length, 1);
  });

  it('and is gone after that time is made again, and said so', async () => {
    const it = await component({ object }, {}, { settleMs: 1 });
    await it.declare(thing(1, 1, 'one'));
    await it.at(1);
    it.things.clear();
    await it.declare(thing(2, 1, 'one'));
    const status = await it.at(2);
    assert.equal(status.externalId, 't2');
    assert.equal(status.conditions.find(({ type }) => type === 'LastChange')?.reason, 'Recreated');
  });

  it('and answers 410 is gone at once', async () => {
    let isGone = false;
    const it = await component(
      { object },
      { read: (kept) => (isGone && kept?.id === 't1' ? { status: 410 } : undefined), search: () => ({ body: [] }) },
      { settleMs: 60 * seconds },
    );
    await it.declare(thing(1, 1, 'one'));
    await it.at(1);
    isGone = true;
    await it.declare(thing(2, 1, 'one'));
    assert.equal((await it.at(2)).externalId, 't2');
  });
});

describe('a deletion', () => {
  it('that is accepted has ended when the thing is gone', async () => {
    const it = await component({ object }, { remove: () => ({ status: 202 }) }, { settleMs: 60 * seconds });
    await it.declare(thing(1, 1, 'one'));
    await it.at(1);
    await it.declare(deleted(thing(1, 1, 'one'), 2));
    const waiting = await it.until(({ conditions }) => conditions[0]?.reason === 'Deleting', 'word of it');
    assert.match(waiting.message ?? '', /t1 is still there/);
    const before = it.asked('GET', '/things/').length;
    await waitFor(() => it.asked('GET', '/things/').length > before + 2, { what: 'more looks' });
    assert.equal(it.asked('DELETE').length, 1);
    it.things.clear();
    await it.until(({ status }) => status === 'deleted', 'the end');
  });

  it('of what the manifest calls gone has ended', async () => {
    const remove = { ...object.delete, gone: '.response.body.state == "deleted"' };
    let state = 'there';
    const it = await component(
      { object: { ...object, delete: remove } },
      { remove: () => ({ status: 202 }), read: (kept) => ({ body: { ...kept, state } }) },
    );
    await it.declare(thing(1, 1, 'one'));
    await it.at(1);
    await it.declare(deleted(thing(1, 1, 'one'), 2));
    await it.until(({ conditions }) => conditions[0]?.reason === 'Deleting', 'word of it');
    state = 'deleted';
    await it.until(({ status }) => status === 'deleted', 'the end');
  });

  it('by a request that is no DELETE has ended when it is answered', async () => {
    const remove = { method: 'POST', url: '/off/{{ .externalId }}' } as const;
    const it = await component({ object: { ...object, delete: remove } }, { other: () => ({ body: {} }) });
    await it.declare(thing(1, 1, 'one'));
    await it.at(1);
    await it.declare(deleted(thing(1, 1, 'one'), 2));
    await it.until(({ status }) => status === 'deleted', 'the end');
    assert.equal(it.things.size, 1);
  });

  it('that is refused for a while is tried again', async () => {
    for (const status of [409, 423]) {
      let refusals = 3;
      const it = await component(
        { object },
        { refuse: ({ method }) => (method === 'DELETE' && (refusals -= 1) >= 0 ? { status } : undefined) },
      );
      await it.declare(thing(1, 1, 'one'));
      await it.at(1);
      await it.declare(deleted(thing(1, 1, 'one'), 2));
      await it.until((one) => one.status === 'deleted', 'the end');
      assert.equal(it.things.size, 0);
    }
  });

  it('of what may have been made says so', async () => {
    const it = await component({ object: withoutFind }, { create: () => ({ status: 502 }) });
    await it.declare(thing(1, 1, 'one'));
    await it.until((status) => status.status === 'error', 'word of it');
    await it.declare(deleted(thing(1, 1, 'one'), 2));
    const status = await it.until((one) => one.status === 'deleted', 'the end');
    assert.match(status.conditions[0]?.message ?? '', /was not confirmed.*may be left/);
    assert.equal(it.things.size, 1);
  });

  it('of what is not to be seen yet waits for it', async () => {
    let isSeen = false;
    const it = await component(
      { object },
      {
        read: () => (isSeen ? undefined : { status: 404 }),
        refuse: ({ method }) => (method === 'DELETE' && !isSeen ? { status: 404 } : undefined),
      },
      { settleMs: 60 * seconds },
    );
    await it.declare(thing(1, 1, 'one'));
    await it.until(({ conditions }) => conditions[0]?.reason === 'NotSeenYet', 'the thing');
    await it.declare(deleted(thing(1, 1, 'one'), 2));
    await waitFor(() => it.asked('DELETE').length > 2, { what: 'some tries' });
    isSeen = true;
    await it.until((one) => one.status === 'deleted', 'the end');
    assert.equal(it.things.size, 0);
  });
});
