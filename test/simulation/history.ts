// One history: a world of its own, a storm over its load, then calm until everything has settled, then the promises. All of it follows from the seed.

import { randomOf } from '../../scripts/chaos/random.ts';
import { isFault } from '../../src/core/fault.ts';
import { createMemoryInstance } from '../../src/testing/index.ts';
import { createCast, OPERATORS, resetLives, type Actor, type World } from './cast.ts';
import { checkAll, unsettled } from './checks.ts';
import { createClient, operatorOf, type Client } from './load.ts';
import { fold, resourcesOf } from './look.ts';
import { CALM, count, createNetwork, STORM, type Counts } from './network.ts';
import { createPlatform } from './platform.ts';
import { createSchedule } from './schedule.ts';

const START_MS = 1_700_000_000_000;
const SECOND = 1000;
const SETTLE_MS = 400 * SECOND;
/** Tries of one command. */
const MANY = 1000;
const MAX_APPLIES = 60;
const LOOK_MS = SECOND / 2;
const STAY_MS = 3 * SECOND;
/** Short histories find most, and long ones what takes its time. */
const SHORT_SHARE = 0.75;
const PATIENT_SHARE = 0.05;

export type HistoryResult = {
  readonly seed: number;
  readonly breaches: readonly string[];
  readonly counts: Counts;
  readonly commands: number;
  readonly steps: number;
  /** That passed in the history. */
  readonly simulatedMs: number;
};

const newWorld = (seed: number, tell: ((line: string) => void) | undefined): World => {
  const random = randomOf(seed);
  const schedule = createSchedule(START_MS, random);
  const network = createNetwork(schedule, random);
  const { server, names } = createMemoryInstance({
    nowMs: () => schedule.nowMs(),
    pick: (members) => random.between(0, members - 1),
  });
  const told = (line: () => string): void => tell?.(`${((schedule.nowMs() - START_MS) / SECOND).toFixed(3)} ${line()}`);
  const platform = createPlatform(() => schedule.nowMs());
  return { schedule, random, network, server, names, platform, breaches: [], tell: told };
};

/** One thing that goes wrong. */
const strike = (world: World, cast: readonly Actor[]): void => {
  const { random, schedule, network, names, server, tell } = world;
  const nowMs = schedule.nowMs();
  const stores = [names.streams.events, names.streams.status, names.streams.outcomes, names.streams.commands];
  const buckets = [names.buckets.leases, names.buckets.entities, names.buckets.operators];
  const victim = random.pick(cast);
  const kinds: readonly (() => void)[] = [
    () => {
      count(network.counts, 'crashes');
      victim.crash();
      schedule.at(nowMs + random.between(0, 6000), () => victim.start());
    },
    () => {
      const forMs = random.between(100, 9000);
      count(network.counts, 'freezes');
      tell(() => `${victim.name} freezes for ${forMs} ms`);
      victim.life?.freeze(forMs);
    },
    () => {
      const forMs = random.between(200, 5000);
      const name = random.pick(['*', ...stores, ...buckets, ...OPERATORS.flatMap(({ stream }) => [stream, stream])]);
      tell(() => `${name} is away for ${forMs} ms`);
      network.outage(name, nowMs + forMs);
    },
    () => {
      const leases = server.stream(`KV_${names.buckets.leases}`);
      // Of the programs. A component whose lease is taken away goes on taking commands until it hears of that (src/README.md, decision 29).
      const held = leases
        .subjects(`$KV.${names.buckets.leases}.>`)
        .filter((subject) => !/\.(checkpoint|component)/.test(subject));
      if (held.length === 0) return;
      const subject = random.pick(held);
      tell(() => `lease ${subject} is taken away`);
      count(network.counts, 'leases taken away');
      leases.store([{ subject, data: new Uint8Array(), headers: { 'KV-Operation': 'DEL' } }]);
    },
  ];
  const luck = random.next();
  kinds[luck < 0.45 ? 0 : luck < 0.65 ? 1 : luck < 0.85 ? 2 : 3]?.();
};

/** How much happens, and for how long. */
type Shape = {
  readonly storm: readonly [number, number];
  readonly commands: readonly [number, number];
  readonly strikes: readonly [number, number];
};
const SHORT: Shape = { storm: [1, 5], commands: [3, 10], strikes: [0, 3] };
const LONG: Shape = { storm: [5, 20], commands: [8, 30], strikes: [0, 8] };
const PATIENT: Shape = { storm: [45, 60], commands: [6, 15], strikes: [0, 2] };

/** A channel is away for longer than anybody tries, and the runtime that owes it commands dies. */
const outlastTries = (world: World, cast: readonly Actor[]): void => {
  const { random, schedule, network, tell } = world;
  const nowMs = schedule.nowMs();
  const runtimes = cast.filter(({ name }) => name.startsWith('operator-runtime'));
  const { stream } = random.pick(OPERATORS);
  const untilMs = nowMs + random.between(34, 44) * SECOND;
  tell(() => `${stream} is away for long`);
  network.outage(stream, untilMs);
  schedule.at(random.between(nowMs + 30 * SECOND, untilMs), () => {
    count(network.counts, 'crashes');
    for (const runtime of runtimes) runtime.crash();
    schedule.at(schedule.nowMs() + random.between(0, 6000), () => {
      for (const runtime of runtimes) runtime.start();
    });
  });
};

const storm = async (world: World, cast: readonly Actor[], client: Client): Promise<void> => {
  const { random, schedule, network } = world;
  const luck = random.next();
  const shape = luck < SHORT_SHARE ? SHORT : luck < SHORT_SHARE + PATIENT_SHARE ? PATIENT : LONG;
  const startedMs = schedule.nowMs();
  const endMs = startedMs + random.between(...shape.storm) * SECOND;
  const commands = random.between(...shape.commands);
  const strikes = random.between(...shape.strikes);
  const lastMs = shape === PATIENT ? startedMs + 10 * SECOND : endMs;
  for (let index = 0; index < commands; index += 1) schedule.at(random.between(startedMs, lastMs), () => client.act());
  for (let index = 0; index < strikes; index += 1)
    schedule.at(random.between(startedMs, endMs), () => strike(world, cast));
  if (shape === PATIENT) outlastTries(world, cast);
  const share = random.next();
  network.weather = Object.fromEntries(
    Object.entries(STORM).map(([what, most]) => [what, (most as number) * share]),
  ) as typeof STORM;
  await schedule.runUntil(endMs);
};

const calmDown = (world: World, cast: readonly Actor[]): void => {
  world.tell(() => 'the storm is over');
  world.network.weather = CALM;
  world.network.endOutages();
  for (const actor of cast) {
    actor.life?.thaw();
    actor.start();
  }
};

const isDeleting = (world: World, name: string | undefined): boolean =>
  fold(world).things.some(({ ref, operator }) => ref.name === name && operator?.deletionRequestedAt !== undefined);

/** Suspended resources go on, and those that hold up the deletion of their operator go. */
const tidyResources = async (world: World, client: Client): Promise<void> => {
  for (const { ref, entity } of resourcesOf(world)) {
    const target = { type: 'resource', workspace: ref.workspace, name: ref.name };
    if (entity?.suspended === true) await client.ask(client.newCommand('resume', target), MANY);
    const isHolding =
      isDeleting(world, entity?.manifest.resource.operator) && entity?.deletionRequestedAt === undefined;
    if (isHolding) await client.ask(client.newCommand('delete', target), MANY);
  }
};

/** Each operator is there again, when what holds up its deletion is gone. */
const applyOperators = async (world: World, client: Client): Promise<void> => {
  for (let index = 0; index < OPERATORS.length; index += 1) {
    for (let tries = 0; tries < MAX_APPLIES; tries += 1) {
      const receipt = await client.ask(client.newCommand('apply', operatorOf(index)), MANY);
      if (receipt?.accepted === true) break;
      await client.pause(SECOND);
      await tidyResources(world, client);
    }
  }
};

/** What the load has left: commands without an answer, suspended resources, operators that were deleted. */
const tidyUp = async (world: World, client: Client): Promise<void> => {
  for (const command of client.commands) if (command.receipts.length === 0) await client.ask(command, MANY);
  await tidyResources(world, client);
  await applyOperators(world, client);
};

/** Runs the schedule until the work has ended. */
const during = async (world: World, work: Promise<unknown>, what: string): Promise<void> => {
  let isOver = false;
  let failure: { readonly error: unknown } | undefined;
  work.then(
    () => (isOver = true),
    (error: unknown) => {
      failure = { error };
      isOver = true;
    },
  );
  await world.schedule.runUntil(world.schedule.nowMs() + SETTLE_MS, () => isOver);
  if (failure !== undefined) throw failure.error;
  if (!isOver) world.breaches.push(`${what} does not end`);
};

const settle = async (world: World): Promise<void> => {
  const { schedule } = world;
  const endMs = schedule.nowMs() + SETTLE_MS;
  let lacks = unsettled(world);
  while (lacks.length > 0 && schedule.nowMs() < endMs) {
    await schedule.runUntil(schedule.nowMs() + LOOK_MS);
    lacks = unsettled(world);
  }
  for (const lack of lacks) world.breaches.push(`it does not settle: ${lack}`);
};

/** The same ids once more: each has its verdict already. */
const askAgain = async (world: World, client: Client): Promise<void> => {
  const { server, names } = world;
  const before = server.stream(names.streams.events).lastSequence();
  for (const command of client.commands) await client.ask(command, 100);
  const after = server.stream(names.streams.events).lastSequence();
  if (after !== before) world.breaches.push(`P2 ${after - before} events were stored when every id was sent once more`);
};

export const runHistory = async (seed: number, tell?: (line: string) => void): Promise<HistoryResult> => {
  resetLives();
  const world = newWorld(seed, tell);
  const { schedule, breaches } = world;
  const onRejection = (reason: unknown): void => {
    const what = isFault(reason) ? `${reason.code} ${reason.message}` : reason instanceof Error ? reason.stack : reason;
    breaches.push(`a rejection that nobody handles: ${String(what)}`);
  };
  process.on('unhandledRejection', onRejection);
  const cast = createCast(world);
  const client = createClient(world);
  try {
    for (const actor of cast) actor.start();
    const apply = async (): Promise<void> => {
      for (const [index] of OPERATORS.entries()) await client.ask(client.newCommand('apply', operatorOf(index)), 100);
    };
    await during(world, apply(), 'the first apply');
    await storm(world, cast, client);
    calmDown(world, cast);
    await schedule.runUntil(schedule.nowMs() + 120 * SECOND, () => client.underWay === 0);
    await during(world, tidyUp(world, client), 'tidying up');
    await settle(world);
    await schedule.runUntil(schedule.nowMs() + STAY_MS);
    for (const lack of unsettled(world)) if (breaches.length === 0) breaches.push(`it does not stay settled: ${lack}`);
    await during(world, askAgain(world, client), 'asking again');
    for (const breach of await checkAll(world, client.commands)) breaches.push(breach);
  } finally {
    for (const actor of cast) actor.life?.crash();
    process.off('unhandledRejection', onRejection);
  }
  const { counts } = world.network;
  const simulatedMs = schedule.nowMs() - START_MS;
  return { seed, breaches, counts, commands: client.commands.length, steps: schedule.steps, simulatedMs };
};
