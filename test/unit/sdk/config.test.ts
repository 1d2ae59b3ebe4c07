import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isToken } from '../../../src/core/names.ts';
import { toToken } from '../../../src/messages/component-names.ts';
import { componentConfig } from '../../../src/sdk/config.ts';

// As the seed's operator manifest has them.
const seed = {
  LOG_LEVEL: 'info',
  METRIC_PORT: '30001',
  ELECTION_CLUSTER_NAME: 'azure-operators',
  ELECTION_CLUSTER_SIZE: '1',
  OPERATOR_MAX_WORKERS: '1',
  OPERATOR_RECONCILE_WORKERS_INTERVAL: '10s',
  OPERATOR_MAINTENANCE_INTERVAL: '1m',
  OPERATOR_PURGE_STATE_STORE_BEFORE: '5m',
  OPERATOR_STATE_STORE_TYPE: 'jetstream_kv',
  MESSAGE_DURABILITY: 'true',
  ENTITY_OF_INTEREST_MESSAGE_QUEUE: 'azure-entities-adf-52323',
  ENTITY_OF_INTEREST_MESSAGE_STREAM: 'dataos-azure-entities',
  ENTITY_OF_INTEREST_MESSAGE_COMMAND_SUBJECT: 'adf.pipeline.run',
  ENTITY_OF_INTEREST_MESSAGE_QUERY_SUBJECT: 'adf.pipeline.run.query',
  ENTITY_OF_INTEREST_MESSAGE_QUERY_REPLY_SUBJECT: 'dataos.operator.adf.reply',
} as const;

test("the seed's environment and arguments are a configuration", () => {
  const argv = ['operator', 'adf', '--electionStateFile', '/opt/leader-election.log', '--other', 'x'];
  const loaded = componentConfig({ env: seed, argv });
  assert.ok(loaded.ok);
  assert.deepEqual(loaded.value, {
    natsUrl: 'nats://127.0.0.1:4222',
    prefix: 'opstream',
    logLevel: 'info',
    leaseTtlMs: 5000,
    metricPort: 30001,
    electionName: 'component-azure-operators',
    electionSize: 1,
    electionStateFile: '/opt/leader-election.log',
    maxWorkers: 1,
    resyncIntervalMs: 10_000,
    maintenanceIntervalMs: 60_000,
    purgeAfterMs: 300_000,
    stateStore: 'jetstream_kv',
    durable: true,
    queue: 'azure-entities-adf-52323',
    stream: 'dataos-azure-entities',
    commandSubject: 'adf.pipeline.run',
    querySubject: 'adf.pipeline.run.query',
    queryReplySubject: 'dataos.operator.adf.reply',
    reconcileTimeoutMs: 60_000,
    statusIntervalMs: 60_000,
  });
});

test('stream and command subject are enough; names follow from them', () => {
  const { ENTITY_OF_INTEREST_MESSAGE_STREAM, ENTITY_OF_INTEREST_MESSAGE_COMMAND_SUBJECT } = seed;
  const loaded = componentConfig({
    env: { ENTITY_OF_INTEREST_MESSAGE_STREAM, ENTITY_OF_INTEREST_MESSAGE_COMMAND_SUBJECT },
    argv: [],
  });
  assert.ok(loaded.ok);
  assert.equal(loaded.value.queue, 'adf-pipeline-run');
  assert.equal(loaded.value.electionName, 'component-adf-pipeline-run');
});

test('any name becomes a token, and another name another one', () => {
  const names = ['adf', 'Adf', 'a.b', 'a-b', 'a_b', '-', 'x'.repeat(200), 'x'.repeat(201)];
  const tokens = names.map(toToken);
  assert.equal(new Set(tokens).size, names.length);
  for (const token of tokens) assert.ok(isToken(token), token);
});

test('every problem is named at once', () => {
  const loaded = componentConfig({
    env: {
      ...seed,
      METRIC_PORT: '70000',
      OPERATOR_MAX_WORKERS: '0',
      OPERATOR_MAINTENANCE_INTERVAL: '60',
      OPERATOR_STATE_STORE_TYPE: 'redis',
      ENTITY_OF_INTEREST_MESSAGE_STREAM: '',
      ENTITY_OF_INTEREST_MESSAGE_COMMAND_SUBJECT: 'adf.>',
    },
    argv: [],
  });
  assert.ok(!loaded.ok);
  assert.equal(loaded.error.code, 'CONFIG_INVALID');
  for (const part of [
    'METRIC_PORT expected a whole number from 0 to 65535; found "70000"',
    'OPERATOR_MAX_WORKERS expected',
    'OPERATOR_MAINTENANCE_INTERVAL expected a duration',
    'OPERATOR_STATE_STORE_TYPE expected one of jetstream_kv, memory; found "redis"',
    'ENTITY_OF_INTEREST_MESSAGE_STREAM is required',
    'ENTITY_OF_INTEREST_MESSAGE_COMMAND_SUBJECT expected a subject without wildcards',
  ]) {
    assert.ok(loaded.error.message.includes(part), part);
  }
});
