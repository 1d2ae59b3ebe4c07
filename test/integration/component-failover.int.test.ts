// Replicas of the Data Factory component, real processes: one leads, the next takes over within three lease periods of a SIGKILL, and no
// resource is reconciled by two at once, as the stand-in's log of requests shows by the fencing token in them. A leader that was stopped
// (SIGSTOP) past its lease and goes on then starts nothing any more.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { connectNats, type JetStreamConnection } from '../../src/jetstream/connection.ts';
import { provision } from '../../src/jetstream/provision.ts';
import { silentLog } from '../../src/program/logger.ts';
import { startStandIn, type StandIn } from '../../src/stand-ins/azure-data-factory/server.ts';
import { openLane, type Lane } from '../support/adf-lane.ts';
import { buildPrograms } from '../support/built-programs.ts';
import { startNatsServer, type TestServer } from '../support/nats-server.ts';
import { leakGuard, type TestProcess } from '../support/processes.ts';
import { waitFor } from '../support/wait-for.ts';
import { adminOf, type AdminRequest } from '../unit/operators/azure-data-factory/support.ts';

leakGuard();

const LEASE_MS = 2000;
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
  for (const one of running) one.signal('SIGCONT');
  await Promise.all([...running].map((one) => one.kill9()));
  await connection.close();
  await standIn.close();
  await server.stop();
});

const lane = (name: string, script: { readonly runMs?: number } = {}, env: Readonly<Record<string, string>> = {}) =>
  adminOf(standIn)
    .pipeline({ pipelineName: name, parameters: { item: { type: 'string' } }, ...script })
    .then(() =>
      openLane({
        ...{ programs, server, connection, standIn, name },
        env: { OPSTREAM_LEASE_TTL: `${LEASE_MS}ms`, ...env },
      }),
    );

const start = (given: Lane): TestProcess => {
  const process = given.start();
  running.add(process);
  void process.ended.then(() => running.delete(process));
  return process;
};

const isLeading = ({ lines }: TestProcess): boolean => lines.some(({ msg }) => msg === 'lease acquired');
const fenceOf = ({ userAgent }: AdminRequest): number => Number(/\(fence (\d+)\)/.exec(userAgent ?? '')?.[1]);

const requestsOf = async (pipeline: string): Promise<readonly AdminRequest[]> => {
  const all = await adminOf(standIn).requests('');
  const runs = (await adminOf(standIn).runs()).filter(({ pipelineName }) => pipelineName === pipeline);
  const paths = [`/${pipeline}/`, ...runs.map(({ runId }) => runId)];
  return all.filter(({ path }) => paths.some((part) => path.includes(part)));
};

/** In the order of time no request of an earlier term comes after one of a later term. */
const assertOneAtATime = (requests: readonly AdminRequest[]): void => {
  const fences = requests.map(fenceOf);
  assert.ok(fences.every(Number.isInteger), 'each request names its term');
  assert.deepEqual(
    fences,
    fences.toSorted((a, b) => a - b),
  );
};

test(
  'replicas take over within three lease periods of a kill -9, one at a time',
  { timeout: 120_000 },
  async (context) => {
    const given = await lane('takeover', { runMs: 60_000 });
    for (const name of ['a', 'b', 'c', 'd']) await given.want(name);
    let replicas = [start(given), start(given), start(given)];
    const gapsMs: number[] = [];
    for (let kill = 0; kill < 4; kill += 1) {
      const leader = await waitFor(() => replicas.find(isLeading), { what: 'a leader', timeoutMs: 20_000 });
      assert.equal(replicas.filter(isLeading).length, 1);
      const before = await waitFor(
        async () => {
          const requests = await requestsOf(given.name);
          return requests.length > 20 * kill + 20 ? requests : undefined;
        },
        { what: 'requests', timeoutMs: 20_000 },
      );
      const fence = fenceOf(before.at(-1) ?? assert.fail('no request'));
      await leader.kill9();
      const killedMs = performance.now();
      replicas = [...replicas.filter((one) => one !== leader), start(given)];
      await waitFor(async () => (await requestsOf(given.name)).some((one) => fenceOf(one) > fence), {
        timeoutMs: LEASE_MS * 5,
        what: 'requests of the next leader',
      });
      gapsMs.push(Math.round(performance.now() - killedMs));
    }
    context.diagnostic(`back at work after ${gapsMs.join(', ')} ms; a lease is ${LEASE_MS} ms`);
    assert.ok(Math.max(...gapsMs) <= 3 * LEASE_MS, String(gapsMs));
    const runs = (await adminOf(standIn).runs()).filter(({ pipelineName }) => pipelineName === given.name);
    assert.equal(runs.length, 4);
    assertOneAtATime(await requestsOf(given.name));
    await Promise.all(replicas.map((one) => one.kill9()));
  },
);

test('a leader stopped past its lease and continued starts nothing', { timeout: 120_000 }, async (context) => {
  const given = await lane('deposed');
  let [leader, standby] = [start(given), start(given)];
  const wanted: string[] = [];
  // Stopped at different moments after a run was wanted: before, while and after it is started.
  for (const delayMs of [0, 4, 8, 12, 16, 24, 32, 60]) {
    await waitFor(() => isLeading(leader) || isLeading(standby), { what: 'a leader', timeoutMs: 20_000 });
    if (!isLeading(leader)) [leader, standby] = [standby, leader];
    const resource = `stopped-${delayMs}`;
    wanted.push(resource);
    await given.want(resource);
    const sinceMs = performance.now();
    while (performance.now() - sinceMs < delayMs) await new Promise((resolve) => setImmediate(resolve));
    leader.signal('SIGSTOP');
    await standby.waitForLine('lease acquired', { timeoutMs: 20_000 });
    // Both go on with the same resource now, if the stopped one was at it.
    leader.signal('SIGCONT');
    await leader.waitForLine('lease given up', { timeoutMs: 20_000 });
    await given.succeeded(resource);
    await leader.kill9();
    leader = standby;
    standby = start(given);
  }
  const runs = (await adminOf(standIn).runs()).filter(({ pipelineName }) => pipelineName === given.name);
  assert.deepEqual(runs.map(({ parameters }) => parameters['item']).toSorted(), wanted.toSorted());
  context.diagnostic(`${wanted.length} leaders deposed, ${runs.length} runs`);
  await Promise.all([leader.kill9(), standby.kill9()]);
});

test('429 with Retry-After holds that operator, and another goes on', { timeout: 60_000 }, async () => {
  const [held, free] = [await lane('held', { runMs: 1 }), await lane('free', { runMs: 1 })];
  await adminOf(standIn).fault({
    kind: 'throttle',
    retryAfterSeconds: 3,
    match: { operation: 'Pipelines_CreateRun', pathContains: '/held/' },
  });
  const components = [start(held), start(free)];
  await held.want('first');
  await waitFor(() => components[0]?.lines.some(({ msg }) => msg === 'reconciles of this operator held'), {
    what: 'the hold',
  });
  const heldMs = Date.now();
  for (const name of ['second', 'third']) await held.want(name);
  for (const name of ['a', 'b', 'c']) await free.want(name);
  for (const name of ['a', 'b', 'c']) await free.succeeded(name);
  const freeMs = Date.now() - heldMs;
  for (const name of ['first', 'second', 'third']) await held.succeeded(name);
  const creates = (await adminOf(standIn).requests('Pipelines_CreateRun')).filter(({ path }) =>
    path.includes('/held/'),
  );
  assert.equal(creates.length, 4, 'one throttled, three runs');
  assert.ok(
    creates.slice(1).every(({ time }) => Date.parse(time) - heldMs > 2500),
    'nothing is asked during the hold',
  );
  assert.ok(freeMs < 2500, `the other operator took ${freeMs} ms`);
  await Promise.all(components.map((one) => one.kill9()));
});
