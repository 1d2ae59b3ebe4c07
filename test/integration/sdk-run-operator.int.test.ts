// The SDK's component on a real server: commands from the channel stream, statuses in OPSTREAM_STATUS, its own bucket, the lease, and
// what a restart of the server or of the component does to them.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { encodeJson, decodeJson } from '../../src/core/decode.ts';
import type { JsonObject } from '../../src/core/json.ts';
import { createAppender } from '../../src/jetstream/appender.ts';
import { connectNats, type JetStreamConnection } from '../../src/jetstream/connection.ts';
import { createFollower } from '../../src/jetstream/follower.ts';
import { ensureChannelStream, provision } from '../../src/jetstream/provision.ts';
import { createRequester } from '../../src/jetstream/requester.ts';
import type { Entity, EntityAnswer, StatusEvent } from '../../src/messages/entity.ts';
import { namesFor } from '../../src/messages/subjects.ts';
import { systemClock } from '../../src/program/clock.ts';
import { uuidSource } from '../../src/program/ids.ts';
import { createLogger, silentLog } from '../../src/program/logger.ts';
import { operate, type OController, type ReconcileContext, type Reconciler } from '../../src/sdk/index.ts';
import { commandFor, entityAt } from '../support/entities.ts';
import { startNatsServer, type TestServer } from '../support/nats-server.ts';
import { waitFor } from '../support/wait-for.ts';

const names = namesFor('opstream');
let server: TestServer;
let connection: JetStreamConnection;
let sequence = 0;

before(async () => {
  server = await startNatsServer();
  connection = await connectNats({ url: server.url, name: 'test', log: silentLog });
  await provision(connection, { prefix: 'opstream' });
});

after(async () => {
  await connection.close();
  await server.stop();
});

type Component = { readonly reconciled: { readonly key: string; readonly fence: number }[]; stop(): Promise<void> };

const startComponent = (
  channel: string,
  env: Readonly<Record<string, string>> = {},
  reconcile?: (controller: OController, entity: Entity, context: ReconcileContext) => Promise<void>,
): Component => {
  const stopping = new AbortController();
  const reconciled: { key: string; fence: number }[] = [];
  let kept: OController | undefined;
  const reconciler: Reconciler = {
    id: () => channel,
    init: (controller) => {
      kept = controller;
    },
    reconcile: async ({ key, type }, context) => {
      reconciled.push({ key, fence: context.fence });
      const entity = await kept?.getEntity(key, type);
      if (kept === undefined || entity === undefined) return {};
      if (reconcile === undefined) await kept.updateEntityStatus({ key, status: 'active' });
      else await reconcile(kept, entity, context);
      return {};
    },
  };
  const running = operate({ reconciler }, stopping.signal, {
    environment: {
      env: {
        OPSTREAM_NATS_URL: server.url,
        OPERATOR_MAX_WORKERS: '64',
        OPERATOR_RECONCILE_WORKERS_INTERVAL: '1h',
        OPSTREAM_LEASE_TTL: '1s',
        ENTITY_OF_INTEREST_MESSAGE_QUEUE: `${channel}-queue`,
        ENTITY_OF_INTEREST_MESSAGE_STREAM: channel,
        ENTITY_OF_INTEREST_MESSAGE_COMMAND_SUBJECT: `${channel}.run`,
        ENTITY_OF_INTEREST_MESSAGE_QUERY_SUBJECT: `${channel}.query`,
        ENTITY_OF_INTEREST_MESSAGE_QUERY_REPLY_SUBJECT: `${channel}.reply`,
        ...env,
      },
      argv: [],
    },
    log:
      process.env['SHOW_LOG'] === undefined ? silentLog : createLogger({ name: channel, level: 'debug', to: 'stderr' }),
    clock: systemClock,
    ids: uuidSource,
  });
  return {
    reconciled,
    stop: async () => {
      stopping.abort();
      await running;
    },
  };
};

const makeChannel = (channel: string): Promise<void> =>
  ensureChannelStream(connection, { prefix: 'opstream', stream: channel, subjects: [`${channel}.run`] });

const send = async (channel: string, value: unknown): Promise<void> => {
  const id = uuidSource.next();
  await createAppender(connection, channel).append([{ subject: `${channel}.run`, id, data: encodeJson(value) }]);
};

/** An entity whose operator is the channel's, so that tests do not see each other's statuses. */
const entityOf = (channel: string, name: string, changes: Partial<Entity> = {}): Entity => {
  const entity = entityAt((sequence += 1), { name, ...changes });
  const { manifest } = entity;
  return { ...entity, manifest: { ...manifest, resource: { ...manifest.resource, operator: channel } } };
};

/** All status events of the operator, oldest first. */
const statusesOf = async (operator: string): Promise<readonly StatusEvent[]> => {
  const found: StatusEvent[] = [];
  const caughtUp = new AbortController();
  await createFollower(connection, names.streams.status).follow({
    fromSequence: 1,
    filters: [`opstream.status.*.${operator}.>`],
    signal: caughtUp.signal,
    onEmpty: () => caughtUp.abort(),
    onBatch: (batch, pending) => {
      for (const { data } of batch) found.push(decodeJson(data) as unknown as StatusEvent);
      if (pending === 0) caughtUp.abort();
    },
  });
  return found;
};

const statusCount = (operator: string, count: number): Promise<readonly StatusEvent[]> =>
  waitFor(
    async () => {
      const statuses = await statusesOf(operator);
      return statuses.length >= count ? statuses : undefined;
    },
    { what: `${count} statuses of ${operator}`, timeoutMs: 20_000 },
  );

test('a component waits for its channel, keeps what it is told, reports, answers, and sets aside what it cannot read', async () => {
  const channel = 'first';
  const component = startComponent(channel);
  await makeChannel(channel);
  await send(channel, { what: 'no command' });
  for (let index = 0; index < 20; index += 1) await send(channel, commandFor(entityOf(channel, `run-${index}`)));
  const statuses = await statusCount(channel, 20);
  assert.equal(statuses.length, 20);
  assert.ok(statuses.every(({ data }) => data.status === 'active' && data.fence > 0));
  assert.equal(statuses[3]?.causationid, `event-${statuses[3]?.data.observedSequence}-command`);

  const requester = createRequester(connection);
  const query = { id: 'q1', query: 'status', key: 'public.run-3' };
  const reply = await requester.request(`${channel}.query`, encodeJson(query));
  const answer = decodeJson(reply.data) as unknown as EntityAnswer;
  assert.equal(answer.found, true);
  assert.equal(answer.status?.status, 'active');
  const refused = decodeJson(
    (await requester.request(`${channel}.query`, encodeJson({ id: 'q2' }))).data,
  ) as JsonObject;
  assert.equal((refused['error'] as JsonObject)['code'], 'QUERY_INVALID');

  const letter = await waitFor(async () => {
    let found: JsonObject | undefined;
    const caughtUp = new AbortController();
    await createFollower(connection, names.streams.dead).follow({
      fromSequence: 1,
      signal: caughtUp.signal,
      onEmpty: () => caughtUp.abort(),
      onBatch: (batch, pending) => {
        found = decodeJson(batch[0]?.data ?? new Uint8Array()) as JsonObject;
        if (pending === 0) caughtUp.abort();
      },
    });
    return found;
  });
  assert.equal(letter['source'], 'component');
  assert.equal(letter['stream'], channel);
  await component.stop();
});

test('a later process knows the entities, reconciles them, and writes nothing new about them', async () => {
  const channel = 'second';
  await makeChannel(channel);
  const one = startComponent(channel);
  for (let index = 0; index < 5; index += 1) await send(channel, commandFor(entityOf(channel, `run-${index}`)));
  await statusCount(channel, 5);
  await one.stop();
  const two = startComponent(channel);
  await waitFor(() => two.reconciled.length >= 5, { what: 'reconciles of the later process' });
  assert.ok((two.reconciled[0]?.fence ?? 0) > (one.reconciled[0]?.fence ?? 0), 'the fencing token grows');
  await send(channel, commandFor(entityOf(channel, 'run-0')));
  const statuses = await statusCount(channel, 6);
  assert.equal(statuses.length, 6);
  await two.stop();
});

test('one replica works, the other takes over with a larger fence', async () => {
  const channel = 'third';
  await makeChannel(channel);
  const replicas = [startComponent(channel), startComponent(channel)];
  for (let index = 0; index < 10; index += 1) await send(channel, commandFor(entityOf(channel, `run-${index}`)));
  await statusCount(channel, 10);
  const leaders = replicas.filter(({ reconciled }) => reconciled.length > 0);
  assert.equal(leaders.length, 1);
  await leaders[0]?.stop();
  const standby = replicas.find((replica) => replica !== leaders[0]);
  await waitFor(() => (standby?.reconciled.length ?? 0) >= 10, { what: 'the standby to reconcile everything' });
  await standby?.stop();
});

test('deletion is reported, purged from the bucket, and not undone by a late command', async () => {
  const channel = 'fourth';
  await makeChannel(channel);
  const component = startComponent(
    channel,
    { OPERATOR_MAINTENANCE_INTERVAL: '100ms', OPERATOR_PURGE_STATE_STORE_BEFORE: '100ms' },
    async (controller, { key, deletionRequestedAt }) =>
      controller.updateEntityStatus({ key, status: deletionRequestedAt === undefined ? 'active' : 'deleted' }),
  );
  const first = entityOf(channel, 'run-1');
  await send(channel, commandFor(first));
  await statusCount(channel, 1);
  await send(channel, commandFor(entityOf(channel, 'run-1', { deletionRequestedAt: '2026-02-01T00:00:00.000Z' })));
  const statuses = await statusCount(channel, 2);
  assert.equal(statuses[1]?.data.status, 'deleted');
  const requester = createRequester(connection);
  const ask = async (): Promise<EntityAnswer> => {
    const reply = await requester.request(
      `${channel}.query`,
      encodeJson({ id: 'q', query: 'entity', key: 'public.run-1' }),
    );
    return decodeJson(reply.data) as unknown as EntityAnswer;
  };
  await waitFor(async () => !(await ask()).found, { what: 'the purge' });
  await send(channel, commandFor(first));
  await send(channel, commandFor(entityOf(channel, 'run-2')));
  await statusCount(channel, 3);
  assert.equal((await ask()).found, false);
  await component.stop();
});

test('commands without a stream: MESSAGE_DURABILITY=false', async () => {
  const channel = 'fifth';
  await makeChannel(channel);
  const component = startComponent(channel, { MESSAGE_DURABILITY: 'false', OPERATOR_STATE_STORE_TYPE: 'memory' });
  await waitFor(async () => {
    await send(channel, commandFor(entityOf(channel, 'run-1')));
    return (await statusesOf(channel)).length > 0;
  });
  await component.stop();
});

test('a server that is away for a while loses nothing', async () => {
  const channel = 'sixth';
  await makeChannel(channel);
  const component = startComponent(channel);
  await send(channel, commandFor(entityOf(channel, 'run-1')));
  await statusCount(channel, 1);
  await server.kill9();
  await server.restart();
  for (let index = 2; index < 8; index += 1) {
    await waitFor(async () => {
      try {
        await send(channel, commandFor(entityOf(channel, `run-${index}`)));
        return true;
      } catch {
        return false;
      }
    });
  }
  const statuses = await statusCount(channel, 7);
  assert.equal(new Set(statuses.map(({ data }) => data.key)).size, 7);
  await component.stop();
});
