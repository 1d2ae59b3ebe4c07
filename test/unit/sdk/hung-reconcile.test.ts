// A reconcile whose promise does not settle: what it costs the others, what is told, and what it may still do.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isFault } from '../../../src/core/fault.ts';
import type { OController, Reconciler } from '../../../src/sdk/types.ts';
import { commandFor, entityAt } from '../../support/entities.ts';
import { memoryComponent } from '../../support/memory-component.ts';

const ONE_WORKER = { OPERATOR_MAX_WORKERS: '1', OPSTREAM_RECONCILE_TIMEOUT: '5s' };

/** Hangs on `public.run-1` until it is let go, and then does `late`. */
const hangingOnce = (late: (controller: OController) => Promise<void> = async () => {}) => {
  const seen: string[] = [];
  const gates: (() => void)[] = [];
  let controller: OController | undefined;
  const reconciler: Reconciler = {
    id: () => 'test',
    init: (given) => {
      controller = given;
    },
    reconcile: async ({ key }) => {
      seen.push(key);
      if (key !== 'public.run-1' || gates.length > 0) return {};
      await new Promise<void>((resolve) => gates.push(resolve));
      assert.ok(controller);
      await late(controller);
      return {};
    },
  };
  return { reconciler, seen, letGo: () => gates[0]?.() };
};

test('past its time-out a reconcile that hangs has failed: its worker is free, its key is not, and its resource says since when', async () => {
  const { reconciler, seen, letGo } = hangingOnce();
  const component = memoryComponent(reconciler, ONE_WORKER);
  const running = component.start();
  await component.clock.settle();
  await component.deliver(commandFor(entityAt(5)));
  const began = new Date(component.clock.nowMs()).toISOString();
  await component.deliver(commandFor(entityAt(6, { name: 'run-2' })));
  await component.clock.advance(8000);
  assert.deepEqual(seen, ['public.run-1', 'public.run-2'], 'the only worker goes on to the next key');
  const hung = component.statuses().find(({ data }) => data.key === 'public.run-1')?.data;
  assert.equal(hung?.status, 'error');
  const stalled = hung?.conditions.find(({ type }) => type === 'Stalled');
  assert.equal(stalled?.reason, 'ReconcileHangs');
  assert.match(stalled?.message ?? '', new RegExp(`began at ${began} has not ended, though its 5s .* are over`));
  await component.deliver(commandFor(entityAt(7)));
  await component.clock.advance(600_000);
  assert.equal(seen.filter((key) => key === 'public.run-1').length, 1, 'never a second one beside it');
  letGo();
  await component.clock.advance(5000);
  assert.equal(
    seen.filter((key) => key === 'public.run-1').length,
    2,
    'the newer state is worked on once it has ended',
  );
  const last = component.statuses().findLast(({ data }) => data.key === 'public.run-1')?.data;
  assert.equal(last?.status, 'active');
  assert.equal(last?.observedSequence, 7);
  component.stop();
  await running;
});

test('what a reconcile reports after it was given up on is refused, and what it returns counts as a failure', async () => {
  let refusal: unknown;
  const { reconciler, seen, letGo } = hangingOnce(async (controller) => {
    refusal = await controller.updateEntityStatus({ key: 'public.run-1', status: 'active', externalId: 'late' }).then(
      () => undefined,
      (error: unknown) => error,
    );
  });
  const component = memoryComponent(reconciler, ONE_WORKER);
  const running = component.start();
  await component.clock.settle();
  await component.deliver(commandFor(entityAt(5)));
  await component.clock.advance(8000);
  letGo();
  await component.clock.settle();
  assert.ok(isFault(refusal, 'LEASE_LOST'));
  assert.equal(component.statuses().length, 1, 'only that it hangs');
  await component.clock.advance(5000);
  assert.deepEqual(seen, ['public.run-1', 'public.run-1'], 'tried again, with back-off');
  assert.ok(!component.statuses().some(({ data }) => data.externalId === 'late'));
  component.stop();
  await running;
});

test('a reconcile that ends when it is told to has failed, and does not hang', async () => {
  const component = memoryComponent(
    {
      id: () => 'test',
      init: () => {},
      reconcile: (_request, { signal }) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
        }),
    },
    ONE_WORKER,
  );
  const running = component.start();
  await component.clock.settle();
  await component.deliver(commandFor(entityAt(5)));
  await component.clock.advance(8000);
  assert.ok(
    component.statuses().every(({ data }) => data.conditions.every(({ reason }) => reason === 'ReconcileFailed')),
  );
  component.stop();
  await running;
});

test('a component that has lost its lease while a reconcile hangs ends, so that none begins beside it', async () => {
  const { reconciler } = hangingOnce();
  const component = memoryComponent(reconciler, ONE_WORKER);
  const running = component.start();
  const ended = assert.rejects(running, /does not end although its signal was aborted/);
  await component.clock.settle();
  await component.deliver(commandFor(entityAt(5)));
  await component.clock.advance(8000);
  component.leases.current.abort();
  await component.clock.advance(10_000);
  await ended;
  assert.equal(component.leases.token, 1);
});
