// External actions happen once: the Data Factory component, a real process on a real server, is killed with SIGKILL at every point of its
// work where it waits or goes on (delivery, keep, intent, createRun, recording, ack), one after the other, and started again. The
// stand-in counts: one run for each one wanted, none lost. The ways of killing take turns over the points.
// OPSTREAM_TEST_KILLS=all kills at every point (three minutes), without it at every sixth.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { connectNats, type JetStreamConnection } from '../../src/jetstream/connection.ts';
import { provision } from '../../src/jetstream/provision.ts';
import { silentLog } from '../../src/program/logger.ts';
import { startStandIn, type StandIn } from '../../src/stand-ins/azure-data-factory/server.ts';
import { adminOf } from '../unit/operators/azure-data-factory/support.ts';
import { openLane, type Lane } from '../support/adf-lane.ts';
import { buildPrograms } from '../support/built-programs.ts';
import { startNatsServer, type TestServer } from '../support/nats-server.ts';
import { leakGuard, type TestProcess } from '../support/processes.ts';

leakGuard();

const isFull = process.env['OPSTREAM_TEST_KILLS'] === 'all';
/** Every n-th point. */
const STEP = isFull ? 1 : 6;
const LANES = 12;
/** Where no kill came any more, this often in a row: the reconciles are over before that point. */
const SURVIVALS = 3;

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
  standIn = await startStandIn({ queuedMs: 30, runMs: 60, limits: { reads: plenty, writes: plenty, deletes: plenty } });
});

after(async () => {
  await Promise.all([...running].map((one) => one.kill9()));
  await connection.close();
  await standIn.close();
  await server.stop();
});

type Way = 'killed' | 'answer lost, then killed' | 'killed, found by the correlation parameter' | 'killed twice';
const WAYS: readonly Way[] = [
  'killed',
  'answer lost, then killed',
  'killed, found by the correlation parameter',
  'killed twice',
];

const started = (process: TestProcess): TestProcess => {
  running.add(process);
  void process.ended.then(() => running.delete(process));
  return process;
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

type Kills = { count: number; readonly places: Set<string> };

const deathOf = async (process: TestProcess, kills: Kills): Promise<void> => {
  const { signal } = await process.ended;
  assert.equal(signal, 'SIGKILL', process.output());
  const line = process.lines.find(({ msg }) => msg === 'killed');
  assert.ok(line, process.output());
  kills.count += 1;
  kills.places.add(`${String(line['at'])} ${String(line['how'])}`);
};

/** Whether it is killed before its work is done. If not, it is not armed any more: what it does next must not kill it. */
const diesFirst = async (given: Lane, component: TestProcess, resource: string): Promise<boolean> => {
  const isDead = component.ended.then(() => true);
  const isOver = given.succeeded(resource).then(() => given.disarm(component));
  return Promise.race([isDead, isOver.then(() => Promise.race([isDead, Promise.resolve(false)]))]);
};

/** Kills the lane's component at the n-th point of what it does for a new resource. Whether it came to that point. */
const killAt = async (
  given: Lane,
  way: Way,
  n: number,
  component: TestProcess,
  kills: Kills,
): Promise<{ readonly wasKilled: boolean; readonly component: TestProcess }> => {
  const resource = `run-${n}`;
  if (way === 'answer lost, then killed') {
    await adminOf(standIn).fault({
      kind: 'drop-after-accept',
      match: { operation: 'Pipelines_CreateRun', pathContains: `/${given.name}/` },
    });
  }
  await given.arm(component, n);
  await given.want(resource);
  const wasKilled = await diesFirst(given, component, resource);
  if (!wasKilled) return { wasKilled, component };
  await deathOf(component, kills);
  let next = started(given.start(way === 'killed twice' ? { crashAt: 1 + ((n * 7) % 60) } : {}));
  if (way === 'killed twice' && (await diesFirst(given, next, resource))) {
    await deathOf(next, kills);
    next = started(given.start());
  }
  await given.succeeded(resource);
  return { wasKilled, component: next };
};

const killEverywhere = async (name: string, ways: readonly Way[]): Promise<Kills> => {
  const kills: Kills = { count: 0, places: new Set() };
  const asked: number[] = [];
  let n = 1 - STEP;
  let survivals = 0;
  const work = async (index: number): Promise<void> => {
    const way = ways[index % ways.length] ?? 'killed';
    const mine = await lane(`${name}-${index}`, way);
    let component = started(mine.start());
    while (survivals < SURVIVALS) {
      n += STEP;
      asked.push(n);
      const result = await killAt(mine, way, n, component, kills);
      ({ component } = result);
      survivals = result.wasKilled ? 0 : survivals + 1;
    }
    await component.kill9();
  };
  const results = await Promise.allSettled(Array.from({ length: LANES }, (_, index) => work(index)));
  for (const result of results) if (result.status === 'rejected') throw result.reason;

  const runs = (await adminOf(standIn).runs()).filter((run) => run.pipelineName.startsWith(`${name}-`));
  const wanted = asked.map((point) => `run-${point}`).toSorted();
  assert.deepEqual(runs.map(({ parameters }) => parameters['item']).toSorted(), wanted, 'one run for each one wanted');
  assert.deepEqual([...new Set(runs.map(({ status }) => status))], ['Succeeded']);
  return kills;
};

test('killed at every point of its work in turn: one run each', { timeout: 900_000 }, async (context) => {
  const kills = await killEverywhere('turn', WAYS);
  context.diagnostic(`${kills.count} kills at ${kills.places.size} places, one run each`);
  assert.ok(kills.count >= 200 / STEP);
  // Which points a step of several meets depends on how many there are that day.
  assert.ok(kills.places.size >= 100 / STEP, `only ${kills.places.size} places`);
  for (const file of isFull ? ['reconcile-loop', 'once/start', 'stream-status-store'] : []) {
    assert.ok(
      [...kills.places].some((place) => place.includes(file)),
      `a kill in ${file}`,
    );
  }
});
