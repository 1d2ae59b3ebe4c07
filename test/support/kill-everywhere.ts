// External actions happen once: an operator's component, a real process on a real server, is killed with SIGKILL at every point of its work where it
// waits or goes on (delivery, keep, intent, start, recording, ack), one after the other, and started again. Its stand-in counts: one run for
// each one wanted, none lost. The ways of killing take turns over the points. OPSTREAM_TEST_KILLS=all kills at every point (minutes), without
// it at every few.

import assert from 'node:assert/strict';
import type { Lane } from './adf-lane.ts';
import type { TestProcess } from './processes.ts';

export type Way = 'killed' | 'answer lost, then killed' | 'killed, found by the correlation parameter' | 'killed twice';
export const isEveryKill = process.env['OPSTREAM_TEST_KILLS'] === 'all';

export type KilledOperator = {
  readonly ways: readonly Way[];
  openLane(name: string, way: Way): Promise<Lane>;
  /** The answer to the next start of the lane is lost. */
  loseAnswer(lane: Lane): Promise<void>;
  /** Whose run each one outside is: `LANE/RESOURCE`. */
  started(): Promise<readonly string[]>;
};

export type Kills = { count: number; readonly places: Set<string> };

/** Where no kill came any more, this often in a row: the reconciles are over before that point. */
const SURVIVALS = 3;

const running = new Set<TestProcess>();

export const killAll = async (): Promise<void> => {
  await Promise.all([...running].map((one) => one.kill9()));
};

const started = (process: TestProcess): TestProcess => {
  running.add(process);
  void process.ended.then(() => running.delete(process));
  return process;
};

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

type Killing = { readonly operator: KilledOperator; readonly lane: Lane; readonly way: Way; readonly kills: Kills };

/** Kills the lane's component at the n-th point of what it does for a new resource. Whether it came to that point. */
const killAt = async (
  { operator, lane, way, kills }: Killing,
  n: number,
  component: TestProcess,
): Promise<{ readonly wasKilled: boolean; readonly component: TestProcess }> => {
  const resource = `run-${n}`;
  if (way === 'answer lost, then killed') await operator.loseAnswer(lane);
  await lane.arm(component, n);
  await lane.want(resource);
  const wasKilled = await diesFirst(lane, component, resource);
  if (!wasKilled) return { wasKilled, component };
  await deathOf(component, kills);
  let next = started(lane.start(way === 'killed twice' ? { crashAt: 1 + ((n * 7) % 60) } : {}));
  if (way === 'killed twice' && (await diesFirst(lane, next, resource))) {
    await deathOf(next, kills);
    next = started(lane.start());
  }
  await lane.succeeded(resource).catch((error: unknown) => {
    throw new Error(`${String(error)}; the component says: ${next.output().slice(-3000)}`, { cause: error });
  });
  return { wasKilled, component: next };
};

/** `step`: every n-th point. Asserts that there is one run for each one wanted. */
export const killEverywhere = async (
  operator: KilledOperator,
  { name, step, lanes }: { readonly name: string; readonly step: number; readonly lanes: number },
): Promise<Kills> => {
  const kills: Kills = { count: 0, places: new Set() };
  const asked: string[] = [];
  let n = 1 - step;
  let survivals = 0;
  const work = async (index: number): Promise<void> => {
    const way = operator.ways[index % operator.ways.length] ?? 'killed';
    const lane = await operator.openLane(`${name}-${index}`, way);
    let component = started(lane.start());
    while (survivals < SURVIVALS) {
      n += step;
      asked.push(`${lane.name}/run-${n}`);
      const result = await killAt({ operator, lane, way, kills }, n, component);
      ({ component } = result);
      survivals = result.wasKilled ? 0 : survivals + 1;
    }
    await component.kill9();
  };
  const results = await Promise.allSettled(Array.from({ length: lanes }, (_, index) => work(index)));
  for (const result of results) if (result.status === 'rejected') throw result.reason;
  assert.deepEqual((await operator.started()).toSorted(), asked.toSorted(), 'one run for each one wanted');
  return kills;
};

/** That the kills came where they matter. `count` and `places`: of all points; a step of several meets fewer. */
export const assertKilled = (
  kills: Kills,
  step: number,
  least: { readonly count: number; readonly places: number },
) => {
  assert.ok(kills.count >= least.count / step, `only ${kills.count} kills`);
  // Which points a step of several meets depends on how many there are that day.
  assert.ok(kills.places.size >= least.places / step, `only ${kills.places.size} places`);
  for (const file of isEveryKill ? ['reconcile-loop', 'once/start', 'stream-status-store'] : []) {
    assert.ok(
      [...kills.places].some((place) => place.includes(file)),
      `a kill in ${file}`,
    );
  }
};
