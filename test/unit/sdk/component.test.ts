import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fault } from '../../../src/core/fault.ts';
import type { OController, ReconcileContext, ReconcileResult, Reconciler } from '../../../src/sdk/types.ts';
import { commandFor, entityAt } from '../../support/entities.ts';
import { memoryComponent } from '../../support/memory-component.ts';

const DELETED_AT = '2026-02-01T00:00:00.000Z';

const reconcilerOf = (
  reconcile: (controller: OController, key: string, context: ReconcileContext) => Promise<ReconcileResult>,
): Reconciler => {
  let kept: OController | undefined;
  return {
    id: () => 'test',
    init: (controller) => {
      assert.equal(kept, undefined, 'init is called once');
      kept = controller;
    },
    reconcile: ({ key }, context) => {
      assert.ok(kept, 'init comes first');
      return reconcile(kept, key, context);
    },
  };
};

test('a command becomes an entity, a reconcile and a status event with the ids of the command', async () => {
  const component = memoryComponent(
    reconcilerOf(async (controller, key, context) => {
      const entity = await controller.getEntity(key, 'pipeline-run');
      assert.equal(context.fence, 1);
      assert.equal(context.attempt, 1);
      assert.ok(context.traceparent);
      assert.equal(context.tracestate, 'rojo=1');
      await controller.updateEntityStatus({
        key,
        status: 'active',
        properties: { spec: entity?.manifest.resource.spec ?? {} },
      });
      return {};
    }),
  );
  const running = component.start();
  await component.clock.settle();
  await component.deliver(commandFor(entityAt(5)));
  const [event, ...rest] = component.statuses();
  assert.equal(rest.length, 0);
  assert.equal(component.status.kept[0]?.message.subject, 'opstream.status.05.adf-operator.public.run-1');
  assert.equal(event?.source, '/opstream/component/adf-operator');
  assert.equal(event?.subject, 'resource.public.run-1');
  assert.equal(event?.correlationid, 'correlation-5');
  assert.equal(event?.causationid, 'event-5-command');
  assert.equal(event?.commandid, 'command-5');
  assert.equal(event?.traceparent, '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01');
  assert.equal(event?.tracestate, 'rojo=1');
  assert.equal(event?.data.observedSequence, 5);
  assert.equal(event?.data.fence, 1);
  assert.deepEqual(component.settled, [{ sequence: 1, how: 'ack' }]);
  component.stop();
  await running;
  assert.equal(component.leases.released, 1);
});

test('a reconcile finds its controller in the context, and needs no init', async () => {
  const component = memoryComponent({
    id: () => 'test',
    reconcile: async ({ key, type }, { controller }) => {
      assert.equal(await controller.getEntityStatus(key, type), undefined);
      const entity = await controller.getEntity(key, type);
      await controller.updateEntityStatus({ key, status: 'active', properties: { sequence: entity?.sequence ?? 0 } });
      assert.equal((await controller.getEntityStatus(key, type))?.status, 'active');
      return {};
    },
  });
  const running = component.start();
  await component.clock.settle();
  await component.deliver(commandFor(entityAt(5)));
  assert.deepEqual(
    component.statuses().map(({ data }) => [data.status, data.properties]),
    [['active', { sequence: 5 }]],
  );
  component.stop();
  await running;
});

test('a status answers the entity that was read, and the newer one gets its own', async () => {
  let letGo = (): void => {};
  const gate = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  let first = true;
  const component = memoryComponent(
    reconcilerOf(async (controller, key) => {
      await controller.getEntity(key, 'pipeline-run');
      if (first) await gate;
      first = false;
      await controller.updateEntityStatus({ key, status: 'active' });
      return {};
    }),
  );
  const running = component.start();
  await component.clock.settle();
  await component.deliver(commandFor(entityAt(5)));
  await component.deliver(commandFor(entityAt(6)));
  letGo();
  await component.clock.settle();
  assert.deepEqual(
    component.statuses().map(({ data }) => data.observedSequence),
    [5, 6],
  );
  component.stop();
  await running;
});

test('what is no command, or of another operator, is set aside with its reason and holds up nothing', async () => {
  const component = memoryComponent(
    reconcilerOf(async () => ({})),
    { OPSTREAM_OPERATOR: 'adf-operator' },
  );
  const running = component.start();
  await component.clock.settle();
  const foreign = entityAt(2);
  const manifest = { ...foreign.manifest, resource: { ...foreign.manifest.resource, operator: 'other' } };
  await component.deliver(new Uint8Array([0xff]));
  await component.deliver(commandFor({ ...foreign, manifest }));
  await component.deliver(commandFor(entityAt(3)));
  assert.deepEqual(
    component.settled.map(({ how }) => how),
    ['ack', 'ack', 'ack'],
  );
  assert.deepEqual(
    component.dead.json().map((letter) => (letter as { reason: string }).reason),
    ['not a JSON object', 'entity of operator "other", this component is of "adf-operator"'],
  );
  assert.equal(component.statuses().length, 1);
  component.stop();
  await running;
});

test('a reconcile that throws is tried again with growing gaps, told of once, and recovers', async () => {
  let failing = true;
  const attempts: number[] = [];
  const component = memoryComponent(
    reconcilerOf(async (_controller, _key, { attempt }) => {
      attempts.push(attempt);
      if (failing) throw new Error('the API is away');
      return {};
    }),
  );
  const running = component.start();
  await component.clock.settle();
  await component.deliver(commandFor(entityAt(5)));
  await component.clock.advance(10_000);
  assert.ok(attempts.length > 3);
  assert.deepEqual(
    attempts,
    attempts.map((_, index) => index + 1),
  );
  assert.equal(component.statuses().length, 1, 'equal failures are one status');
  assert.deepEqual(
    component.statuses()[0]?.data.conditions.map(({ type, status, message }) => [type, status, message]),
    [
      ['Ready', 'False', 'the API is away'],
      ['Reconciling', 'True', 'the API is away'],
    ],
  );
  failing = false;
  await component.clock.advance(600_000);
  assert.equal(component.statuses().length, 2);
  assert.equal(component.statuses()[1]?.data.status, 'active');
  component.stop();
  await running;
});

test('a terminal fault stalls the entity: a resync leaves it alone, a change does not', async () => {
  let runs = 0;
  const component = memoryComponent(
    reconcilerOf(async () => {
      runs += 1;
      if (runs === 1) throw new Fault('COMPONENT_TERMINAL', 'no such factory', { retry: 'never' });
      return {};
    }),
    { OPERATOR_RECONCILE_WORKERS_INTERVAL: '1s' },
  );
  const running = component.start();
  await component.clock.settle();
  await component.deliver(commandFor(entityAt(5)));
  await component.clock.advance(10_000);
  assert.equal(runs, 1);
  assert.equal(component.statuses()[0]?.data.status, 'error');
  assert.ok(
    component.statuses()[0]?.data.conditions.some(({ type, reason }) => type === 'Stalled' && reason === 'Terminal'),
  );
  await component.deliver(commandFor(entityAt(6)));
  assert.equal(runs, 2);
  assert.equal(component.statuses()[1]?.data.status, 'active');
  component.stop();
  await running;
});

test('a resync looks at every entity again, a poll when it asked', async () => {
  const seen: string[] = [];
  const component = memoryComponent(
    reconcilerOf(async (_controller, key) => {
      seen.push(key);
      return key === 'public.poll' ? { requeueAfterMs: 1000 } : {};
    }),
    { OPERATOR_RECONCILE_WORKERS_INTERVAL: '10s' },
  );
  const running = component.start();
  await component.clock.settle();
  await component.deliver(commandFor(entityAt(5, { name: 'poll' })));
  await component.deliver(commandFor(entityAt(6, { name: 'rest' })));
  await component.clock.advance(10_000);
  assert.equal(seen.filter((key) => key === 'public.rest').length, 2);
  assert.ok(seen.filter((key) => key === 'public.poll').length >= 10);
  assert.equal(component.statuses().length, 1, 'nothing new, nothing written');
  component.stop();
  await running;
});

test('a reconcile that takes too long has its signal aborted, and its worker back when it ends', async () => {
  const component = memoryComponent(
    reconcilerOf(async (_controller, _key, { signal }) => {
      await new Promise<void>((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
      });
      return {};
    }),
    { OPSTREAM_RECONCILE_TIMEOUT: '5s' },
  );
  const running = component.start();
  await component.clock.settle();
  await component.deliver(commandFor(entityAt(5)));
  await component.clock.advance(4000);
  assert.equal(component.statuses().length, 0);
  await component.clock.advance(2500);
  assert.match(component.statuses()[0]?.data.message ?? '', /longer than 5000 ms/);
  component.stop();
  await running;
});

test('what was reported deleted is purged after its time, and not before', async () => {
  const component = memoryComponent(
    reconcilerOf(async (controller, key) => {
      const entity = await controller.getEntity(key, 'pipeline-run');
      await controller.updateEntityStatus({
        key,
        status: entity?.deletionRequestedAt === undefined ? 'active' : 'deleted',
      });
      return {};
    }),
    {
      OPERATOR_MAINTENANCE_INTERVAL: '10s',
      OPERATOR_PURGE_STATE_STORE_BEFORE: '1m',
      OPERATOR_RECONCILE_WORKERS_INTERVAL: '5s',
    },
  );
  const running = component.start();
  await component.clock.settle();
  await component.deliver(commandFor(entityAt(5)));
  await component.deliver(commandFor(entityAt(6, { deletionRequestedAt: DELETED_AT })));
  await component.clock.advance(55_000);
  assert.ok(await component.entities.get('public.run-1'));
  await component.clock.advance(20_000);
  assert.equal(await component.entities.get('public.run-1'), undefined);
  await component.deliver(commandFor(entityAt(5)));
  assert.equal(await component.entities.get('public.run-1'), undefined, 'a doubled delivery brings nothing back');
  component.stop();
  await running;
});

test('the time until the purge goes on over a change of leader', async () => {
  const component = memoryComponent(
    reconcilerOf(async (controller, key) => {
      await controller.updateEntityStatus({ key, status: 'deleted' });
      return {};
    }),
    { OPERATOR_MAINTENANCE_INTERVAL: '10s', OPERATOR_PURGE_STATE_STORE_BEFORE: '1m' },
  );
  const running = component.start();
  await component.clock.settle();
  await component.deliver(commandFor(entityAt(6, { deletionRequestedAt: DELETED_AT })));
  await component.clock.advance(45_000);
  component.leases.current.abort();
  await component.clock.advance(14_000);
  assert.equal(component.leases.token, 2);
  assert.ok(await component.entities.get('public.run-1'), 'not before its time');
  await component.clock.advance(20_000);
  assert.equal(await component.entities.get('public.run-1'), undefined);
  component.stop();
  await running;
});

test('a hold, asked for or thrown, stops the whole operator until it is over', async () => {
  const seen: string[] = [];
  let isThrottled = true;
  const component = memoryComponent(
    reconcilerOf(async (_controller, key, { hold }) => {
      seen.push(key);
      if (!isThrottled) return {};
      isThrottled = false;
      if (key === 'public.run-1')
        throw new Fault('COMPONENT_RETRYABLE', 'throttled', { retry: { afterMs: 20_000, scope: 'operator' } });
      hold(20_000);
      return {};
    }),
  );
  const running = component.start();
  await component.clock.settle();
  await component.deliver(commandFor(entityAt(5)));
  await component.deliver(commandFor(entityAt(6, { name: 'run-2' })));
  await component.clock.advance(19_000);
  assert.deepEqual(seen, ['public.run-1']);
  await component.clock.advance(5000);
  assert.deepEqual(seen.toSorted(), ['public.run-1', 'public.run-1', 'public.run-2']);
  isThrottled = true;
  await component.deliver(commandFor(entityAt(7, { name: 'run-3' })));
  await component.deliver(commandFor(entityAt(8, { name: 'run-4' })));
  await component.clock.advance(19_000);
  assert.ok(!seen.includes('public.run-4'));
  assert.equal(component.settled.length, 4, 'commands are kept meanwhile');
  await component.clock.advance(2000);
  assert.ok(seen.includes('public.run-4'));
  component.stop();
  await running;
});

test('polls that were asked for at the same time drift apart', async () => {
  const looks: number[] = [];
  const component: ReturnType<typeof memoryComponent> = memoryComponent(
    reconcilerOf(async () => {
      looks.push(component.clock.nowMs());
      return { requeueAfterMs: 10_000 };
    }),
  );
  const running = component.start();
  await component.clock.settle();
  await component.deliver(commandFor(entityAt(5)));
  await component.clock.advance(10_000);
  assert.equal((looks[1] ?? 0) - (looks[0] ?? 0), 9500, 'with a random number of a half');
  component.stop();
  await running;
});

test('a status written by another component in between is not overwritten: the reconcile runs again on it', async () => {
  let interfere = true;
  const seen: (string | undefined)[] = [];
  const component = memoryComponent(
    reconcilerOf(async (controller, key) => {
      const status = await controller.getEntityStatus(key, 'pipeline-run');
      seen.push(status?.externalId);
      if (interfere) {
        interfere = false;
        const { data } = await earlierLeader;
        await component.status.appender.append([{ subject: statusSubject, id: 'other', data }]);
      }
      await controller.updateEntityStatus({ key, status: 'active', externalId: status?.externalId ?? 'mine' });
      return {};
    }),
  );
  const statusSubject = 'opstream.status.05.adf-operator.public.run-1';
  const earlierLeader = Promise.resolve().then(async () => {
    const other = memoryComponent(
      reconcilerOf(async (controller, key) => {
        await controller.updateEntityStatus({ key, status: 'pending', externalId: 'run of the earlier leader' });
        return {};
      }),
    );
    const running = other.start();
    await other.clock.settle();
    await other.deliver(commandFor(entityAt(5)));
    other.stop();
    await running;
    const [kept] = other.status.kept;
    assert.ok(kept);
    return kept.message;
  });
  const running = component.start();
  await component.clock.settle();
  await component.deliver(commandFor(entityAt(5)));
  await component.clock.advance(5000);
  assert.deepEqual(seen, [undefined, 'run of the earlier leader']);
  assert.equal(component.statuses().at(-1)?.data.externalId, 'run of the earlier leader');
  component.stop();
  await running;
});

test('a lost lease ends the term: reconciles are told, and the next term starts from the stores', async () => {
  const fences: number[] = [];
  const component = memoryComponent(
    reconcilerOf(async (_controller, _key, { signal, fence }) => {
      fences.push(fence);
      if (fence === 1)
        await new Promise((_resolve, reject) => signal.addEventListener('abort', reject, { once: true }));
      return {};
    }),
  );
  const running = component.start();
  await component.clock.settle();
  await component.deliver(commandFor(entityAt(5)));
  component.leases.current.abort();
  await component.clock.advance(10_000);
  assert.deepEqual(fences, [1, 2]);
  assert.equal(component.statuses().length, 1, 'being told to stop is no failure of the entity');
  component.stop();
  await running;
});

test('queries are answered on the reply subject and to an inbox, malformed ones too, and to no other subject', async () => {
  const component = memoryComponent(
    reconcilerOf(async () => ({})),
    { ENTITY_OF_INTEREST_MESSAGE_QUERY_REPLY_SUBJECT: 'adf.reply' },
  );
  const running = component.start();
  await component.clock.settle();
  await component.deliver(commandFor(entityAt(5)));
  const query = { id: 'q', query: 'status', key: 'public.run-1' };
  const answer = (await component.ask(query, '_INBOX.x.1')) as { found: boolean };
  assert.equal(answer.found, true);
  assert.equal(await component.ask(query, 'opstream.event.evil'), undefined);
  const refused = (await component.ask({ id: 'q' }, '_INBOX.x.2')) as { error: { code: string } };
  assert.equal(refused.error.code, 'QUERY_INVALID');
  assert.deepEqual(
    component.published.map(({ subject }) => subject),
    ['adf.reply', '_INBOX.x.1', 'adf.reply', 'adf.reply', '_INBOX.x.2'],
  );
  component.stop();
  await running;
});

test('a store that is away for a while delays a command, it does not lose it', async () => {
  const component = memoryComponent(reconcilerOf(async () => ({})));
  const { put } = component.entities;
  let isAway = true;
  component.entities.put = (entity, provenance) =>
    isAway ? Promise.reject(new Fault('JS_UNAVAILABLE', 'away')) : put(entity, provenance);
  const running = component.start();
  await component.clock.settle();
  await component.deliver(commandFor(entityAt(5)));
  isAway = false;
  await component.deliver(commandFor(entityAt(5)), 2);
  assert.deepEqual(
    component.settled.map(({ how }) => how),
    ['nak', 'ack'],
  );
  assert.equal(component.statuses().length, 1);
  component.stop();
  await running;
});
