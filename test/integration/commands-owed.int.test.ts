// Commands to components are owed durably: what is lost with a process, what has left the channel's stream while the component was away, and
// a deletion whose end nobody heard of. Each is found because it is wanted and not answered.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { decodeJson, encodeJson } from '../../src/core/decode.ts';
import { createAppender } from '../../src/jetstream/appender.ts';
import { schemaUri } from '../../src/messages/envelope.ts';
import type { Receipt } from '../../src/messages/commands.ts';
import { STATUS_TYPE, type EntityCommand } from '../../src/messages/entity.ts';
import { datasetOf, mustApply, operatorNamed } from '../support/manifests.ts';
import { leakGuard } from '../support/processes.ts';
import { eventIn, startInstance, type RunningInstance } from '../support/running-instance.ts';
import { waitFor } from '../support/wait-for.ts';

leakGuard();

const STREAM = 'op-channel';
let instance: RunningInstance;

before(async () => {
  instance = await startInstance({ env: { OPSTREAM_ANSWER_WAIT: '300ms' } });
  await mustApply(instance.client, operatorNamed('op'));
  await waitFor(
    async () => {
      const answer = await instance.client.query('get', { type: 'operator', name: 'op' });
      return answer.ok && answer.value.summary.status === 'active';
    },
    { what: 'the operator to be active' },
  );
});
after(() => instance.stop());

const manager = () => instance.connection.nc.jetstreamManager();

const commandsTo = async (name: string): Promise<readonly EntityCommand[]> => {
  const { state } = await (await manager()).streams.info(STREAM);
  const stored = state.messages === 0 ? [] : await instance.messages(STREAM);
  const commands = stored.map((message) => eventIn(message) as unknown as EntityCommand);
  return commands.filter(({ subject }) => subject === `resource.public.${name}`);
};

const declared = async (name: string): Promise<EntityCommand> => {
  await mustApply(instance.client, datasetOf('op', name, {}));
  return waitFor(async () => (await commandsTo(name))[0], { what: `the command to ${name}` });
};

/** What a component would say, in its own words. */
const report = async ({ data: { entity } }: EntityCommand, status: 'active' | 'deleted'): Promise<void> => {
  const { workspace, name } = entity.manifest;
  const appender = createAppender(instance.connection, instance.names.streams.status);
  const id = `${status}-${entity.uid}-${entity.sequence}`;
  const { uid, key, generation, sequence } = entity;
  const observed = { key, operator: 'op', uid, observedGeneration: generation, observedSequence: sequence };
  const event = {
    ...{ specversion: '1.0', id, source: '/test', type: STATUS_TYPE, subject: `resource.${key}` },
    ...{ time: new Date().toISOString(), datacontenttype: 'application/json', dataschema: schemaUri(STATUS_TYPE) },
    ...{ correlationid: id, causationid: id, commandid: id, actor: 'test', generation },
    data: { ...observed, status, conditions: [], properties: {}, fence: 1 },
  };
  const subject = instance.names.status({ operator: 'op', workspace, name });
  await appender.append([{ subject, id, data: encodeJson(event) }]);
  await appender.close();
};

describe('commands to components are owed durably', () => {
  it('sends again what has left the stream of the channel before it was answered', async () => {
    const first = await declared('aged');
    await report(await declared('answered'), 'active');
    const { streams } = await manager();
    await streams.purge(STREAM);
    const again = await waitFor(async () => (await commandsTo('aged'))[0], {
      what: 'the command again',
      timeoutMs: 15_000,
    });
    assert.deepEqual(again.data.entity, first.data.entity);
    const { commandid, causationid, traceparent } = first;
    assert.deepEqual({ ...again }, { ...again, commandid, causationid, traceparent });
    assert.deepEqual(await commandsTo('answered'), []);
    await report(first, 'active');
  });

  it('sends what a killed operator-runtime had only in memory, also a deletion', async () => {
    const gone = await declared('to-delete');
    await report(gone, 'active');
    const { streams } = await manager();
    // A channel that takes nothing.
    const { config, state } = await streams.info(STREAM);
    await streams.update(STREAM, { ...config, max_msgs: state.messages, discard: 'new' as never });
    await mustApply(instance.client, datasetOf('op', 'in-memory', {}));
    const receipt = await instance.client.send('delete', { name: 'to-delete' });
    const wanted = receipt.events[0]?.sequence ?? Number.POSITIVE_INFINITY;
    const positions = await instance.connection.nc.jetstream().views.kv(instance.names.buckets.leases, {
      bindOnly: true,
    });
    const isPassed = async (): Promise<boolean> => {
      // A checkpoint is written with what comes after it.
      await mustApply(instance.client, datasetOf('op', 'marker', { at: Date.now() }));
      const position = await positions.get('checkpoint.dispatch');
      return (position?.json<{ sequence: number }>().sequence ?? 0) >= wanted;
    };
    await waitFor(isPassed, { what: 'the checkpoint to pass the events', intervalMs: 250 });
    await instance.kill9('operator-runtime');
    await streams.update(STREAM, { ...config, max_msgs: -1 });
    await instance.start('operator-runtime');
    await waitFor(async () => (await commandsTo('in-memory')).length > 0, {
      what: 'the command that was in memory',
      timeoutMs: 15_000,
    });
    const deletion = await waitFor(
      async () => (await commandsTo('to-delete')).find(({ data }) => data.command === 'delete'),
      { what: 'the deletion that was in memory', timeoutMs: 15_000 },
    );
    await report(deletion, 'deleted');
  });

  it('finishes no deletion by the word of anybody: not of clients, and of nobody before the component has reported it', async () => {
    const { client, connection, names } = instance;
    const first = await declared('not-gone');
    await report(first, 'active');
    const { uid } = first.data.entity;
    await client.send('delete', { name: 'not-gone' });
    const body = encodeJson({ name: 'not-gone', uid });
    const asked = async (subject: string) =>
      decodeJson((await connection.slots.request(subject, body)).data) as unknown as Receipt;
    const refused = await asked('opstream.rpc.finalize');
    assert.equal(refused.rejection?.code, 'COMMAND_INVALID');
    assert.match(JSON.stringify(refused.rejection), /no command of clients.*delete.*release/);
    const internal = await asked('opstream.internal.finalize');
    assert.equal(internal.rejection?.code, 'COMMAND_INVALID');
    assert.match(internal.rejection?.message ?? '', /has not reported "deleted".*"active"/);
    const door = createAppender(connection, names.streams.commands);
    await door.append([{ subject: 'opstream.cmd.finalize', id: 'durable-finalize', data: body }]);
    await door.close();
    const outcome = await client.query('outcome', { commandId: 'durable-finalize', waitMs: 10_000 });
    assert.ok(outcome.ok);
    assert.equal(outcome.value.receipt?.rejection?.code, 'COMMAND_INVALID');
    const answer = await client.query('get', { type: 'resource', workspace: 'public', name: 'not-gone' });
    assert.ok(answer.ok);
    assert.equal(answer.value.summary.status, 'deleting');
  });

  it('finishes a deletion that was reported while the word of it was lost', async () => {
    const { client, names } = instance;
    const first = await declared('half-gone');
    await report(first, 'active');
    await client.send('delete', { name: 'half-gone' });
    const deletion = await waitFor(
      async () => (await commandsTo('half-gone')).find(({ data }) => data.command === 'delete'),
      { what: 'the deletion' },
    );
    await instance.kill9('operator-runtime');
    await report(deletion, 'deleted');
    const positions = await instance.connection.nc.jetstream().views.kv(names.buckets.leases, { bindOnly: true });
    const { last_seq: sequence } = (await (await manager()).streams.info(names.streams.status)).state;
    await positions.put('checkpoint.finalize', encodeJson({ sequence }));
    await instance.start('operator-runtime');
    await waitFor(
      async () => {
        const answer = await client.query('get', { type: 'resource', workspace: 'public', name: 'half-gone' });
        return !answer.ok && answer.error.code === 'NOT_FOUND';
      },
      { what: 'half-gone to be gone', timeoutMs: 15_000 },
    );
  });
});
