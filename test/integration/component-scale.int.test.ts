// What one component may take: never more requests at once than OPERATOR_MAX_WORKERS and never two for one run, as the stand-in's log shows;
// and its memory with ten thousand resources that it looks at every ten seconds.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { connectNats, type JetStreamConnection } from '../../src/jetstream/connection.ts';
import { provision } from '../../src/jetstream/provision.ts';
import { createStreamReader } from '../../src/jetstream/stream-reader.ts';
import { silentLog } from '../../src/program/logger.ts';
import { startStandIn, type StandIn } from '../../src/stand-ins/azure-data-factory/server.ts';
import { openLane } from '../support/adf-lane.ts';
import { buildPrograms } from '../support/built-programs.ts';
import { startNatsServer, type TestServer } from '../support/nats-server.ts';
import { leakGuard, type TestProcess } from '../support/processes.ts';
import { waitFor } from '../support/wait-for.ts';
import { adminOf } from '../unit/operators/azure-data-factory/support.ts';

leakGuard();

const MAX_WORKERS = 6;
const MAX_RESIDENT_MIB = 300;
const ENTITIES = 10_000;

let server: TestServer;
let connection: JetStreamConnection;
let standIn: StandIn;
let programs: string;
const running = new Set<TestProcess>();

before(async () => {
  programs = await buildPrograms();
  server = await startNatsServer();
  connection = await connectNats({ url: server.url, name: 'test', log: silentLog });
  await provision(connection, { prefix: 'opstream' });
  const plenty = { burst: 100_000, refillPerSecond: 10_000 };
  standIn = await startStandIn({
    queuedMs: 30,
    runMs: 300,
    limits: { reads: plenty, writes: plenty, deletes: plenty },
  });
});

after(async () => {
  await Promise.all([...running].map((one) => one.kill9()));
  await connection.close();
  await standIn.close();
  await server.stop();
});

const statusCount = () => createStreamReader(connection, 'OPSTREAM_STATUS').lastSequence();

const lane = async (name: string, env: Readonly<Record<string, string>>) => {
  await adminOf(standIn).pipeline({ pipelineName: name, parameters: { item: { type: 'string' } } });
  const given = await openLane({ programs, server, connection, standIn, name, env });
  return {
    ...given,
    start: () => {
      const component = given.start({ env: { NODE_OPTIONS: '' } });
      running.add(component);
      return component;
    },
  };
};

const residentMiB = (pid: number): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;

test('no more requests at once than workers, and one at a time for a run', { timeout: 120_000 }, async (context) => {
  const given = await lane('workers', { OPERATOR_MAX_WORKERS: String(MAX_WORKERS) });
  // Answers that take a while, so that requests would pile up if they could.
  for (const operation of [
    'Pipelines_CreateRun',
    'PipelineRuns_Get',
    'PipelineRuns_QueryByFactory',
    'ActivityRuns_QueryByPipelineRun',
  ]) {
    await adminOf(standIn).fault({ kind: 'delay', delayMs: 25, times: 100_000, match: { operation } });
  }
  const component = given.start();
  const resources = Array.from({ length: 30 }, (_, index) => `run-${index}`);
  for (const resource of resources) await given.want(resource);
  // Changed while they are reconciled: a second reconcile of one must wait.
  for (const resource of resources) await given.want(resource, { suspended: false });
  for (const resource of resources) await given.succeeded(resource);
  const requests = (await adminOf(standIn).requests('')).filter(({ operation }) => operation !== 'token');
  const most = Math.max(...requests.map(({ underWay }) => underWay));
  context.diagnostic(`${requests.length} requests, at most ${most} at once`);
  assert.equal(most, MAX_WORKERS, 'all workers were at work, and no more');
  assert.deepEqual(
    requests.filter(({ underWayForRun }) => underWayForRun > 1),
    [],
  );
  await component.kill9();
});

test('ten thousand resources in less than 300 MiB', { timeout: 400_000 }, async (context) => {
  const given = await lane('many', { OPERATOR_MAX_WORKERS: '64', OPERATOR_RECONCILE_WORKERS_INTERVAL: '5s' });
  const before = await statusCount();
  // Suspended: each wants a run and has a status, and what is measured is the component and not the platform.
  const wanted = Array.from({ length: ENTITIES }, (_, index) => given.want(`run-${index}`, { suspended: true }));
  await Promise.all(wanted);
  const component = given.start();
  const { pid } = component;
  assert.ok(pid !== undefined);
  await waitFor(async () => (await statusCount()) >= before + ENTITIES, {
    what: 'a status of each',
    timeoutMs: 300_000,
    intervalMs: 250,
  });
  // Two rounds of looking at them all.
  const samples: number[] = [];
  const endMs = performance.now() + 11_000;
  await waitFor(
    () => {
      samples.push(residentMiB(pid));
      return performance.now() > endMs;
    },
    { what: 'the end of the window', timeoutMs: 30_000, intervalMs: 250 },
  );
  const most = Math.max(...samples);
  context.diagnostic(`at most ${Math.round(most)} MiB resident`);
  assert.ok(most < MAX_RESIDENT_MIB, `${most} MiB`);
  assert.equal(await statusCount(), before + ENTITIES, 'looking at them writes nothing');
  await component.kill9();
});
