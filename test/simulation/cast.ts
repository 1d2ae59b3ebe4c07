// Who takes part in a history: the four programs, composed as src/processes composes them, and a component, each with a life that can end at any step.

import { Fault, isFault } from '../../src/core/fault.ts';
import { err } from '../../src/core/result.ts';
import { reject } from '../../src/core/rejection.ts';
import { createDeadLetters } from '../../src/engine/loops/dead-letters.ts';
import { whileLeading } from '../../src/engine/loops/lead.ts';
import { createOwnServers } from '../../src/engine/own-server/own-servers.ts';
import type { JqRunner } from '../../src/engine/ports/jq.ts';
import { noMetrics } from '../../src/engine/ports/no-metrics.ts';
import type { ServerPorts } from '../../src/engine/ports/server.ts';
import type { Appender } from '../../src/engine/ports/streams.ts';
import { defaultSettings } from '../../src/engine/supervision/decide.ts';
import { createSupervisor } from '../../src/engine/supervision/supervisor.ts';
import { stateBucketOf } from '../../src/messages/component-names.ts';
import type { Names } from '../../src/messages/subjects.ts';
import { noVault } from '../../src/engine/commands/sealing.ts';
import { runCommandHandler } from '../../src/processes/common/compose-command-handler.ts';
import { leadOperatorRuntime, type RuntimeSides } from '../../src/processes/common/compose-operator-runtime.ts';
import { runProjector } from '../../src/processes/common/compose-projector.ts';
import { runQueryResponder } from '../../src/processes/common/compose-query-responder.ts';
import type { ProgramParts } from '../../src/processes/common/program-parts.ts';
import { createBucketEntityStore } from '../../src/sdk/bucket-entity-store.ts';
import { runComponent } from '../../src/sdk/component.ts';
import { componentConfig } from '../../src/sdk/config.ts';
import { createComponentMetrics } from '../../src/sdk/metrics.ts';
import { createStreamStatusStore } from '../../src/sdk/stream-status-store.ts';
import {
  bucketStream,
  countedIds,
  createMemoryPorts,
  keptLog,
  type LogLine,
  type MemoryServer,
} from '../../src/testing/index.ts';
import type { Random } from '../../scripts/chaos/random.ts';
import { createIncarnation, type Incarnation } from './incarnation.ts';
import { count, type Network } from './network.ts';
import { platformReconciler, type Platform } from './platform.ts';
import type { Schedule } from './schedule.ts';

export type World = {
  readonly schedule: Schedule;
  readonly random: Random;
  readonly network: Network;
  readonly server: MemoryServer;
  readonly names: Names;
  readonly platform: Platform;
  /** What must not happen, as it is found. */
  readonly breaches: string[];
  tell(line: () => string): void;
};

export const LEASE_TTL_MS = 3000;
const ANSWER_WAIT_MS = 6000;
const RESTART_MS = 300;

/** No type of a simulated operator has a jq program. */
const noJq: JqRunner = {
  run: async () => err(reject('JQ_INVALID', 'there is no jq here')),
  check: async () => err(reject('JQ_INVALID', 'there is no jq here')),
  close: async () => undefined,
};

export type Operator = {
  readonly name: string;
  readonly type: string;
  readonly stream: string;
  readonly subject: string;
};
export const OPERATORS: readonly Operator[] = [
  { name: 'alpha', type: 'job', stream: 'alpha-channel', subject: 'alpha.job' },
  { name: 'beta', type: 'dataset', stream: 'beta-channel', subject: 'beta.dataset' },
];

let lives = 0;
export const resetLives = (): void => {
  lives = 0;
};

export const openPorts = ({ server, random }: World, life: Incarnation): ServerPorts =>
  createMemoryPorts(server, {
    ...{ clock: life.clock, link: life.link },
    isBatch: (writes) => writes > 1 && random.chance(0.5),
  });

const tellLine = ({ breaches, tell }: World, name: string, { level, message, fields }: LogLine): void => {
  const { err: error } = fields;
  const text = error instanceof Error ? `: ${error.message}` : '';
  tell(() => `${name} ${level} ${message}${text} ${JSON.stringify({ ...fields, err: undefined })}`);
  if (level !== 'error') return;
  const stack = error instanceof Error && !isFault(error) ? `\n${error.stack}` : '';
  breaches.push(`${name} logs an error: ${message}${text}${stack}`);
};

const logOf = (world: World, name: string) => keptLog((line) => tellLine(world, name, line)).log;

const partsOf = (world: World, life: Incarnation): ProgramParts => {
  const { names } = world;
  const ports = openPorts(world, life);
  const appenders = new Map<string, Appender>();
  const appenderOf = (stream: string): Appender => {
    const appender = appenders.get(stream) ?? ports.appender(stream);
    appenders.set(stream, appender);
    return appender;
  };
  return {
    ...{ names, ports, appenderOf, clock: life.clock, metrics: noMetrics, leaseTtlMs: LEASE_TTL_MS },
    ids: countedIds(lives),
    log: logOf(world, life.name),
    leases: ports.leases(names.buckets.leases),
    holder: `${life.name}-${lives}`,
    deadLetters: createDeadLetters(names, appenderOf(names.streams.dead), life.clock),
    stats: async () => ({}),
  };
};

const sidesOf = (world: World, { names, ports, clock, log, deadLetters, appenderOf }: ProgramParts): RuntimeSides => {
  const computes = new Map([['external', 'external']]);
  return {
    computes,
    answerWaitMs: ANSWER_WAIT_MS,
    openServers: (term) =>
      createOwnServers({
        ...{ ...term, names, computes, clock, log, deadLetters, metrics: noMetrics },
        folders: {
          prepare: () => Promise.reject(new Fault('COMPUTE_UNAVAILABLE', 'no own servers here')),
          isThere: () => false,
          list: () => [],
          remove: () => undefined,
        },
        connect: () => Promise.reject(new Fault('COMPUTE_UNAVAILABLE', 'no own servers here')),
        shared: {
          statuses: appenderOf(names.streams.status),
          statusReader: ports.limitedReader(names.streams.status),
          statusFollower: ports.follower(names.streams.status),
          deadFollower: ports.follower(names.streams.dead),
          dead: appenderOf(names.streams.dead),
          positions: ports.bucket(names.buckets.leases),
          requester: ports.requester,
          subscriber: ports.subscriber,
          publisher: ports.publisher,
        },
      }),
    supervise: async ({ servers, signal, onReport }) =>
      createSupervisor({
        ...{ directory: servers.directory, drivers: [], settings: defaultSettings, clock, log, signal, onReport },
        planner: { isExternal: () => true, plan: async () => ({ kind: 'external' }) },
        random: () => world.random.next(),
      }),
  };
};

type Program = (world: World, life: Incarnation, signal: AbortSignal) => Promise<void>;

const commandHandler: Program = (world, life, signal) =>
  runCommandHandler(partsOf(world, life), { signal, vault: noVault, jq: noJq, onServing: () => undefined });

const projector: Program = (world, life, signal) => runProjector(partsOf(world, life), signal);

const queryResponder: Program = (world, life, signal) =>
  runQueryResponder(partsOf(world, life), { signal, onServing: () => undefined });

const operatorRuntime: Program = (world, life, signal) => {
  const parts = partsOf(world, life);
  const { leases, holder, clock, log } = parts;
  return whileLeading({
    ...{ leases, name: 'operator-runtime', holder, ttlMs: LEASE_TTL_MS, clock, log, signal },
    work: (lease, leading) => leadOperatorRuntime(parts, sidesOf(world, parts), lease, leading),
  });
};

const component =
  ({ name, stream, subject }: Operator): Program =>
  async (world, life, signal) => {
    const { server, random } = world;
    const { names, ports, clock, log, ids, leases, holder, deadLetters, appenderOf } = partsOf(world, life);
    const loaded = componentConfig({
      env: {
        ENTITY_OF_INTEREST_MESSAGE_STREAM: stream,
        ENTITY_OF_INTEREST_MESSAGE_COMMAND_SUBJECT: subject,
        ENTITY_OF_INTEREST_MESSAGE_QUEUE: `${name}-controller`,
        OPSTREAM_OPERATOR: name,
        OPSTREAM_LEASE_TTL: `${LEASE_TTL_MS}ms`,
        OPERATOR_MAX_WORKERS: '4',
        OPERATOR_RECONCILE_WORKERS_INTERVAL: '20s',
      },
      argv: [],
    });
    if (!loaded.ok) throw loaded.error;
    const config = loaded.value;
    const bucket = stateBucketOf(names.prefix, config.queue);
    if (!server.streams.has(bucketStream(bucket))) server.addBucket(bucket);
    await runComponent({
      config,
      reconciler: platformReconciler(world.platform, { link: life.link, random, nowMs: () => clock.nowMs() }),
      entities: createBucketEntityStore({
        ...{ bucket, log, store: ports.bucket(bucket), follower: ports.follower(bucketStream(bucket)) },
      }),
      statuses: createStreamStatusStore({
        ...{ names, clock, ids, operator: name },
        appender: appenderOf(names.streams.status),
        reader: ports.limitedReader(names.streams.status),
        follower: ports.follower(names.streams.status),
      }),
      commands: ports.workQueue(stream, config.queue, { filterSubjects: [subject], ackWaitMs: 5000, ackDelayMs: 20 }),
      subscriber: ports.subscriber,
      publisher: ports.publisher,
      ...{ leases, holder, deadLetters, clock, log, signal },
      metrics: createComponentMetrics(),
      random: () => random.next(),
      channelExists: async () => life.link.call({ kind: 'read', name: stream }, () => server.streams.has(stream)),
    });
  };

export type Actor = {
  readonly name: string;
  readonly life: Incarnation | undefined;
  start(): void;
  crash(): void;
};

const createActor = (world: World, name: string, program: Program): Actor => {
  const { schedule, network, breaches, tell } = world;
  let life: Incarnation | undefined;

  const start = (): void => {
    if (life?.isAlive === true) return;
    lives += 1;
    const mine = createIncarnation(name, world);
    life = mine;
    tell(() => `${name} starts`);
    const ended = (how: string): void => {
      if (!mine.isAlive) return;
      mine.crash();
      tell(() => `${name} ended by itself: ${how}`);
      count(network.counts, 'programs that ended by themselves');
      schedule.at(schedule.nowMs() + RESTART_MS, start);
    };
    program(world, mine, new AbortController().signal).then(
      () => ended('it was done'),
      (error: unknown) => {
        if (!isFault(error) && mine.isAlive)
          breaches.push(`${name} ended with a bug: ${error instanceof Error ? error.stack : String(error)}`);
        ended(String(error));
      },
    );
  };
  return {
    name,
    get life() {
      return life;
    },
    start,
    crash: () => {
      tell(() => `${name} crashes`);
      life?.crash();
    },
  };
};

export const createCast = (world: World): readonly Actor[] => {
  const { random } = world;
  const oneOrTwo = (): number => (random.chance(0.3) ? 2 : 1);
  const copies = (name: string, number: number, program: Program): readonly Actor[] =>
    Array.from({ length: number }, (_, index) => createActor(world, `${name} ${index + 1}`, program));
  return [
    ...copies('command-handler', 2, commandHandler),
    ...copies('projector', oneOrTwo(), projector),
    ...copies('query-responder', oneOrTwo(), queryResponder),
    ...copies('operator-runtime', oneOrTwo(), operatorRuntime),
    ...OPERATORS.flatMap((one) => copies(`component ${one.name}`, oneOrTwo(), component(one))),
  ];
};
