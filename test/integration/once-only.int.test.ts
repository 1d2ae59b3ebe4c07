// The Data Factory operator, killed at every point of its work: see kill-everywhere.ts.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { connectNats, type JetStreamConnection } from '../../src/jetstream/connection.ts';
import { provision } from '../../src/jetstream/provision.ts';
import { silentLog } from '../../src/program/logger.ts';
import { startStandIn, type StandIn } from '../../src/stand-ins/azure-data-factory/server.ts';
import { adminOf } from '../unit/operators/azure-data-factory/support.ts';
import { openLane, type Lane } from '../support/adf-lane.ts';
import { buildPrograms } from '../support/built-programs.ts';
import {
  assertKilled,
  isEveryKill,
  killAll,
  killEverywhere,
  type KilledOperator,
  type Way,
} from '../support/kill-everywhere.ts';
import { startNatsServer, type TestServer } from '../support/nats-server.ts';
import { leakGuard } from '../support/processes.ts';

leakGuard();

const STEP = isEveryKill ? 1 : 15;
const LANES = 12;

let server: TestServer;
let connection: JetStreamConnection;
let standIn: StandIn;
let programs: string;

before(async () => {
  programs = await buildPrograms();
  server = await startNatsServer();
  connection = await connectNats({ url: server.url, name: 'test', log: silentLog });
  await provision(connection, { prefix: 'opstream' });
  const plenty = { burst: 100_000, refillPerSecond: 10_000 };
  standIn = await startStandIn({ queuedMs: 30, runMs: 60, limits: { reads: plenty, writes: plenty, deletes: plenty } });
});

after(async () => {
  await killAll();
  await connection.close();
  await standIn.close();
  await server.stop();
});

const loseAnswer = ({ name }: Lane): Promise<void> =>
  adminOf(standIn).fault({
    kind: 'drop-after-accept',
    match: { operation: 'Pipelines_CreateRun', pathContains: `/${name}/` },
  });

const startedAtAzure = async (): Promise<readonly string[]> => {
  const runs = await adminOf(standIn).runs();
  assert.deepEqual([...new Set(runs.map(({ status }) => status))], ['Succeeded']);
  return runs.map(({ pipelineName, parameters }) => `${pipelineName}/${parameters['item'] ?? ''}`);
};

const lane = async (name: string, way: Way): Promise<Lane> => {
  const isCorrelated = way === 'killed, found by the correlation parameter';
  await adminOf(standIn).pipeline({
    pipelineName: name,
    parameters: { item: { type: 'string' }, opstreamRun: { type: 'string', defaultValue: '' } },
  });
  const env: Record<string, string> = isCorrelated ? { AZURE_RUN_CORRELATION_PARAMETER: 'opstreamRun' } : {};
  return openLane({ programs, server, connection, standIn, name, env });
};

const azure: KilledOperator = {
  ways: ['killed', 'answer lost, then killed', 'killed, found by the correlation parameter', 'killed twice'],
  openLane: lane,
  loseAnswer,
  started: startedAtAzure,
};

test(
  'Data Factory, killed at every point of its work in turn: one run each',
  { timeout: isEveryKill ? 1_700_000 : 900_000 },
  async (context) => {
    const kills = await killEverywhere(azure, { name: 'turn', step: STEP, lanes: LANES });
    context.diagnostic(`${kills.count} kills at ${kills.places.size} places, one run each`);
    assertKilled(kills, STEP, { count: 200, places: 100 });
  },
);
