// The operator without code, with the shipped manifest for Data Factory, killed at every point of its work: see kill-everywhere.ts.

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { connectNats, type JetStreamConnection } from '../../src/jetstream/connection.ts';
import { provision } from '../../src/jetstream/provision.ts';
import { silentLog } from '../../src/program/logger.ts';
import { startStandIn, type StandIn } from '../../src/stand-ins/azure-data-factory/server.ts';
import { adminOf } from '../unit/operators/azure-data-factory/support.ts';
import { openLane, type Lane } from '../support/adf-lane.ts';
import { buildPrograms } from '../support/built-programs.ts';
import { temporaryFolder } from '../support/children.ts';
import { assertKilled, isEveryKill, killAll, killEverywhere, type KilledOperator } from '../support/kill-everywhere.ts';
import { startNatsServer, type TestServer } from '../support/nats-server.ts';
import { leakGuard, root } from '../support/processes.ts';

leakGuard();

const STEP = isEveryKill ? 1 : 30;
const LANES = 8;

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

const SHIPPED = readFileSync(join(root, 'src', 'operators', 'http', 'manifests', 'azure-data-factory.yaml'), 'utf8');

/** The shipped manifest with the lane's channel, looking at runs more often and for a lost one less long. */
const manifestOf = (name: string): string => {
  const path = join(temporaryFolder().path, 'operator.yaml');
  assert.match(SHIPPED, /pollInterval: 5s[^]*findFor: 1m/);
  const text = SHIPPED.replace('pollInterval: 5s', 'pollInterval: 50ms').replace('findFor: 1m', 'findFor: 3s');
  writeFileSync(path, text.replaceAll(/azure\.pipelines\.run\b/g, `${name}.run`));
  return path;
};

const withoutCode: KilledOperator = {
  ways: ['killed', 'answer lost, then killed', 'killed twice'],
  openLane: async (name) => {
    await adminOf(standIn).pipeline({ pipelineName: name, parameters: { item: { type: 'string' } } });
    const given = { programs, server, connection, standIn, name, operator: 'http' };
    return openLane({ ...given, arguments: ['--manifest', manifestOf(name)] });
  },
  loseAnswer,
  started: startedAtAzure,
};

test(
  'an operator without code, killed at every point of its work in turn: one run each',
  { timeout: isEveryKill ? 1_700_000 : 900_000 },
  async (context) => {
    const kills = await killEverywhere(withoutCode, { name: 'turn', step: STEP, lanes: LANES });
    context.diagnostic(`${kills.count} kills at ${kills.places.size} places, one run each`);
    assertKilled(kills, STEP, { count: 200, places: 100 });
  },
);
