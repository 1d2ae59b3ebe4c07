// How often a status is stored that says nothing new but properties: a clock in an API's answer must not fill the status stream, and what a
// later start relies on must not wait.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { JsonObject } from '../../../src/core/json.ts';
import type { OController, Reconciler, StatusUpdate } from '../../../src/sdk/types.ts';
import { commandFor, entityAt } from '../../support/entities.ts';
import { memoryComponent } from '../../support/memory-component.ts';

const MINUTE_MS = 60_000;

/** Polls every ten seconds, and reports what `say` makes of the number of the look. */
const polling = (say: (look: number) => Partial<StatusUpdate>, recorded?: readonly string[]) => {
  let look = 0;
  let controller: OController | undefined;
  const answered: (JsonObject | undefined)[] = [];
  const reconciler: Reconciler = {
    id: () => 'test',
    ...(recorded === undefined ? {} : { recorded }),
    init: (given) => {
      controller = given;
    },
    reconcile: async ({ key, type }) => {
      look += 1;
      await controller?.updateEntityStatus({ key, status: 'active', ...say(look) });
      answered.push((await controller?.getEntityStatus(key, type))?.properties);
      return { requeueAfterMs: 10_000 };
    },
  };
  return { reconciler, answered, looks: () => look };
};

const started = async (reconciler: Reconciler, env: Readonly<Record<string, string>> = {}) => {
  const component = memoryComponent(reconciler, env);
  const running = component.start();
  await component.clock.settle();
  await component.deliver(commandFor(entityAt(5)));
  return { component, running };
};

type Component = Awaited<ReturnType<typeof started>>['component'];
const seen = (component: Component): readonly unknown[] =>
  component.statuses().map(({ data }) => data.properties['clock']);

describe('a status that differs only in properties', () => {
  it('is stored once a minute, and the last one in the end', async () => {
    const { reconciler, answered, looks } = polling((look) =>
      look > 60 ? { properties: { clock: 60 } } : { properties: { clock: look } },
    );
    const { component, running } = await started(reconciler);
    await component.clock.advance(9 * MINUTE_MS);
    assert.ok(looks() > 50, `${looks()} looks`);
    assert.ok(component.statuses().length <= 10, `${component.statuses().length} statuses in nine minutes`);
    assert.ok(component.statuses().length >= 9);
    assert.equal(answered.at(-1)?.['clock'], looks(), 'the reconciler is answered with what it said');
    await component.clock.advance(10 * MINUTE_MS);
    assert.equal(seen(component).at(-1), 60, 'the last value is stored');
    component.stop();
    await running;
  });

  it('is stored when the component stops', async () => {
    const { reconciler, looks } = polling((look) => ({ properties: { clock: look } }));
    const { component, running } = await started(reconciler);
    await component.clock.advance(30_500);
    assert.deepEqual(seen(component), [1]);
    component.stop();
    await component.clock.settle();
    await running;
    assert.deepEqual(seen(component), [1, looks()]);
  });

  it('is not stored by a component that does not lead any more', async () => {
    const { reconciler } = polling((look) => ({ properties: { clock: look } }));
    const { component, running } = await started(reconciler);
    await component.clock.advance(30_500);
    component.leases.current.abort();
    await component.clock.settle();
    assert.equal(component.statuses().filter(({ data }) => data.fence === 1).length, 1);
    component.stop();
    await running;
  });

  it('is stored at once with a condition, an id, a run or a message that changed, and what was held back with it', async () => {
    for (const [what, change] of [
      ['a condition', { conditions: [{ type: 'Ready', status: 'False', reason: 'Broken', message: '' }] }],
      ['an id', { externalId: 'x' }],
      ['a run', { run: { id: 'r', state: 'inprogress' } }],
      ['a message', { message: 'something new' }],
      ['a status', { status: 'error' }],
    ] as const) {
      const { reconciler } = polling((look) => ({ properties: { clock: look }, ...(look < 3 ? {} : change) }));
      const { component, running } = await started(reconciler);
      await component.clock.advance(20_500);
      assert.deepEqual(seen(component), [1, 3], what);
      component.stop();
      await running;
    }
  });

  it('is stored at once when it is a note that a later start relies on', async () => {
    for (const [name, recorded] of [
      ['intent', undefined],
      ['made', ['made']],
    ] as const) {
      const { reconciler } = polling((look) => ({ properties: { clock: look, [name]: look } }), recorded);
      const { component, running } = await started(reconciler);
      await component.clock.advance(20_500);
      assert.deepEqual(seen(component), [1, 2, 3], name);
      component.stop();
      await running;
    }
  });

  it('is stored at once with an interval of 0s', async () => {
    const { reconciler } = polling((look) => ({ properties: { clock: look } }));
    const { component, running } = await started(reconciler, { OPSTREAM_STATUS_INTERVAL: '0s' });
    await component.clock.advance(20_500);
    assert.deepEqual(seen(component), [1, 2, 3]);
    component.stop();
    await running;
  });
});
