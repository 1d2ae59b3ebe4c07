// The seed's variables of a component, each shown by what it does: on programs where it is about the program, on a component in this
// process where it is about reconciling.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { encodeJson } from '../../src/core/decode.ts';
import { createAppender } from '../../src/jetstream/appender.ts';
import { ensureChannelStream, provision } from '../../src/jetstream/provision.ts';
import type { JetStreamConnection } from '../../src/jetstream/connection.ts';
import { createStreamReader } from '../../src/jetstream/stream-reader.ts';
import { namesFor } from '../../src/messages/subjects.ts';
import { systemClock } from '../../src/program/clock.ts';
import { uuidSource } from '../../src/program/ids.ts';
import { operate, type OController } from '../../src/sdk/index.ts';
import { environmentFor } from '../unit/operators/azure-data-factory/support.ts';
import { commandFor, entityAt } from '../support/entities.ts';
import { api, consumersOf, openConnection } from '../support/jetstream.ts';
import { startNatsServer, type TestServer } from '../support/nats-server.ts';
import { leakGuard, startProcess } from '../support/processes.ts';
import { silentLog } from '../support/silent-log.ts';
import { waitFor } from '../support/wait-for.ts';

leakGuard();

const names = namesFor('opstream');
const program = 'src/operators/azure-data-factory/main.ts';
const nowhere = environmentFor({ url: 'http://127.0.0.1:9', loginUrl: 'http://127.0.0.1:9' });
let server: TestServer;
let connection: JetStreamConnection;

before(async () => {
  server = await startNatsServer();
  ({ connection } = await openConnection(server));
  await provision(connection, { prefix: 'opstream' });
});

after(async () => {
  await connection.close();
  await server.stop();
});

const makeChannel = (channel: string): Promise<void> =>
  ensureChannelStream(connection, { prefix: 'opstream', stream: channel, subjects: [`${channel}.run`] });

const variablesOf = (channel: string, env: Readonly<Record<string, string>> = {}) => ({
  OPSTREAM_NATS_URL: server.url,
  OPSTREAM_LEASE_TTL: '1s',
  ENTITY_OF_INTEREST_MESSAGE_STREAM: channel,
  ENTITY_OF_INTEREST_MESSAGE_COMMAND_SUBJECT: `${channel}.run`,
  ...env,
});

test('--help lists every variable, the settings of the operator too', { timeout: 30_000 }, async () => {
  const help = startProcess(program, { arguments: ['--help'] });
  assert.deepEqual(await help.ended, { code: 0, signal: null });
  for (const name of [
    ...['LOG_LEVEL', 'METRIC_PORT', 'ELECTION_CLUSTER_NAME', 'ELECTION_CLUSTER_SIZE', '--electionStateFile'],
    ...['OPERATOR_MAX_WORKERS', 'OPERATOR_RECONCILE_WORKERS_INTERVAL', 'OPERATOR_MAINTENANCE_INTERVAL'],
    ...['OPERATOR_PURGE_STATE_STORE_BEFORE', 'OPERATOR_STATE_STORE_TYPE', 'MESSAGE_DURABILITY'],
    ...['STREAM', 'QUEUE', 'COMMAND_SUBJECT', 'QUERY_SUBJECT', 'QUERY_REPLY_SUBJECT'].map(
      (end) => `ENTITY_OF_INTEREST_MESSAGE_${end}`,
    ),
    ...['AZURE_TENANT_ID', 'AZURE_CLIENT_SECRET', 'AZURE_POLL_INTERVAL', 'AZURE_RUN_CORRELATION_PARAMETER'],
  ]) {
    assert.ok(help.output().includes(name), name);
  }
  assert.ok(help.output().includes('a lease in JetStream elects the leader'), 'explains --electionStateFile');
});

test('LOG_LEVEL, METRIC_PORT, ELECTION_CLUSTER_NAME and SIZE, --electionStateFile', { timeout: 60_000 }, async () => {
  await makeChannel('program');
  const start = (level: string, queue: string) =>
    startProcess(program, {
      arguments: ['operator', 'adf', '--electionStateFile', '/opt/leader-election.log'],
      env: {
        ...nowhere,
        ...variablesOf('program', { ENTITY_OF_INTEREST_MESSAGE_QUEUE: queue }),
        ELECTION_CLUSTER_NAME: 'azure-operators',
        ELECTION_CLUSTER_SIZE: '3',
        METRIC_PORT: '0',
        LOG_LEVEL: level,
      },
    });
  const first = start('debug', 'one');
  await first.waitForLine('lease acquired');
  const explained = await first.waitForLine('election settings accepted and not used');
  assert.equal(explained['electionStateFile'], '/opt/leader-election.log');
  assert.equal(explained['electionSize'], 3);
  assert.equal(explained['name'], 'azure-data-factory', 'lines name the program');
  assert.ok(first.lines.some(({ level }) => level === 'debug'));
  const served = await first.waitForLine(({ port }) => typeof port === 'number');
  const metrics = await (await fetch(`http://127.0.0.1:${String(served['port'])}/metrics`)).text();
  assert.match(metrics, /opstream_/);
  const { message } = await api(connection, `STREAM.MSG.GET.KV_${names.buckets.leases}`, {
    last_by_subj: `$KV.${names.buckets.leases}.component-azure-operators`,
  });
  assert.ok(message, 'the lease is named after the cluster');

  // Another queue, the same cluster: it stands by.
  const second = start('info', 'two');
  await second.waitForLine('election settings accepted and not used');
  assert.ok(!second.lines.some(({ level }) => level === 'debug'));
  await first.terminate();
  await second.waitForLine('lease acquired');
  await second.terminate();
});

type Seen = { readonly key: string; readonly atMs: number };

const withComponent = async (
  channel: string,
  env: Readonly<Record<string, string>>,
  work: (seen: readonly Seen[], most: () => number) => Promise<void>,
  tookMs = 0,
): Promise<void> => {
  await makeChannel(channel);
  const stopping = new AbortController();
  const seen: Seen[] = [];
  const underWay = new Set<string>();
  let most = 0;
  let controller: OController | undefined;
  const running = operate(
    {
      reconciler: {
        id: () => channel,
        init: (given) => {
          controller = given;
        },
        reconcile: async ({ key }) => {
          assert.ok(!underWay.has(key), `two reconciles of ${key} at once`);
          underWay.add(key);
          most = Math.max(most, underWay.size);
          seen.push({ key, atMs: performance.now() });
          await systemClock.sleep(tookMs);
          await controller?.updateEntityStatus({ key, status: 'active' });
          underWay.delete(key);
          return {};
        },
      },
    },
    stopping.signal,
    { environment: { env: variablesOf(channel, env), argv: [] }, log: silentLog, clock: systemClock, ids: uuidSource },
  );
  try {
    await work(seen, () => most);
  } finally {
    stopping.abort();
    await running;
  }
};

let sequence = 0;
const send = async (channel: string, name: string): Promise<void> => {
  const entity = entityAt((sequence += 1), { name });
  const owned = { ...entity.manifest, resource: { ...entity.manifest.resource, operator: channel } };
  const data = encodeJson(commandFor({ ...entity, manifest: owned }));
  await createAppender(connection, channel).append([{ subject: `${channel}.run`, id: uuidSource.next(), data }]);
};

test('OPERATOR_MAX_WORKERS at once, OPERATOR_RECONCILE_WORKERS_INTERVAL apart, nothing written by an unchanged look', async () => {
  const env = { OPERATOR_MAX_WORKERS: '3', OPERATOR_RECONCILE_WORKERS_INTERVAL: '400ms' };
  await withComponent(
    'workers',
    env,
    async (seen, most) => {
      const keys = Array.from({ length: 8 }, (_, index) => `run-${index}`);
      await Promise.all(keys.map((name) => send('workers', name)));
      const looks = (name: string): readonly Seen[] => seen.filter(({ key }) => key === `public.${name}`);
      await waitFor(() => keys.every((name) => looks(name).length >= 4), { what: 'four looks at each' });
      assert.equal(most(), 3);
      for (const name of keys) {
        const [, second, third] = looks(name);
        assert.ok((third?.atMs ?? 0) - (second?.atMs ?? 0) >= 350, 'an interval apart');
      }
      const status = createStreamReader(connection, names.streams.status);
      for (const name of keys) {
        const subject = names.status({ operator: 'workers', workspace: 'public', name });
        assert.equal((await status.readSubject(subject)).length, 1);
      }
    },
    20,
  );
});

test('ENTITY_OF_INTEREST_MESSAGE_QUEUE names the consumer, OPERATOR_STATE_STORE_TYPE says where entities are', async () => {
  const bucketOf = async (queue: string): Promise<boolean> =>
    (await api(connection, `STREAM.INFO.KV_opstream-state-${queue}`))['error'] === undefined;
  for (const [channel, stateStore] of [
    ['kept', 'jetstream_kv'],
    ['forgotten', 'memory'],
  ] as const) {
    const queue = `${channel}-queue`;
    const env = { ENTITY_OF_INTEREST_MESSAGE_QUEUE: queue, OPERATOR_STATE_STORE_TYPE: stateStore };
    await withComponent(channel, env, async (seen) => {
      await send(channel, 'run-1');
      await waitFor(() => seen.length > 0, { what: 'a reconcile' });
      assert.deepEqual(await consumersOf(connection, channel), [queue]);
      assert.equal(await bucketOf(queue), stateStore === 'jetstream_kv');
    });
    // A later process goes on with what is kept.
    await withComponent(channel, env, async (seen) => {
      if (stateStore === 'jetstream_kv') await waitFor(() => seen.length > 0, { what: 'the kept entity' });
      else {
        await send(channel, 'run-2');
        await waitFor(() => seen.length > 0, { what: 'a reconcile' });
        assert.deepEqual([...new Set(seen.map(({ key }) => key))], ['public.run-2']);
      }
    });
  }
});
