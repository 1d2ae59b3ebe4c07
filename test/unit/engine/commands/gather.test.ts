// What is fetched before a command is decided: nothing that is known, nothing that the decision does not need, and all that it needs.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Fault, isFault } from '../../../../src/core/fault.ts';
import { known, type Case } from '../../../../src/engine/commands/case.ts';
import type { Relations } from '../../../../src/engine/commands/relations.ts';
import { NOTHING_LEFT } from '../../../../src/messages/left-behind.ts';
import { datasetOf, operatorNamed, together } from '../../../support/manifests.ts';
import { memoryEvents, memoryHandler } from '../../../support/memory-handler.ts';

/** Which of the relations are asked, in their order. */
const asking = () => {
  const asked: string[] = [];
  const told =
    <T>(name: string, answer: T) =>
    async (): Promise<T> => {
      asked.push(name);
      return answer;
    };
  const relations: Relations = {
    dependentsOf: told('dependentsOf', NOTHING_LEFT),
    lastStatusOf: told('lastStatusOf', undefined),
    statusAt: told('statusAt', undefined),
    operatorNames: told('operatorNames', []),
    usersOfSecret: told('usersOfSecret', { total: 0, operators: [] }),
    storageLeftBy: told('storageLeftBy', []),
  };
  return { asked, relations };
};

/** The outcomes of others have all arrived here, and the operator is known. */
const ready = async () => {
  const { asked, relations } = asking();
  const [events, outcomes] = [memoryEvents(), memoryEvents()];
  const handler = memoryHandler(events, outcomes, relations, undefined, true);
  await handler.send('apply', operatorNamed('op'));
  const readsOf = async (work: () => Promise<unknown>): Promise<number> => {
    const before = events.reads + outcomes.reads;
    await work();
    return events.reads + outcomes.reads - before;
  };
  return { asked, events, handler, readsOf };
};

const set = (name: string, value: number) => datasetOf('op', name, { value });

describe('before it is decided', () => {
  it('an apply of a new resource reads nothing', async () => {
    const { asked, events, handler, readsOf } = await ready();
    let readsBeforeAppend = -1;
    const before = events.reads;
    events.beforeAppend = () => {
      readsBeforeAppend = events.reads - before;
    };
    assert.equal(await readsOf(() => handler.send('apply', set('a', 1))), 0);
    assert.equal(readsBeforeAppend, 0);
    assert.deepEqual(asked, []);
  });

  it('a change, and a wish, on what is in memory read nothing either', async () => {
    const { asked, handler, readsOf } = await ready();
    await handler.send('apply', set('a', 1), { isIdGiven: false });
    assert.equal(await readsOf(() => handler.send('apply', set('a', 2), { isIdGiven: false })), 0);
    assert.equal(await readsOf(() => handler.send('suspend', { name: 'a' }, { isIdGiven: false })), 0);
    assert.deepEqual(asked, []);
  });

  it('a dry run looks once', async () => {
    const { handler, readsOf } = await ready();
    // The resource and its operator.
    assert.equal(await readsOf(() => handler.send('apply', set('a', 1), { isDryRun: true })), 2);
  });

  it('an apply that changes nothing asks whether anybody has, and reads no history again', async () => {
    const { events, handler } = await ready();
    for (const value of [1, 2, 3]) await handler.send('apply', set('a', value));
    const before = events.messagesRead;
    assert.equal((await handler.send('apply', set('a', 3))).unchanged, true);
    assert.equal(events.messagesRead, before);
  });

  it('only what the verb needs there and then is asked', async () => {
    const { asked, handler } = await ready();
    const askedBy = async (...sent: Parameters<typeof handler.send>): Promise<readonly string[]> => {
      asked.length = 0;
      await handler.send(...sent);
      return [...new Set(asked)];
    };
    await handler.send('apply', set('a', 1));
    assert.deepEqual(await askedBy('apply', set('a', 1)), ['lastStatusOf'], 'it may be stuck');
    assert.deepEqual(await askedBy('apply', set('a', 2), { expectedGeneration: 7 }), []);
    assert.deepEqual(
      await askedBy('apply', set('a', 1), { expectedGeneration: 7 }),
      [],
      'refused, whatever its status',
    );
    assert.deepEqual(await askedBy('delete', { name: 'a' }), []);
    assert.deepEqual(await askedBy('delete', { name: 'a' }), ['lastStatusOf']);
    assert.deepEqual(await askedBy('release', { name: 'none' }), []);
    assert.deepEqual(await askedBy('settle', { name: 'a', uid: 'u', runId: 'r', statusSequence: 1 }), ['statusAt']);
    assert.deepEqual(await askedBy('apply', datasetOf('nobody', 'b', {})), ['operatorNames']);
    assert.deepEqual(await askedBy('delete', { type: 'secret', name: 's' }), []);
    assert.deepEqual(await askedBy('delete', { type: 'operator', name: 'none' }), []);
    assert.deepEqual(await askedBy('restart', { type: 'operator', name: 'op' }), []);
    assert.deepEqual(await askedBy('delete', { type: 'operator', name: 'op' }), ['dependentsOf']);
  });
});

describe('what a decider did not say that it needs', () => {
  it('is a bug and no "none"', () => {
    const one = { facts: { lastStatus: undefined } } as unknown as Case;
    assert.equal(known(one, 'lastStatus'), undefined);
    assert.throws(() => known(one, 'dependents'), /"dependents"/);
  });

  it('stays a fault when it cannot be read', async () => {
    const lost = async () => {
      throw new Fault('JS_UNAVAILABLE', 'away');
    };
    const handler = memoryHandler(memoryEvents(), memoryEvents(), { dependentsOf: lost });
    await handler.send('apply', operatorNamed('op'));
    await assert.rejects(handler.send('delete', { type: 'operator', name: 'op' }), (error) =>
      isFault(error, 'JS_UNAVAILABLE'),
    );
  });
});

describe('a resource that comes with its operator', () => {
  const operatorWith = (nameJqFilter: string) => ({
    name: 'shop',
    version: 'v1alpha',
    type: 'operator',
    operator: {
      components: [{ name: 'controller', type: 'worker', compute: 'external', image: 'none', replicas: 1 }],
      resources: [{ name: 'dataset', nameJqFilter }],
      enabledWorkspaces: ['public'],
    },
  });

  it('is named by the filter that the operator brings', async () => {
    const events = memoryEvents();
    const handler = memoryHandler(events);
    const receipt = await handler.send(
      'apply',
      together([operatorWith('"new-\\(.name)"'), datasetOf('shop', 'a', {})]),
    );
    assert.equal(receipt.accepted, true, JSON.stringify(receipt.rejection));
    const { data } = events.json().at(-1) ?? {};
    assert.equal((data as { readonly externalName: string }).externalName, 'new-a');
  });

  it('is judged on that operator, also where the operator is refused', async () => {
    const handler = memoryHandler(memoryEvents());
    const broken = together([operatorWith('.name |'), datasetOf('shop', 'a', {})]);
    const { rejection } = await handler.send('apply', broken);
    assert.equal(rejection?.code, 'JQ_INVALID');
    assert.doesNotMatch(JSON.stringify(rejection), /OPERATOR_NOT_FOUND/, 'it is in the command');
  });
});
