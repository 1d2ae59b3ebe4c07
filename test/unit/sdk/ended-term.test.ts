// What the SDK waits for when a term ends: whatever a server or a store does, the term ends and the process goes on. What a reconcile was doing
// for the author while the component stops is still stored.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isFault } from '../../../src/core/fault.ts';
import { createMemoryEntityStore } from '../../../src/sdk/memory-stores.ts';
import type { EntityStore, OController, Reconciler } from '../../../src/sdk/types.ts';
import { commandFor, entityAt } from '../../support/entities.ts';
import { createFreezer, memoryComponent } from '../../support/memory-component.ts';

const RESOURCES = ['run-1', 'run-2', 'run-3'];

/** Reports what no reconcile said before; `before` may keep it waiting. Keeps the faults of what it asked for. */
const reporting = (before: () => Promise<void> = async () => {}) => {
  const faults: unknown[] = [];
  let controller: OController | undefined;
  let count = 0;
  const reconciler: Reconciler = {
    id: () => 'test',
    init: (given) => {
      controller = given;
    },
    reconcile: async ({ key, type }) => {
      assert.ok(controller);
      count += 1;
      const message = `report ${count}`;
      try {
        await before();
        await controller.getEntity(key, type);
        await controller.updateEntityStatus({ key, status: 'active', message });
      } catch (error) {
        faults.push(error);
        throw error;
      }
      return { requeueAfterMs: 1000 };
    },
  };
  return { reconciler, faults };
};

type Component = ReturnType<typeof memoryComponent>;

const deliverAll = async (component: Component): Promise<void> => {
  await component.clock.settle();
  for (const [index, name] of RESOURCES.entries()) await component.deliver(commandFor(entityAt(index + 1, { name })));
  await component.clock.advance(100);
};

/** The resources that a term has reported on. */
const reportedIn = (component: Component, fence: number): readonly string[] =>
  [...new Set(component.statuses().flatMap(({ data }) => (data.fence === fence ? [data.key] : [])))].toSorted();

const ALL = RESOURCES.map((name) => `public.${name}`);

/** Loses the lease while `freeze` is in force for longer than a term waits; then the next term does what is due. */
const assertSurvives = async (
  component: Component,
  { freeze, thaw }: { freeze(): void; thaw(): void },
  whileFrozen: () => Promise<void> = async () => {},
): Promise<void> => {
  const running = component.start();
  await deliverAll(component);
  assert.deepEqual(reportedIn(component, 1), ALL);
  freeze();
  await component.clock.advance(2000);
  await whileFrozen();
  component.leases.current.abort();
  await component.clock.advance(9000);
  assert.ok(component.leases.token > 1, 'the process goes on, and leads again');
  thaw();
  await component.clock.advance(60_000);
  assert.deepEqual(reportedIn(component, component.leases.token), ALL);
  const order = component.statuses().map(({ data }) => data.fence);
  assert.deepEqual(
    order,
    order.toSorted((one, other) => one - other),
    'a term that is over stores nothing beside the next',
  );
  component.stop();
  await component.clock.advance(10_000);
  await running;
};

test('a status that cannot be stored ends with its term', async () => {
  const { reconciler, faults } = reporting();
  const component = memoryComponent(reconciler);
  await assertSurvives(component, component.status.freezer);
  assert.equal(faults.length, RESOURCES.length);
  assert.ok(
    faults.every((fault) => isFault(fault, 'LEASE_LOST')),
    String(faults),
  );
});

/** A store of the author's that knows nothing of terms. */
const frozenStore = (method: 'get' | 'put') => {
  const store = createMemoryEntityStore();
  const freezer = createFreezer();
  const slow: EntityStore = {
    ...store,
    ...(method === 'get'
      ? { get: (key) => freezer.pass().then(() => store.get(key)) }
      : { put: (entity, provenance) => freezer.pass().then(() => store.put(entity, provenance)) }),
  };
  return { store: slow, freezer };
};

test('a read of a store that does not answer ends with its term', async () => {
  const { store, freezer } = frozenStore('get');
  await assertSurvives(memoryComponent(reporting().reconciler, {}, store), freezer);
});

test('a command that cannot be kept ends with its term, and comes again', async () => {
  const { store, freezer } = frozenStore('put');
  const component = memoryComponent(reporting().reconciler, {}, store);
  await assertSurvives(component, freezer, () => component.deliver(commandFor(entityAt(9))));
  assert.deepEqual(component.settled.at(-1), { sequence: RESOURCES.length + 1, how: 'nak' });
});

test('a dead letter that cannot be kept ends with its term, and its command comes again', async () => {
  const component = memoryComponent(reporting().reconciler);
  await assertSurvives(component, component.dead.freezer, () => component.deliver({ what: 'no command' }));
  assert.deepEqual(component.settled.at(-1), { sequence: RESOURCES.length + 1, how: 'nak' });
});

test('a subscription whose end the server does not confirm ends with its term', async () => {
  const component = memoryComponent(reporting().reconciler);
  await assertSurvives(component, component.subscriptions);
});

test('while the component stops, what a call found out that was still finishing is stored', async () => {
  const freezer = createFreezer();
  const { reconciler } = reporting(() => freezer.pass());
  const component = memoryComponent(reconciler);
  const running = component.start();
  freezer.freeze();
  await deliverAll(component);
  component.stop();
  await component.clock.advance(5000);
  freezer.thaw();
  await running;
  assert.deepEqual(reportedIn(component, 1), ALL);
});

test('a component that stops while its server is frozen ends in time', async () => {
  const component = memoryComponent(reporting().reconciler);
  const running = component.start();
  await deliverAll(component);
  component.status.freezer.freeze();
  await component.clock.advance(2000);
  component.stop();
  await component.clock.advance(7000);
  await running;
  assert.equal(component.leases.released, 1);
});
