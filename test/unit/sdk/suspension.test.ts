// A component and a resource that is suspended: the SDK keeps its reconciler from changing anything, whatever the reconciler does.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { OController, Reconciler } from '../../../src/sdk/types.ts';
import { commandFor, entityAt } from '../../support/entities.ts';
import { memoryComponent } from '../../support/memory-component.ts';

/** Says `active` each time, and counts how often it was called. */
const careless = (observe?: (controller: OController, key: string) => Promise<void>) => {
  let controller: OController | undefined;
  const calls: string[] = [];
  const reconciler: Reconciler = {
    id: () => 'careless',
    init: (given) => {
      controller = given;
    },
    reconcile: async ({ key }) => {
      calls.push('reconcile');
      const entity = await controller?.getEntity(key, 'pipeline-run');
      await controller?.updateEntityStatus({
        key,
        status: entity?.deletionRequestedAt === undefined ? 'active' : 'deleted',
        externalId: 'outside-1',
      });
      return {};
    },
  };
  if (observe !== undefined) {
    reconciler.observe = async ({ key }) => {
      calls.push('observe');
      if (controller !== undefined) await observe(controller, key);
      return {};
    };
  }
  return { reconciler, calls };
};

const suspendedAt = (sequence: number, changes: Parameters<typeof entityAt>[1] = {}) =>
  commandFor(entityAt(sequence, { suspended: true, ...changes }));

test('a suspended entity is not reconciled: not when it changes, not at a resync, not when it is deleted', async () => {
  const { reconciler, calls } = careless();
  const component = memoryComponent(reconciler, { OPERATOR_RECONCILE_WORKERS_INTERVAL: '10s' });
  const running = component.start();
  await component.clock.settle();
  await component.deliver(commandFor(entityAt(5)));
  assert.deepEqual(calls, ['reconcile']);
  await component.deliver(suspendedAt(6));
  await component.deliver(suspendedAt(7, { generation: 2 }));
  await component.clock.advance(60_000);
  await component.deliver(suspendedAt(8, { generation: 2, deletionRequestedAt: '2026-01-01T00:00:00.000Z' }));
  await component.clock.advance(60_000);
  assert.deepEqual(calls, ['reconcile']);
  const told = component.statuses().map(({ data }) => data);
  assert.deepEqual(
    told.map(({ observedSequence, status, externalId }) => [observedSequence, status, externalId]),
    [
      [5, 'active', 'outside-1'],
      [6, 'active', 'outside-1'],
      [7, 'active', 'outside-1'],
      [8, 'deleting', 'outside-1'],
    ],
  );
  const suspended = told.at(-1)?.conditions.find(({ type }) => type === 'Suspended');
  assert.equal(suspended?.status, 'True');
  assert.match(suspended?.message ?? '', /nothing is changed outside until it is resumed/);
  component.stop();
  await running;
});

test('what was held back happens after the resume, and the status says no more that it is suspended', async () => {
  const { reconciler, calls } = careless();
  const component = memoryComponent(reconciler);
  const running = component.start();
  await component.clock.settle();
  await component.deliver(suspendedAt(5));
  assert.equal(component.statuses().at(-1)?.data.status, 'pending');
  await component.deliver(commandFor(entityAt(6)));
  assert.deepEqual(calls, ['reconcile']);
  const last = component.statuses().at(-1)?.data;
  assert.deepEqual(
    [last?.status, last?.conditions.map(({ type, status }) => `${type} ${status}`)],
    ['active', ['Ready True']],
  );
  component.stop();
  await running;
});

test('a reconciler that says nothing is not said to be suspended after the resume', async () => {
  const component = memoryComponent({ id: () => 'silent', init: () => {}, reconcile: async () => ({}) });
  const running = component.start();
  await component.clock.settle();
  await component.deliver(suspendedAt(5));
  await component.deliver(commandFor(entityAt(6)));
  const last = component.statuses().at(-1)?.data;
  assert.deepEqual(
    [last?.status, last?.conditions.map(({ type, status }) => `${type} ${status}`)],
    ['active', ['Ready True']],
  );
  component.stop();
  await running;
});

test('a reconciler that can observe is asked to, and its reports say that the entity is suspended', async () => {
  const { reconciler, calls } = careless((controller, key) =>
    controller.updateEntityStatus({ key, status: 'active', runtime: 'succeeded' }),
  );
  const component = memoryComponent(reconciler);
  const running = component.start();
  await component.clock.settle();
  await component.deliver(suspendedAt(5));
  assert.deepEqual(calls, ['observe']);
  const last = component.statuses().at(-1)?.data;
  assert.equal(last?.runtime, 'succeeded');
  assert.match(last?.conditions.find(({ type }) => type === 'Suspended')?.message ?? '', /still looked at/);
  component.stop();
  await running;
});

test('a reconcile that is under way when the suspension comes is told to stop, and that is no failure', async () => {
  let stopped: unknown;
  const component = memoryComponent({
    id: () => 'slow',
    init: () => {},
    reconcile: async (_request, { signal }) => {
      await new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
      }).catch((error: unknown) => {
        stopped = error;
        throw error;
      });
      return {};
    },
  });
  const running = component.start();
  await component.clock.settle();
  await component.deliver(commandFor(entityAt(5)));
  await component.deliver(suspendedAt(6));
  await component.clock.settle();
  assert.match(String(stopped), /suspended/);
  assert.deepEqual(
    component.statuses().map(({ data }) => [data.observedSequence, data.conditions.map(({ type }) => type)]),
    [[6, ['Ready', 'Suspended']]],
  );
  component.stop();
  await running;
});
