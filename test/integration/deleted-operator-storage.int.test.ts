// What a deleted operator leaves on the NATS server: empty streams and buckets go with it, the others are named and stay. On a real server,
// with an operator-runtime that is killed in between.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { encodeJson } from '../../src/core/decode.ts';
import { createKeyValueStore } from '../../src/jetstream/key-value-store.ts';
import { ensureStateBucket } from '../../src/jetstream/state-bucket.ts';
import { streamInfo } from '../../src/jetstream/stream-contents.ts';
import type { JsonObject } from '../../src/core/json.ts';
import type { LeftBehind } from '../../src/messages/left-behind.ts';
import { join } from 'node:path';
import { allRecords, componentsFolder, endComponents, isRunning } from '../../src/compute/instance-records.ts';
import { temporaryFolder } from '../support/children.ts';
import { supervisedOperator } from '../support/supervised-operator.ts';
import { startDatasetComponent } from '../support/dataset-component.ts';
import { datasetOf, mustApply, operatorNamed } from '../support/manifests.ts';
import { leakGuard, root } from '../support/processes.ts';
import { opstreamAt } from '../support/opstream-at.ts';
import { eventIn, startInstance, type RunningInstance } from '../support/running-instance.ts';
import { waitFor } from '../support/wait-for.ts';

leakGuard();

const data = temporaryFolder();
let instance: RunningInstance;
before(async () => {
  instance = await startInstance({
    copies: { 'operator-runtime': 2 },
    env: { OPSTREAM_DATA: data.path, OPSTREAM_COMPUTES: 'runnable-default=process,external=external' },
  });
});
after(async () => {
  await instance.stop();
  await endComponents(data.path, 500);
  data.remove();
});

const until = (what: string, isTrue: () => Promise<boolean>) => waitFor(isTrue, { what, timeoutMs: 60_000 });

const configOf = async (stream: string) => (await streamInfo(instance.connection, stream))?.config;
const isThere = async (stream: string): Promise<boolean> => (await configOf(stream)) !== undefined;
const untilThere = (stream: string) => until(`stream ${stream}`, () => isThere(stream));
const untilRemoved = (stream: string) => until(`no stream ${stream}`, async () => !(await isThere(stream)));

const api = async (subject: string, body: object): Promise<JsonObject> => {
  const reply = await instance.connection.nc.request(`$JS.API.${subject}`, encodeJson(body));
  const answer = reply.json<JsonObject>();
  assert.equal(answer['error'], undefined, `${subject} ${JSON.stringify(answer['error'])}`);
  return answer;
};
const publish = async (subject: string): Promise<void> => {
  await instance.connection.nc.request(subject, encodeJson({ from: 'the test' }));
};

const statusOf = async (name: string) => {
  const answer = await instance.client.query('get', { type: 'operator', name });
  return answer.ok ? answer.value.summary.status : undefined;
};
const untilStatus = (name: string, status: string | undefined) =>
  until(`operator ${name}: ${status ?? 'gone'}`, async () => (await statusOf(name)) === status);
const register = async (manifest: JsonObject): Promise<void> => {
  await mustApply(instance.client, manifest);
  await untilStatus(String(manifest['name']), 'active');
};
const remove = async (name: string): Promise<void> => {
  assert.equal((await instance.client.send('delete', { type: 'operator', name })).accepted, true);
  await untilStatus(name, undefined);
};
/** What the last event of an operator says. */
const leftBy = async (name: string): Promise<LeftBehind | undefined> => {
  const events = await instance.messages(instance.names.streams.events, [`opstream.event.*.operator._.${name}`]);
  const { type, data } = eventIn(events.at(-1) as never) as unknown as {
    readonly type: string;
    readonly data: { readonly leftBehind?: LeftBehind };
  };
  assert.equal(type, 'io.opstream.operator.deleted.v1');
  return data.leftBehind;
};

/** As a component made with the SDK calls it when the runtime starts it. */
const bucketOf = (operator: string): string => `opstream-state-${operator}-adf-controller`;
const makeBucket = async (operator: string): Promise<string> => {
  const bucket = bucketOf(operator);
  await ensureStateBucket(instance.connection, { prefix: 'opstream', bucket });
  return bucket;
};

/** An operator whose types have the given stream. */
const onStream = (name: string, stream: string): JsonObject =>
  JSON.parse(JSON.stringify(operatorNamed(name)).replaceAll(`"${name}-channel"`, `"${stream}"`)) as JsonObject;

/** What is registered and deleted after others is removed after them: a sweep has looked at them then. */
const untilSwept = async (name: string): Promise<void> => {
  await register(operatorNamed(name));
  await remove(name);
  await untilRemoved(`${name}-channel`);
};

const killLeader = async (): Promise<void> => {
  const copies = instance.of('operator-runtime');
  const leader = copies.find((copy) => copy.lines.some(({ msg }) => msg === 'lease acquired'));
  await instance.kill9('operator-runtime', leader);
  await instance.start('operator-runtime');
};

describe('the streams and buckets of a deleted operator', { concurrency: 4, timeout: 300_000 }, () => {
  it('go with it when they are empty, though the runtime is killed, and a bucket when only markers are in it', async () => {
    await register(operatorNamed('empty'));
    const bucket = await makeBucket('empty');
    const store = createKeyValueStore(instance.connection, bucket);
    await store.commit([{ key: 'entity.public.a', data: encodeJson({ a: 1 }) }]);
    await store.commit([{ key: 'entity.public.a', data: undefined }]);
    await remove('empty');
    await killLeader();
    await untilRemoved('empty-channel');
    await untilRemoved(`KV_${bucket}`);
    assert.equal(await leftBy('empty'), undefined);
  });

  it('are named and stay while something is in them, and go when nothing is', async () => {
    await register(operatorNamed('full'));
    const bucket = await makeBucket('full');
    const store = createKeyValueStore(instance.connection, bucket);
    await store.commit([{ key: 'entity.public.a', data: encodeJson({ a: 1 }) }]);
    await publish('full.dataset');
    const told = await opstreamAt(instance.server.url, 'delete', '-t', 'operator', '-n', 'full', '--wait');
    assert.equal(told.code, 0, told.err);
    assert.match(told.out + told.err, /leaves on the NATS server:[^]*stream full-channel \(1 message\)/);
    assert.deepEqual(await leftBy('full'), {
      total: 0,
      items: [],
      storage: [
        { kind: 'stream', name: 'full-channel', reason: 'NotEmpty', messages: 1 },
        { kind: 'bucket', name: bucket, reason: 'NotEmpty', messages: 1 },
      ],
    });
    const history = await opstreamAt(instance.server.url, 'history', '-t', 'operator', '-n', 'full');
    assert.match(
      history.out,
      new RegExp(`keeps stream full-channel \\(1 message\\), bucket ${bucket} \\(1 message\\)`),
    );
    await untilSwept('after-full');
    assert.deepEqual([await isThere('full-channel'), await isThere(`KV_${bucket}`)], [true, true]);
    await api('STREAM.PURGE.full-channel', {});
    await store.commit([{ key: 'entity.public.a', data: undefined }]);
    await untilRemoved('full-channel');
    await untilRemoved(`KV_${bucket}`);
  });

  it('stay without a word while another operator uses them, and go with the last one', async () => {
    await register(onStream('first', 'shared'));
    await register(onStream('second', 'shared'));
    await remove('first');
    assert.equal(await leftBy('first'), undefined);
    await untilSwept('after-first');
    assert.equal((await configOf('shared'))?.['subjects'] instanceof Array, true);
    await remove('second');
    assert.equal(await leftBy('second'), undefined);
    await untilRemoved('shared');
  });

  it('are named and never removed when they are not of our making', async () => {
    await register(operatorNamed('theirs'));
    const config = (await configOf('theirs-channel')) ?? {};
    const subjects = [...(config['subjects'] as readonly string[]), 'somebody.else'];
    await api('STREAM.UPDATE.theirs-channel', { ...config, subjects });
    const bucket = bucketOf('theirs');
    await api(`STREAM.CREATE.KV_${bucket}`, { name: `KV_${bucket}`, subjects: [`$KV.${bucket}.>`], storage: 'file' });
    await remove('theirs');
    assert.deepEqual(
      (await leftBy('theirs'))?.storage?.map(({ name, reason }) => `${name} ${reason}`),
      ['theirs-channel NotOurs', `${bucket} NotOurs`],
    );
    await untilSwept('after-theirs');
    assert.deepEqual([await isThere('theirs-channel'), await isThere(`KV_${bucket}`)], [true, true]);
  });

  it('stay while a component of somebody else still waits for commands, and go when it has ended', async () => {
    await register(operatorNamed('busy'));
    const component = startDatasetComponent(instance, 'busy');
    await until('a consumer that waits', async () => {
      const { consumers } = await api('CONSUMER.LIST.busy-channel', {});
      return JSON.stringify(consumers).includes('"num_waiting":1');
    });
    await remove('busy');
    assert.equal(await leftBy('busy'), undefined);
    await untilSwept('after-busy');
    assert.equal(await isThere('busy-channel'), true);
    await component.stop();
    await untilRemoved('busy-channel');
  });

  it('go after the component that the runtime runs has ended, with the bucket that it made itself', async () => {
    const program = join(root, 'test', 'support', 'dataset-program.ts');
    await register(
      supervisedOperator('run-here', {
        command: ['node', '--import', import.meta.resolve('tsx'), program],
        environmentVars: {
          METRIC_PORT: 0,
          ENTITY_OF_INTEREST_MESSAGE_COMMAND_SUBJECT: 'run-here.dataset',
          OPERATOR_STATE_STORE_TYPE: 'jetstream_kv',
        },
      }),
    );
    await untilThere('KV_opstream-state-run-here-worker');
    const instances = (): number => allRecords(componentsFolder(data.path, 'opstream')).filter(isRunning).length;
    await until('a consumer', async () => {
      const { consumers } = await api('CONSUMER.LIST.run-here-channel', {});
      return JSON.stringify(consumers).includes('run-here-worker');
    });
    assert.equal(instances(), 1);
    await remove('run-here');
    assert.equal(await leftBy('run-here'), undefined);
    await untilRemoved('run-here-channel');
    assert.equal(instances(), 0);
    await untilRemoved('KV_opstream-state-run-here-worker');
  });

  it('are there again for an operator that is registered at once', async () => {
    await register(operatorNamed('again'));
    for (let round = 0; round < 3; round += 1) {
      await remove('again');
      await mustApply(instance.client, operatorNamed('again'));
    }
    await untilStatus('again', 'active');
    const component = startDatasetComponent(instance, 'again');
    await mustApply(instance.client, datasetOf('again', 'works', {}));
    await until('a resource of it', async () => {
      const answer = await instance.client.query('get', { type: 'resource', workspace: 'public', name: 'works' });
      return answer.ok && answer.value.summary.status === 'active';
    });
    await component.stop();
    await untilThere('again-channel');
  });
});
