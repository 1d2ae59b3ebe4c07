// The durable door while something is damaged: a command on it waits, with those behind it on the same thing, and all others are carried out. What
// waits is carried out in order as soon as somebody has mended the damage.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { decodeJson } from '../../src/core/decode.ts';
import { createKeyValueStore } from '../../src/jetstream/key-value-store.ts';
import { outcomeOf, publishDurably } from '../support/durable-door.ts';
import { api } from '../support/jetstream.ts';
import { datasetOf, mustApply, operatorNamed } from '../support/manifests.ts';
import { leakGuard, nodeArguments } from '../support/processes.ts';
import { startInstance, type RunningInstance } from '../support/running-instance.ts';
import { waitFor } from '../support/wait-for.ts';

leakGuard();

let instance: RunningInstance;
beforeEach(async () => {
  instance = await startInstance({ copies: { 'operator-runtime': 0 } });
});
afterEach(() => instance.stop());

const warnings = () =>
  instance
    .of('command-handler')
    .flatMap(({ lines }) => lines)
    .filter(({ msg }) => msg === 'durable command parked')
    .map(({ commandId, code, behind }) => [commandId, code ?? (typeof behind === 'number' ? 'behind' : undefined)]);

/** As the handler tells it to whoever asks for its statistics. */
const parkedNow = async (): Promise<number | undefined> => {
  const { client, names } = instance;
  const reply = await client.request(`$SRV.STATS.${names.services.commandHandler}`, new Uint8Array());
  const stats = decodeJson(reply) as {
    readonly endpoints: readonly { readonly data?: { readonly series: Readonly<Record<string, number>> } }[];
  };
  return stats.endpoints[0]?.data?.series['opstream_commands_parked'];
};

const untilParked = (count: number) =>
  waitFor(async () => (await parkedNow()) === count, { what: `${count} to be parked`, timeoutMs: 20_000 });

/** A consumer that is made anew delivers everything again. */
const consumerMadeAt = async (): Promise<unknown> => {
  const { names, connection } = instance;
  return (await api(connection, `CONSUMER.INFO.${names.streams.commands}.command-handler`, {}))['created'];
};

const hasOutcome = async (commandId: string): Promise<boolean> => {
  const { names } = instance;
  return (await instance.messages(names.streams.outcomes, [names.outcome(commandId)])).length > 0;
};

const lastSequenceOf = async (commandId: string): Promise<number> => {
  const { accepted, events, rejection } = await outcomeOf(instance, commandId);
  assert.ok(accepted, JSON.stringify(rejection));
  return events.at(-1)?.sequence ?? 0;
};

/** What it prints. */
const cli = (...argv: readonly string[]): Promise<string> =>
  new Promise((resolve) => {
    const env = { ...process.env, OPSTREAM_NATS_URL: instance.server.url };
    const all = [...nodeArguments('src/cli/main.ts'), ...argv];
    execFile(process.execPath, all, { env, timeout: 60_000 }, (_error, stdout, stderr) =>
      resolve(`${stdout}${stderr}`),
    );
  });

describe('durable commands behind one on what is damaged', () => {
  it('wait if they are on the same resource, until its history can be read again', async () => {
    await mustApply(instance.client, operatorNamed('op'));
    await mustApply(instance.client, datasetOf('op', 'first', { value: 'mark-of-first' }));
    // A server gives up, at its start, the last message of a block that it cannot read.
    await mustApply(instance.client, datasetOf('op', 'second', { value: 0 }));
    const turnByte = async (): Promise<void> => {
      await instance.server.end();
      const { events } = instance.names.streams;
      const path = join(instance.server.storeDir, 'jetstream', '$G', 'streams', events, 'msgs', '1.blk');
      const block = readFileSync(path);
      const at = block.indexOf('-of-first');
      assert.ok(at > 0);
      block[at - 1] = (block[at - 1] ?? 0) ^ 0xff;
      writeFileSync(path, block);
      await instance.server.restart();
    };
    await instance.kill9('command-handler');
    await turnByte();
    await instance.start('command-handler');
    const target = { type: 'resource', workspace: 'public', name: 'first' };
    const patched = (value: number) => ({ ...target, patch: [{ op: 'replace', path: '/resource/spec/value', value }] });
    // An apply is taken for a first one where nothing is known of the thing. This must not begin it anew behind what cannot be read.
    await publishDurably(instance, 'apply', datasetOf('op', 'first', { value: 2 }), 'first-2');
    await untilParked(1);
    const madeAt = await consumerMadeAt();
    await publishDurably(instance, 'patch', patched(3), 'first-3');
    await publishDurably(instance, 'apply', datasetOf('op', 'second', { value: 1 }), 'second-1');
    await publishDurably(instance, 'delete', target, 'first-delete');
    await publishDurably(instance, 'apply', datasetOf('op', 'second', { value: 2 }), 'second-2');
    assert.ok((await lastSequenceOf('second-1')) < (await lastSequenceOf('second-2')));
    await untilParked(3);
    for (const id of ['first-2', 'first-3', 'first-delete']) assert.equal(await hasOutcome(id), false, id);
    assert.equal(await consumerMadeAt(), madeAt);
    assert.deepEqual(warnings(), [
      ['first-2', 'STREAM_DAMAGED'],
      ['first-3', 'behind'],
      ['first-delete', 'behind'],
    ]);

    await turnByte();
    const [two, three, deletion] = [
      await lastSequenceOf('first-2'),
      await lastSequenceOf('first-3'),
      await lastSequenceOf('first-delete'),
    ];
    assert.ok(two < three && three < deletion);
    await untilParked(0);
  });

  it('wait if they are on operators and one of these is, until the view is rebuilt', async () => {
    for (const name of ['op', 'leaving']) await mustApply(instance.client, operatorNamed(name));
    const { entities } = instance.names.buckets;
    const data = new TextEncoder().encode('{}');
    await createKeyValueStore(instance.connection, entities).commit([{ key: 'entity.public.odd', data }]);
    // Whether a resource needs the operator cannot be told while a document cannot be read.
    await publishDurably(instance, 'delete', { type: 'operator', name: 'leaving' }, 'delete-leaving');
    await untilParked(1);
    const madeAt = await consumerMadeAt();
    await publishDurably(instance, 'apply', operatorNamed('coming'), 'apply-coming');
    await publishDurably(instance, 'apply', datasetOf('op', 'a', { value: 1 }), 'apply-a');
    await lastSequenceOf('apply-a');
    await untilParked(2);
    for (const id of ['delete-leaving', 'apply-coming']) assert.equal(await hasOutcome(id), false, id);
    assert.equal(await consumerMadeAt(), madeAt);

    assert.match(await cli('doctor'), /WARN durable commands: 2 on what is damaged, or behind such a one/);
    await cli('rebuild', 'entities');
    assert.ok((await lastSequenceOf('delete-leaving')) < (await lastSequenceOf('apply-coming')));
    await untilParked(0);
    assert.deepEqual(warnings(), [
      ['delete-leaving', 'VIEW_DAMAGED'],
      ['apply-coming', 'behind'],
    ]);
  });

  it('wait if they need the view, and that is further than its stream', async () => {
    for (const name of ['op', 'leaving']) await mustApply(instance.client, operatorNamed(name));
    const { entities } = instance.names.buckets;
    // A projector that is running would put the checkpoint right.
    await instance.kill9('projector');
    const data = new TextEncoder().encode('{"stream":"OPSTREAM_EVENTS","sequence":1000000}');
    await createKeyValueStore(instance.connection, entities).commit([{ key: 'checkpoint.OPSTREAM_EVENTS.all', data }]);
    await publishDurably(instance, 'delete', { type: 'operator', name: 'leaving' }, 'delete-leaving');
    await untilParked(1);
    await publishDurably(instance, 'apply', datasetOf('op', 'a', { value: 1 }), 'apply-a');
    await lastSequenceOf('apply-a');
    assert.deepEqual(warnings(), [['delete-leaving', 'VIEW_DAMAGED']]);
  });
});
