// A reconcile that failed with "never": it needs somebody to mend something, and nobody should have to tell opstream that it is mended.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fault } from '../../../src/core/fault.ts';
import type { Reconciler } from '../../../src/sdk/types.ts';
import { commandFor, entityAt } from '../../support/entities.ts';
import { memoryComponent } from '../../support/memory-component.ts';

const HOUR_MS = 3_600_000;

const refusedWhile = (isRefused: () => boolean) => {
  const atMs: number[] = [];
  let now = (): number => 0;
  const reconciler: Reconciler = {
    id: () => 'test',
    init: () => {},
    reconcile: async () => {
      atMs.push(now());
      if (isRefused()) throw new Fault('COMPONENT_TERMINAL', 'HTTP 401', { retry: 'never' });
      return {};
    },
  };
  return { reconciler, atMs, setNow: (given: () => number) => (now = given) };
};

test('what is stuck is tried again after pauses that grow up to an hour, and the condition says when', async () => {
  let isRefused = true;
  const { reconciler, atMs, setNow } = refusedWhile(() => isRefused);
  const component = memoryComponent(reconciler, { OPERATOR_RECONCILE_WORKERS_INTERVAL: '1s' });
  setNow(() => component.clock.nowMs());
  const running = component.start();
  await component.clock.settle();
  await component.deliver(commandFor(entityAt(5)));
  await component.clock.advance(6 * HOUR_MS);
  const pauses = atMs.slice(1).map((at, index) => at - (atMs[index] ?? 0));
  assert.ok(pauses.length >= 8, `tried ${atMs.length} times`);
  pauses.slice(1).forEach((pause, index) => assert.ok(pause >= (pauses[index] ?? 0), 'they grow'));
  assert.ok((pauses[0] ?? 0) <= 20_000 && (pauses.at(-1) ?? 0) >= 0.75 * HOUR_MS && Math.max(...pauses) <= HOUR_MS);
  const stalled = component
    .statuses()
    .at(-1)
    ?.data.conditions.find(({ type }) => type === 'Stalled');
  const [, next = ''] = /^HTTP 401; next try at (\S+), at once after/.exec(stalled?.message ?? '') ?? [];
  isRefused = false;
  const before = atMs.length;
  await component.clock.advance(Date.parse(next) - component.clock.nowMs() - 1);
  assert.equal(atMs.length, before);
  await component.clock.advance(10);
  assert.equal(atMs.length, before + 1, 'at the time that it said');
  assert.equal(component.statuses().at(-1)?.data.status, 'active');
  component.stop();
  await running;
});

test('a change is tried at once, and so is everything after a new term, as after a secret that rolled the component', async () => {
  let isRefused = true;
  const { reconciler, atMs } = refusedWhile(() => isRefused);
  const component = memoryComponent(reconciler);
  const running = component.start();
  await component.clock.settle();
  await component.deliver(commandFor(entityAt(5)));
  await component.deliver(commandFor(entityAt(6)));
  assert.equal(atMs.length, 2);
  isRefused = false;
  component.leases.current.abort();
  await component.clock.advance(2000);
  assert.equal(atMs.length, 3);
  assert.equal(component.statuses().at(-1)?.data.status, 'active');
  component.stop();
  await running;
});
