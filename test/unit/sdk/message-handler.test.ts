import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { encodeJson } from '../../../src/core/decode.ts';
import { parseEntityCommand, parseEntityQuery } from '../../../src/sdk/entity-command.ts';
import { createMemoryEntityStatusStore, createMemoryEntityStore } from '../../../src/sdk/memory-stores.ts';
import { createMessageHandler } from '../../../src/sdk/message-handler.ts';
import { statusFrom } from '../../../src/sdk/status-rules.ts';
import { commandFor, entityAt } from '../../support/entities.ts';

const T1 = '2026-02-01T00:00:00.000Z';

// P8: whatever is lost, doubled and reordered on the way, as long as the newest command arrives at some time.
test('property: any deliveries that contain the newest command end with the newest entity', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc
        .integer({ min: 1, max: 12 })
        .chain((newest) =>
          fc.tuple(
            fc.constant(newest),
            fc.array(fc.integer({ min: 1, max: newest }), { maxLength: 30 }),
            fc.array(fc.integer({ min: 1, max: newest }), { maxLength: 30 }),
          ),
        ),
      fc.boolean(),
      async ([newest, before, after], atOnce) => {
        const entities = createMemoryEntityStore();
        const statuses = createMemoryEntityStatusStore();
        const handler = createMessageHandler();
        const requested: number[] = [];
        const deliver = async (sequence: number): Promise<void> => {
          const command = commandFor(entityAt(sequence));
          const request = await handler.handleCommand(command, entities, statuses);
          // What a reconcile started by this request would read.
          if (request !== undefined) requested.push((await entities.get(request.key))?.sequence ?? 0);
        };
        const deliveries = [...before, newest, ...after];
        if (atOnce) await Promise.all(deliveries.map(deliver));
        else for (const sequence of deliveries) await deliver(sequence);
        assert.equal((await entities.get('public.run-1'))?.sequence, newest);
        assert.equal(requested.at(-1), newest, 'the last reconcile reads the newest');
      },
    ),
  );
});

test('a late delivery does not bring back what was reported deleted and purged', async () => {
  const entities = createMemoryEntityStore();
  const statuses = createMemoryEntityStatusStore();
  const handler = createMessageHandler();
  const deletion = entityAt(9, { deletionRequestedAt: T1 });
  await statuses.put(statusFrom(deletion, { key: deletion.key, status: 'deleted' }, undefined, T1), 1);
  for (const sequence of [3, 9]) {
    assert.equal(await handler.handleCommand(commandFor(entityAt(sequence)), entities, statuses), undefined);
  }
  assert.equal(await entities.get('public.run-1'), undefined);
  const reborn = commandFor(entityAt(12, { uid: 'uid-2' }));
  assert.deepEqual(await handler.handleCommand(reborn, entities, statuses), {
    key: 'public.run-1',
    type: 'pipeline-run',
  });
});

test('queries are answered from the stores, also for what was purged', async () => {
  const entities = createMemoryEntityStore();
  const statuses = createMemoryEntityStatusStore();
  const handler = createMessageHandler({ operator: 'adf-operator' });
  const entity = entityAt(3);
  const status = statusFrom(entity, { key: entity.key, status: 'active' }, undefined, T1);
  const query = { id: 'q', key: entity.key } as const;
  assert.deepEqual(await handler.handleQuery({ ...query, query: 'entity' }, entities, statuses), {
    ...query,
    found: false,
  });
  await statuses.put(status, 1);
  assert.deepEqual(await handler.handleQuery({ ...query, query: 'status' }, entities, statuses), {
    ...query,
    found: true,
    status,
  });
  await entities.put(entity);
  assert.equal((await handler.handleQuery({ ...query, query: 'entity' }, entities, statuses)).entity, entity);
});

test('anything that is no command is refused with a reason, and never throws', () => {
  const good = commandFor(entityAt(3));
  const broken = (change: (entity: Record<string, unknown>) => void): Uint8Array => {
    const copy = structuredClone(good) as unknown as { data: { entity: Record<string, unknown> } };
    change(copy.data.entity);
    return encodeJson(copy);
  };
  assert.ok(parseEntityCommand(encodeJson(good)).ok);
  const cases: readonly (readonly [Uint8Array, RegExp])[] = [
    [new Uint8Array([0xff, 0x00]), /not a JSON object/],
    [encodeJson([]), /not a JSON object/],
    [encodeJson({ ...good, type: 'other' }), /type is "other"/],
    [broken((entity) => (entity['sequence'] = -1)), /sequence/],
    [broken((entity) => (entity['key'] = 'public.other')), /expected "public.run-1"/],
    [broken((entity) => (entity['manifest'] = null)), /manifest is not an object/],
    [broken((entity) => (entity['run'] = { id: 'x' })), /run/],
    [
      broken((entity) => {
        (entity['manifest'] as Record<string, unknown>)['name'] = 'x\r\nPUB evil';
      }),
      /manifest.name/,
    ],
  ];
  for (const [bytes, expected] of cases) {
    const parsed = parseEntityCommand(bytes);
    assert.ok(!parsed.ok);
    assert.match(parsed.error, expected);
  }
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      parseEntityCommand(encodeJson(value));
      parseEntityQuery(encodeJson(value));
    }),
  );
});

test('a malformed query is refused with every problem', () => {
  const parsed = parseEntityQuery(encodeJson({ id: 'q', query: 'all', key: 'a.b.c' }));
  assert.ok(!parsed.ok);
  assert.equal(parsed.error.id, 'q');
  assert.deepEqual(
    parsed.error.rejection.details.map(({ pointer }) => pointer),
    ['/query', '/key'],
  );
});
