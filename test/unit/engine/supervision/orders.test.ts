// Orders that are under way while a driver is asked what runs.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createOrders } from '../../../../src/engine/supervision/orders.ts';
import { createSupervisor } from '../../../../src/engine/supervision/supervisor.ts';
import { defaultSettings } from '../../../../src/engine/supervision/decide.ts';
import type { ComputeDriver, InstanceSpec, InstanceState } from '../../../../src/engine/supervision/ports.ts';
import type { OperatorDocument } from '../../../../src/messages/queries.ts';
import { silentLog } from '../../../../src/program/logger.ts';
import { operatorManifest } from '../../../support/fixtures.ts';
import { drivenClock } from '../../../../src/testing/driven-clock.ts';

const operator: OperatorDocument = {
  ...{ name: 'op', uid: 'u-1', generation: 1, createdAt: '', updatedAt: '', createdBy: '', updatedBy: '' },
  ...{ sequence: 1, manifest: operatorManifest({ name: 'op' }) },
};
const [component] = operator.manifest.operator.components;
assert.ok(component);

const spec: InstanceSpec = {
  ...{ id: `op.${component.name}.0.r1`, operator: 'op', component: component.name, replica: 0, revision: 'r1' },
  ...{ type: 'worker', image: 'i', command: [], arguments: [], environment: {}, files: [], ports: [] },
};

/** A driver whose list is as old as its beginning, as that of a process that is asked whether it is ready. */
const slowDriver = () => {
  const running: InstanceState[] = [];
  const gates: (() => void)[] = [];
  let started = (): void => {};
  const driver: ComputeDriver = {
    name: 'process',
    start: ({ id }) =>
      new Promise((resolve) => {
        started = () => {
          const state = { id, state: 'running', isReady: true, startedMs: 1, handle: '7', addresses: {} } as const;
          if (running.length === 0) running.push(state);
          resolve(state);
        };
      }),
    list: async () => {
      const listed = [...running];
      await new Promise<void>((resolve) => gates.push(resolve));
      return listed;
    },
    stop: async () => {},
    followLog: async function* () {},
  };
  return { driver, answer: () => gates.splice(0).forEach((open) => open()), start: () => started() };
};

test('a start that ends while the driver makes its list is given once, and counted once', async () => {
  const clock = drivenClock();
  const stopping = new AbortController();
  const slow = slowDriver();
  const supervisor = createSupervisor({
    directory: { get: () => operator, all: () => [operator] },
    planner: {
      isExternal: () => false,
      plan: async () => ({ kind: 'instances', driver: 'process', desired: [spec] }),
    },
    drivers: [slow.driver],
    ...{ settings: defaultSettings, clock, random: () => 0.5, log: silentLog, signal: stopping.signal },
    onReport: () => {},
  });
  const running = supervisor.run();
  await clock.settle();
  slow.answer();
  await clock.advance(1000);
  // The list of the second round has begun.
  slow.start();
  await clock.settle();
  slow.answer();
  await clock.settle();
  slow.answer();
  await clock.settle();
  slow.answer();
  await clock.settle();
  const [told] = supervisor.reportOf(operator)?.components ?? [];
  assert.equal(told?.replicas?.[0]?.starts, 1);
  assert.equal(told?.restarts, 0);
  stopping.abort();
  slow.answer();
  await clock.settle();
  await running;
});

test('what is being started is there before a driver lists it, and once when it does', async () => {
  const slow = slowDriver();
  const orders = createOrders({
    ...{ drivers: new Map([['process', slow.driver]]), graceMs: 1, log: silentLog },
    ...{ signal: new AbortController().signal, nowMs: () => 5, onNotStarted: () => {}, onDone: () => {} },
  });
  orders.give({ kind: 'start', spec, driver: 'process' });
  const [coming, ...others] = orders.look('process')([]);
  assert.deepEqual([coming?.id, coming?.state, coming?.order, others.length], [spec.id, 'starting', 'start', 0]);
  const mark = orders.look('process');
  slow.start();
  await orders.startsDone();
  assert.equal(mark([]).length, 1, 'it may have been listed before it ran');
  assert.equal(orders.look('process')([]).length, 0);
});
