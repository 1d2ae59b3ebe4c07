// The verbs that have something looked at again without a change, and the repeated command that does the same for what is stuck.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Fault, isFault } from '../../../../src/core/fault.ts';
import type { EntityStatus } from '../../../../src/messages/entity.ts';
import { operatorManifest } from '../../../support/fixtures.ts';
import { datasetOf, operatorNamed } from '../../../support/manifests.ts';
import { memoryEvents, memoryHandler } from '../../../support/memory-handler.ts';

const typesOf = (events: ReturnType<typeof memoryEvents>): readonly string[] =>
  events.json().map(({ type }) => String(type).replace('io.opstream.', ''));

const RETRY = 'resource.reconcile-requested.v1';

/** `said`: the last status of the resource, beside its names. */
const withResource = async (said: () => Partial<EntityStatus> | undefined) => {
  const events = memoryEvents();
  const handler = memoryHandler(events, memoryEvents(), {
    lastStatusOf: async ({ uid }) => {
      const own = said();
      if (own === undefined) return undefined;
      return {
        ...{ key: 'public.a', operator: 'op', uid, observedGeneration: 1, observedSequence: 2 },
        ...{ status: 'error', conditions: [], properties: {}, ...own },
      };
    },
  });
  await handler.send('apply', operatorNamed('op'));
  await handler.send('apply', datasetOf('op', 'a', {}));
  return { events, handler };
};

const condition = (type: string, reason: string) => ({
  ...{ type, status: 'True', reason, message: '', lastTransitionTime: '', observedGeneration: 1 },
});

const stuck = { conditions: [condition('Stalled', 'Terminal')] } as Partial<EntityStatus>;

describe('reconcile', () => {
  it('is a fact of its own that changes no generation and starts no run', async () => {
    const { events, handler } = await withResource(() => undefined);
    const receipt = await handler.send('reconcile', { name: 'a' }, { commandId: 'again' });
    assert.deepEqual(
      receipt.events.map(({ type, sequence }) => [type, sequence]),
      [[`io.opstream.${RETRY}`, 3]],
    );
    assert.equal(receipt.entity?.generation, 1);
    assert.deepEqual(await handler.send('reconcile', { name: 'a' }, { commandId: 'again' }), receipt);
    assert.equal(events.kept.length, 3);
    assert.equal((await handler.send('reconcile', { name: 'b' })).rejection?.code, 'NOT_FOUND');
    assert.equal(
      (await handler.send('reconcile', { type: 'operator', name: 'op' })).rejection?.code,
      'COMMAND_INVALID',
    );
  });

  it('works on what is being deleted', async () => {
    const { handler } = await withResource(() => undefined);
    await handler.send('delete', { name: 'a' });
    assert.equal((await handler.send('reconcile', { name: 'a' })).accepted, true);
  });
});

describe('a command that changes nothing', () => {
  it('has what is stuck looked at again, an apply as well as a delete, and not when it is sent a second time under its id', async () => {
    const { events, handler } = await withResource(() => stuck);
    const receipt = await handler.send('apply', datasetOf('op', 'a', {}), { commandId: 'same' });
    assert.equal(receipt.unchanged, undefined);
    await handler.send('apply', datasetOf('op', 'a', {}), { commandId: 'same' });
    await handler.send('delete', { name: 'a' });
    await handler.send('delete', { name: 'a' });
    assert.deepEqual(typesOf(events).slice(2), [RETRY, 'resource.deletion-requested.v1', RETRY]);
  });

  it('is unchanged for what is well, has never been seen, or had a run that failed', async () => {
    const failedRun = { runtime: 'failed', conditions: [condition('Stalled', 'RunFailed')] } as Partial<EntityStatus>;
    const well = { status: 'active', conditions: [condition('Ready', 'Reconciled')] } as Partial<EntityStatus>;
    for (const status of [undefined, well, failedRun, { ...stuck, uid: 'an earlier one' }]) {
      const { events, handler } = await withResource(() => status);
      assert.equal((await handler.send('apply', datasetOf('op', 'a', {}))).unchanged, true);
      assert.equal(events.kept.length, 2);
    }
  });

  it('is a fault when it cannot be read whether it is stuck', async () => {
    const { handler } = await withResource(() => {
      throw new Fault('JS_UNAVAILABLE', 'away');
    });
    await assert.rejects(handler.send('apply', datasetOf('op', 'a', {})), (error) => isFault(error, 'JS_UNAVAILABLE'));
  });
});

describe('restart', () => {
  it('is a fact of the operator, of all its components or one, and changes no generation', async () => {
    const { events, handler } = await withResource(() => undefined);
    const target = { type: 'operator', name: 'op' };
    const receipt = await handler.send('restart', target);
    assert.equal(receipt.entity?.generation, 1);
    const [component] = operatorManifest().operator.components;
    assert.equal((await handler.send('restart', { ...target, component: component?.name })).accepted, true);
    assert.deepEqual(typesOf(events).slice(2), ['operator.restart-requested.v1', 'operator.restart-requested.v1']);
    const unknown = await handler.send('restart', { ...target, component: 'nobody' });
    assert.match(unknown.rejection?.message ?? '', /operator "op" has no component "nobody"; it has /);
    assert.deepEqual(
      unknown.rejection?.details.map(({ pointer }) => pointer),
      ['/component'],
    );
    assert.equal((await handler.send('restart', { name: 'a' })).rejection?.code, 'COMMAND_INVALID');
  });
});
