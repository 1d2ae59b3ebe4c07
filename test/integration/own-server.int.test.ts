// natsClusterConfig: an operator whose channel is in a NATS server of its own, run by the operator-runtime. Real servers, the real programs,
// a component made with the SDK.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { findNatsServer } from '../../scripts/nats-server.mjs';
import { allRecords, componentsFolder, endComponents, isRunning } from '../../src/compute/instance-records.ts';
import { isAlive } from '../../src/compute/os-process.ts';
import { decodeJson, encodeJson } from '../../src/core/decode.ts';
import type { JsonObject } from '../../src/core/json.ts';
import { connectNats, type JetStreamConnection } from '../../src/jetstream/connection.ts';
import type { EntityStatus, OperatorStatus } from '../../src/messages/entity.ts';
import { temporaryFolder } from '../support/children.ts';
import { api } from '../support/jetstream.ts';
import { datasetOf, mustApply } from '../support/manifests.ts';
import { leakGuard, root } from '../support/processes.ts';
import { eventIn, startInstance, type RunningInstance } from '../support/running-instance.ts';
import { silentLog } from '../support/silent-log.ts';
import { statusOf, supervisedOperator } from '../support/supervised-operator.ts';
import { waitFor } from '../support/wait-for.ts';

leakGuard();

const PASSWORD = 'the-runtimes-own-password';
const NAME = 'lone';
const SERVER = 'lone-nats';
let instance: RunningInstance;
let data: ReturnType<typeof temporaryFolder>;

const operator = (change: JsonObject = { natsClusterConfig: { name: SERVER, compute: 'runnable-default' } }) => {
  const manifest = supervisedOperator(NAME, {
    command: ['node', '--import', import.meta.resolve('tsx'), join(root, 'test', 'support', 'dataset-program.ts')],
    environmentVars: {
      METRIC_PORT: 0,
      ENTITY_OF_INTEREST_MESSAGE_COMMAND_SUBJECT: `${NAME}.dataset`,
      OPSTREAM_LEASE_TTL: '1s',
    },
  }) as { operator: JsonObject };
  return { ...manifest, operator: { ...manifest.operator, ...change } } as JsonObject;
};

const folder = (): string => join(data.path, 'servers', 'opstream', `${NAME}.${SERVER}`);
type Login = { readonly user: string; readonly password: string };
type State = {
  readonly port: number;
  readonly runtime: Login;
  readonly component: Login;
  readonly incarnation: string;
};
const state = (): State => decodeJson(readFileSync(join(folder(), 'server.json'))) as unknown as State;

const running = (component: string): readonly number[] =>
  allRecords(componentsFolder(data.path, 'opstream'))
    .filter((record) => record.removedMs === undefined && record.id.startsWith(`${NAME}.${component}.`))
    .filter(isRunning)
    .map(({ pid }) => pid);

const connectAs = (login: Partial<Login>): Promise<JetStreamConnection> => {
  const { port } = state();
  return connectNats({ url: `nats://127.0.0.1:${port}`, name: 'test', ...login, log: silentLog, waitForServer: false });
};

const withConnection = async <T>(login: Login, work: (connection: JetStreamConnection) => Promise<T>): Promise<T> => {
  const connection = await connectAs(login);
  try {
    return await work(connection);
  } finally {
    await connection.close();
  }
};

const hasStream = async (connection: JetStreamConnection, name: string): Promise<boolean> =>
  (await api(connection, `STREAM.INFO.${name}`)).error === undefined;

const entityStatus = async (name: string): Promise<EntityStatus | undefined> => {
  const answer = await instance.client.query('get', { type: 'resource', workspace: 'public', name });
  return answer.ok && answer.value.type === 'resource' ? answer.value.status : undefined;
};

const want = async (name: string, n: number): Promise<number> => {
  const { entity } = await mustApply(instance.client, datasetOf(NAME, name, { n }));
  return entity?.generation ?? 0;
};

const untilReconciled = (name: string, generation: number): Promise<EntityStatus> =>
  waitFor(
    async () => {
      const status = await entityStatus(name);
      return status?.status === 'active' && status.observedGeneration >= generation ? status : undefined;
    },
    { what: `${name} at generation ${generation}`, timeoutMs: 30_000 },
  );

const untilReady = (): Promise<OperatorStatus> =>
  waitFor(
    async () => {
      const status = await statusOf(instance.client, NAME);
      return status?.conditions.find(({ type }) => type === 'Ready')?.status === 'True' ? status : undefined;
    },
    { what: 'the operator is ready', timeoutMs: 30_000 },
  );

/** Ids of what was reported of resources: each report once. */
const reports = async (): Promise<readonly string[]> =>
  (await instance.messages('OPSTREAM_STATUS', [`opstream.status.*.${NAME}.public.>`])).map((message) =>
    String(eventIn(message)['id']),
  );

before(async () => {
  data = temporaryFolder();
  instance = await startInstance({
    env: {
      OPSTREAM_COMPUTES: 'runnable-default=process,external=external',
      OPSTREAM_DATA: data.path,
      OPSTREAM_NATS_SERVER: await findNatsServer(),
      OPSTREAM_NATS_PASSWORD: PASSWORD,
      OPSTREAM_RESTART_PAUSE: '20ms',
      OPSTREAM_MAX_RESTART_PAUSE: '400ms',
      OPSTREAM_STOP_GRACE: '2s',
    },
  });
});
after(async () => {
  await instance.stop();
  await endComponents(data.path, 500);
  data.remove();
});

describe("an operator's own NATS server", () => {
  it('is run for it, and has the channel; the rest is as with the shared one', async () => {
    await mustApply(instance.client, operator());
    const { nats, components = [] } = await untilReady();
    const { port, incarnation } = state();
    const own = { location: 'own', name: SERVER, compute: 'runnable-default' };
    assert.deepEqual(nats, { ...own, url: `nats://127.0.0.1:${port}`, incarnation });
    assert.deepEqual(
      components.map(({ name, state: one }) => [name, one]),
      [
        ['worker', 'Running'],
        [SERVER, 'Running'],
      ],
    );
    assert.deepEqual(components[1]?.instances[0]?.addresses, { nats: `127.0.0.1:${port}` });
    await untilReconciled('first', await want('first', 1));
    assert.equal(await hasStream(instance.connection, `${NAME}-channel`), false);
    await withConnection(state().runtime, async (connection) => {
      assert.equal(await hasStream(connection, `${NAME}-channel`), true);
      assert.equal(await hasStream(connection, 'OPSTREAM_EVENTS'), false);
    });
  });

  it('is all that its components have credentials for', async () => {
    const [pid = 0] = running('worker');
    const environment = readFileSync(`/proc/${pid}/environ`, 'utf8');
    const { port, component, runtime } = state();
    assert.ok(environment.includes(`OPSTREAM_NATS_URL=nats://127.0.0.1:${port}`));
    assert.ok(environment.includes(component.password));
    for (const secret of [runtime.password, PASSWORD, instance.server.url])
      assert.ok(!environment.includes(secret), 'it was told more than it needs');
    await assert.rejects(connectAs({}), { code: 'NATS_UNREACHABLE' });
    await withConnection(component, async (connection) => {
      await assert.rejects(api(connection, `STREAM.DELETE.${NAME}-channel`));
      await assert.rejects(api(connection, 'STREAM.MSG.DELETE.OPSTREAM_STATUS', { seq: 1 }));
      assert.equal(await hasStream(connection, `${NAME}-channel`), true);
    });
    const told = JSON.stringify((await instance.messages('OPSTREAM_STATUS')).map(eventIn));
    assert.ok(!told.includes(component.password) && !told.includes(runtime.password));
  });

  it('is asked through the shared one', async () => {
    const question = encodeJson({ id: 'q-1', query: 'entity', key: 'public.first' });
    const reply = await instance.connection.slots.request(`${NAME}.dataset.query`, question);
    const answer = decodeJson(reply.data) as JsonObject;
    assert.deepEqual([answer['id'], answer['found']], ['q-1', true]);
  });

  it('keeps its place while there are resources', async () => {
    const receipt = await instance.client.send('apply', operator({}));
    assert.equal(receipt.rejection?.code, 'OPERATOR_HAS_RESOURCES');
    assert.equal(receipt.rejection?.details[0]?.pointer, '/operator/natsClusterConfig');
  });

  it('is started again after a kill -9, with what it held', async () => {
    const [pid = 0] = running(SERVER);
    process.kill(pid, 'SIGKILL');
    const generation = await want('first', 2);
    await untilReconciled('first', generation);
    assert.notDeepEqual(running(SERVER), [pid]);
  });

  it('is adopted by the next operator-runtime, and no report is lost or doubled', async () => {
    const before = running(SERVER);
    const generations = await Promise.all(Array.from({ length: 20 }, (_, index) => want(`many-${index}`, 1)));
    await instance.replace('operator-runtime');
    for (const [index, generation] of generations.entries()) await untilReconciled(`many-${index}`, generation);
    await untilReconciled('first', await want('first', 3));
    assert.deepEqual(running(SERVER), before);
    const ids = await reports();
    assert.equal(new Set(ids).size, ids.length);
  });

  it('begins anew when its data is lost, and is sent everything again', async () => {
    const { incarnation } = state();
    await instance.kill9('operator-runtime');
    await endComponents(data.path, 500);
    rmSync(folder(), { recursive: true });
    const generation = await want('many-3', 2);
    await instance.start('operator-runtime');
    await untilReconciled('many-3', generation);
    await waitFor(async () => (await untilReady()).nats?.incarnation !== incarnation, { what: 'another incarnation' });
    const question = encodeJson({ id: 'q-2', query: 'entity', key: 'public.many-5' });
    await waitFor(
      async () => {
        const reply = await instance.connection.slots.request(`${NAME}.dataset.query`, question);
        return (decodeJson(reply.data) as JsonObject)['found'];
      },
      { what: 'what was not changed is known too' },
    );
  });

  it('is gone with its operator', async () => {
    const [pid = 0] = running(SERVER);
    const names = ['first', ...Array.from({ length: 20 }, (_, index) => `many-${index}`)];
    for (const name of names) await instance.client.send('delete', { type: 'resource', workspace: 'public', name });
    await waitFor(
      async () => {
        const receipt = await instance.client.send('delete', { type: 'operator', name: NAME });
        return receipt.accepted;
      },
      { what: 'the resources are gone', timeoutMs: 30_000 },
    );
    await waitFor(() => !isAlive(pid) && !existsSync(folder()), { what: 'the server is gone', timeoutMs: 30_000 });
  });

  it('comes back, with nothing in it, when its operator is applied again', async () => {
    await waitFor(async () => (await instance.client.query('get', { type: 'operator', name: NAME })).ok === false, {
      what: 'the operator is gone',
    });
    await mustApply(instance.client, operator());
    await untilReady();
    await untilReconciled('first', await want('first', 4));
  });
});
