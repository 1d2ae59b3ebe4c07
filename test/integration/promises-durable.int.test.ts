// The durable door on a real server with two command-handlers: what is published for one thing is carried out in that order, whatever
// happens to the handler that is at it, and its outcome is told live and later.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { encodeJson } from '../../src/core/decode.ts';
import type { JsonObject } from '../../src/core/json.ts';
import { createStreamReader } from '../../src/jetstream/stream-reader.ts';
import { resourceRef } from '../../src/messages/subjects.ts';
import { outcomeOf, publishDurably } from '../support/durable-door.ts';
import { datasetOf, mustApply, operatorNamed } from '../support/manifests.ts';
import { leakGuard, type TestProcess } from '../support/processes.ts';
import { eventIn, startInstance, type RunningInstance } from '../support/running-instance.ts';
import { waitFor } from '../support/wait-for.ts';

leakGuard();

let instance: RunningInstance;
before(async () => {
  instance = await startInstance({ copies: { 'command-handler': 2 } });
  await mustApply(instance.client, operatorNamed('op'));
});
after(() => instance.stop());

const untilQueueIsEmpty = () => {
  const reader = createStreamReader(instance.connection, instance.names.streams.commands);
  return waitFor(async () => (await reader.readLast('opstream.cmd.*')) === undefined, {
    what: 'the queue to be empty',
    timeoutMs: 30_000,
  });
};

/** The values that the resource had, one after the other. */
const valuesOf = async (name: string): Promise<readonly number[]> => {
  const subject = instance.names.event(resourceRef('public', name));
  const stored = await instance.messages(instance.names.streams.events, [subject]);
  return stored.map((message) => {
    const data = eventIn(message)['data'] as JsonObject;
    const manifest = data['manifest'] as { resource: { spec: { value: number } } } | undefined;
    const [operation] = (data['patch'] ?? []) as unknown as readonly { value: number }[];
    return manifest?.resource.spec.value ?? operation?.value ?? NaN;
  });
};

const activeHandler = (): Promise<TestProcess> =>
  waitFor(
    () =>
      instance
        .of('command-handler')
        .find((copy) =>
          copy.lines.some((line) => line['msg'] === 'lease acquired' && line['lease'] === 'command-intake'),
        ),
    { what: 'a handler that serves the durable door' },
  );

/** Publishes without waiting for each, as a client with many commands does. */
const publishMany = async (bodies: readonly JsonObject[], idOf?: (index: number) => string): Promise<void> => {
  const { nc } = instance.connection;
  for (const [index, body] of bodies.slice(0, -1).entries()) {
    if (idOf === undefined) nc.publish('opstream.cmd.apply', encodeJson(body));
    else await publishDurably(instance, 'apply', body, idOf(index));
  }
  const last = bodies.length - 1;
  await publishDurably(instance, 'apply', bodies[last] ?? {}, idOf?.(last));
};

describe('durable commands', () => {
  it('P4 on one thing are carried out in the order in which they were published', async () => {
    await publishMany(Array.from({ length: 50 }, (_, value) => datasetOf('op', 'ordered', { value })));
    await untilQueueIsEmpty();
    assert.deepEqual(
      await valuesOf('ordered'),
      Array.from({ length: 50 }, (_, value) => value),
    );
  });

  it('P1 P2 are carried out in order, each once, although the handler is killed twice in the middle', async () => {
    const COUNT = 400;
    const bodies = Array.from({ length: COUNT }, (_, value) => datasetOf('op', `killed-${value % 4}`, { value }));
    const publishing = publishMany(bodies);
    for (let kills = 1; kills <= 2; kills += 1) {
      const enough = kills * 15;
      await waitFor(async () => (await valuesOf('killed-0')).length >= enough, {
        what: 'some to be carried out',
        intervalMs: 1,
      });
      await instance.kill9('command-handler', await activeHandler());
      await instance.start('command-handler');
    }
    await publishing;
    await untilQueueIsEmpty();
    for (let index = 0; index < 4; index += 1) {
      const wanted = Array.from({ length: COUNT / 4 }, (_, turn) => turn * 4 + index);
      assert.deepEqual(await valuesOf(`killed-${index}`), wanted);
    }
  });

  it('P2 that change nothing do not change anything when they come again after a kill', async () => {
    // 0 0 1 1 2 2 …: each second one is unchanged, and would bring back an old value when it was decided anew behind a later one.
    const values = Array.from({ length: 300 }, (_, index) => Math.floor(index / 2));
    const publishing = publishMany(values.map((value) => datasetOf('op', 'repeated', { value })));
    await waitFor(async () => (await valuesOf('repeated')).length >= 20, {
      what: 'some to be carried out',
      intervalMs: 1,
    });
    await instance.kill9('command-handler', await activeHandler());
    await instance.start('command-handler');
    await publishing;
    await untilQueueIsEmpty();
    assert.deepEqual(
      await valuesOf('repeated'),
      Array.from({ length: 150 }, (_, value) => value),
    );
  });

  it('tell their outcome live and later, accepted and refused', async () => {
    const heard: string[] = [];
    const subscription = instance.connection.nc.subscribe('opstream.live.outcome.*', {
      callback: (_error, message) => heard.push(message.subject),
    });
    await publishDurably(instance, 'apply', datasetOf('op', 'told', { value: 1 }), 'told-1');
    await publishDurably(instance, 'apply', datasetOf('nobody', 'untold', { value: 1 }), 'told-2');
    await publishDurably(instance, 'delete', { name: 'never-there' }, 'told-3');
    assert.equal((await outcomeOf(instance, 'told-1')).accepted, true);
    assert.equal((await outcomeOf(instance, 'told-2')).rejection?.code, 'OPERATOR_NOT_FOUND');
    assert.equal((await outcomeOf(instance, 'told-3')).rejection?.code, 'NOT_FOUND');
    await waitFor(() => heard.length === 3, { what: 'three live outcomes' });
    subscription.unsubscribe();
    assert.deepEqual(heard.sort(), [
      'opstream.live.outcome.told-1',
      'opstream.live.outcome.told-2',
      'opstream.live.outcome.told-3',
    ]);
  });

  it('P1 published while the server is killed are there when they were confirmed', async () => {
    const confirmed: number[] = [];
    const publish = async (): Promise<void> => {
      for (let value = 0; value < 60; value += 1) {
        try {
          await publishDurably(instance, 'apply', datasetOf('op', `over-${value}`, { value }), `over-${value}`);
          confirmed.push(value);
        } catch {
          // Not confirmed: nothing is promised.
        }
      }
    };
    const publishing = publish();
    await waitFor(() => confirmed.length >= 10, { what: 'some to be confirmed', intervalMs: 1 });
    await instance.server.kill9();
    await instance.server.restart();
    await publishing;
    assert.ok(confirmed.length >= 10);
    for (const value of confirmed) assert.equal((await outcomeOf(instance, `over-${value}`)).accepted, true);
  });
});
