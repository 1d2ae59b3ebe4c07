// A component and a resource that was released: told of it, or finding out when it comes back.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeJson } from '../../../src/core/decode.ts';
import {
  RELEASED,
  saysReleased,
  STATUS_TYPE,
  type EntityCommand,
  type StatusEvent,
} from '../../../src/messages/entity.ts';
import { schemaUri } from '../../../src/messages/envelope.ts';
import { namesFor } from '../../../src/messages/subjects.ts';
import { parseEntityCommand } from '../../../src/sdk/entity-command.ts';
import { createMemoryEntityStatusStore, createMemoryEntityStore } from '../../../src/sdk/memory-stores.ts';
import { createMessageHandler } from '../../../src/sdk/message-handler.ts';
import { commandFor, entityAt } from '../../support/entities.ts';
import { memoryComponent } from '../../support/memory-component.ts';

const releaseOf = (sequence: number, uid = 'uid-1'): EntityCommand => {
  const command = commandFor(entityAt(sequence, { uid }));
  return { ...command, id: `release-${sequence}`, data: { ...command.data, command: 'release' } };
};

const releasedStatus = (sequence: number): StatusEvent => {
  const { key, uid } = entityAt(sequence);
  return {
    ...commandFor(entityAt(sequence)),
    id: `released-${sequence}`,
    source: '/opstream/operator-runtime',
    type: STATUS_TYPE,
    dataschema: schemaUri(STATUS_TYPE),
    data: {
      ...{ key, uid, operator: 'adf-operator', observedGeneration: 1, observedSequence: sequence },
      status: 'deleted',
      conditions: [
        {
          ...{ type: 'Ready', status: 'False', reason: RELEASED, message: '' },
          ...{ lastTransitionTime: '', observedGeneration: 1 },
        },
      ],
      properties: {},
      fence: 0,
    },
  };
};

test('the command release is read, and nothing else that is not known', () => {
  assert.equal(parseEntityCommand(encodeJson(releaseOf(3))).ok, true);
  const odd = { ...releaseOf(3), data: { ...releaseOf(3).data, command: 'forget' } };
  assert.equal(parseEntityCommand(encodeJson(odd)).ok, false);
});

test('a release removes the entity, but not a later incarnation, and asks for no reconcile', async () => {
  const entities = createMemoryEntityStore();
  const statuses = createMemoryEntityStatusStore();
  const handler = createMessageHandler();
  const deliver = (command: EntityCommand) => handler.handleCommand(command, entities, statuses);
  await deliver(commandFor(entityAt(5)));
  assert.equal(await deliver(releaseOf(6)), undefined);
  assert.equal(await entities.get('public.run-1'), undefined);
  assert.equal(await deliver(releaseOf(6)), undefined);
  await deliver(commandFor(entityAt(7, { uid: 'uid-2' })));
  assert.equal(await deliver(releaseOf(6)), undefined);
  assert.equal((await entities.get('public.run-1'))?.uid, 'uid-2');
});

test('a command from before the release does not bring the entity back', async () => {
  const entities = createMemoryEntityStore();
  const statuses = createMemoryEntityStatusStore();
  const handler = createMessageHandler();
  const { fence: _fence, ...status } = releasedStatus(6).data;
  assert.ok(saysReleased(status));
  await statuses.put(status, 1);
  for (const sequence of [3, 5]) {
    assert.equal(await handler.handleCommand(commandFor(entityAt(sequence)), entities, statuses), undefined);
  }
  assert.equal(await entities.get('public.run-1'), undefined);
});

test('a component that comes back leaves alone what was released while it was away', async () => {
  const reconciled: string[] = [];
  const component = memoryComponent({
    id: () => 'test',
    init: () => undefined,
    reconcile: async ({ key }) => {
      reconciled.push(key);
      return {};
    },
  });
  // What its store kept from before.
  await component.entities.put(entityAt(5, { name: 'released' }));
  await component.entities.put(entityAt(5, { name: 'stays' }));
  const subject = namesFor('opstream').status({ operator: 'adf-operator', workspace: 'public', name: 'released' });
  const event = releasedStatus(6);
  const data = encodeJson({ ...event, data: { ...event.data, key: 'public.released' } });
  await component.status.appender.append([{ subject, id: event.id, data }]);
  const running = component.start();
  await component.clock.settle();
  assert.deepEqual(reconciled, ['public.stays']);
  component.stop();
  await running;
});
