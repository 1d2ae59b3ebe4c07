// Who takes part in a storm: two copies of each built process, components of three operators, the stand-in that counts what was started
// outside, and the server. All of them but the stand-in can be killed or frozen, and come back.
//
// `adf-exact` and `adf-search` start runs outside, once for each run that is wanted: the first marks them with our run id, the second has to find
// them again by what they look like. `plain` has resources without runs, which cost little.

import { join } from 'node:path';
import type { JsonObject } from '../../src/core/json.ts';
import { startStandIn, type StandIn } from '../../src/stand-ins/azure-data-factory/server.ts';
import { operatorManifest } from '../../test/support/fixtures.ts';
import { mustApply, operatorNamed } from '../../test/support/manifests.ts';
import { root, startProcess, type TestProcess } from '../../test/support/processes.ts';
import { programs, startInstance, type RunningInstance } from '../../test/support/running-instance.ts';
import { adminOf, environmentFor } from '../../test/unit/operators/azure-data-factory/support.ts';
import { isBug } from './bugs.ts';
import type { Report } from './report.ts';

export const EXACT = 'adf-exact';
export const SEARCH = 'adf-search';
export const SERVER = 'nats-server';
export const PLAIN = 'plain';
/** The parameter in which `adf-exact` hands on our run id. */
export const RUN_PARAMETER = 'opstreamRun';
/**
 * A component that is frozen between its intent and the call starts its run when it is thawed. Whoever took over waits so long for that run
 * before it starts one, so no freeze may be longer than half of it: beyond that nobody could tell.
 */
export const SEARCH_GRACE_MS = 12_000;
const READY_MS = 60_000;

export type Victim = {
  readonly name: string;
  /** Kills it with SIGKILL. */
  kill(): Promise<void>;
  /** Starts it again; resolves when it works or stands by. */
  start(): Promise<void>;
  signal(name: 'SIGSTOP' | 'SIGCONT'): void;
};

export type Cast = {
  readonly instance: RunningInstance;
  readonly standIn: StandIn;
  readonly victims: readonly Victim[];
  /** What processes and components have logged that no storm excuses. */
  bugs(): readonly string[];
  stop(): Promise<void>;
};

const adfOperator = (name: string): JsonObject => {
  const manifest = operatorManifest({ name });
  const type = {
    name: 'pipeline-run',
    isRunnable: true,
    specSchema: { jsonSchema: JSON.stringify({ type: 'object', required: ['pipelineName'] }) },
    natsApi: {
      command: { stream: `${name}-channel`, subject: `${name}.run` },
      query: { subject: `${name}.run.query`, replySubject: `${name}.run.reply` },
    },
  };
  return { ...manifest, operator: { ...manifest.operator, resources: [type] } } as unknown as JsonObject;
};

export const startCast = async (report: Report): Promise<Cast> => {
  const plenty = { burst: 100_000, refillPerSecond: 10_000 };
  const limits = { reads: plenty, writes: plenty, deletes: plenty };
  const standIn = await startStandIn({ queuedMs: 100, runMs: 250, cancelMs: 50, limits });
  const text = { type: 'string', defaultValue: '' };
  for (const pipelineName of [EXACT, SEARCH])
    await adminOf(standIn).pipeline({ pipelineName, parameters: { item: text, turn: text, [RUN_PARAMETER]: text } });

  const copies = { 'command-handler': 2, projector: 2, 'query-responder': 2, 'operator-runtime': 2 };
  const instance = await startInstance({ from: 'dist', copies });
  for (const operator of [operatorNamed(PLAIN), adfOperator(EXACT), adfOperator(SEARCH)])
    await mustApply(instance.client, operator);

  const started: TestProcess[] = [];
  let isStopping = false;
  /** Calls `told` when it ends though nobody killed it. */
  const watch = (one: TestProcess, isWanted: () => boolean): void => {
    started.push(one);
    void one.ended.then(({ code, signal }) => {
      if (isWanted() && !isStopping)
        report.breach(
          `${one.name} ended by itself: ${code ?? signal}: ${one.output().trim().split('\n').slice(-3).join('\n').slice(-1500)}`,
        );
    });
  };

  const processVictim = (program: (typeof programs)[number], first: TestProcess, number: number): Victim => {
    let copy = first;
    const watchIt = (one: TestProcess): void => watch(one, () => instance.of(program).includes(one));
    watchIt(copy);
    return {
      name: `${program} ${number}`,
      kill: () => instance.kill9(program, copy),
      start: async () => {
        copy = await instance.start(program);
        watchIt(copy);
      },
      signal: (name) => copy.signal(name),
    };
  };

  const common = (operator: string, subject: string): Record<string, string> => ({
    OPSTREAM_NATS_URL: instance.server.url,
    OPSTREAM_LEASE_TTL: '1s',
    OPSTREAM_OPERATOR: operator,
    LOG_LEVEL: 'debug',
    OPERATOR_MAX_WORKERS: '16',
    OPERATOR_RECONCILE_WORKERS_INTERVAL: '10s',
    ENTITY_OF_INTEREST_MESSAGE_QUEUE: operator,
    ENTITY_OF_INTEREST_MESSAGE_STREAM: `${operator}-channel`,
    ENTITY_OF_INTEREST_MESSAGE_COMMAND_SUBJECT: subject,
  });
  const azure = environmentFor(standIn, {
    AZURE_RUN_SEARCH_GRACE: `${SEARCH_GRACE_MS}ms`,
    AZURE_POLL_INTERVAL: '150ms',
  });
  const adfProgram = join(root, 'dist', 'operators', 'azure-data-factory', 'main.js');
  const exact = { ...azure, ...common(EXACT, `${EXACT}.run`), AZURE_RUN_CORRELATION_PARAMETER: RUN_PARAMETER };
  const componentVictim = (name: string, program: string, env: Record<string, string>): Victim => {
    let current: TestProcess | undefined;
    const start = async (): Promise<void> => {
      const one = startProcess(program, { name, env });
      current = one;
      watch(one, () => current === one);
      await one.waitForLine(({ msg }) => String(msg).includes('lease'), { timeoutMs: READY_MS });
    };
    return {
      name,
      start,
      kill: async () => {
        const one = current;
        current = undefined;
        await one?.kill9();
      },
      signal: (signal) => current?.signal(signal),
    };
  };
  const components = [
    componentVictim('component of adf-exact 1', adfProgram, exact),
    componentVictim('component of adf-exact 2', adfProgram, exact),
    componentVictim('component of adf-search 1', adfProgram, { ...azure, ...common(SEARCH, `${SEARCH}.run`) }),
    componentVictim('component of adf-search 2', adfProgram, { ...azure, ...common(SEARCH, `${SEARCH}.run`) }),
    componentVictim(
      'component of plain',
      join(root, 'test', 'support', 'dataset-program.ts'),
      common(PLAIN, 'plain.dataset'),
    ),
  ];
  await Promise.all(components.map((one) => one.start()));
  const server: Victim = {
    name: SERVER,
    kill: () => instance.server.kill9(),
    start: () => instance.server.restart(),
    signal: (name) => process.kill(instance.server.pid, name),
  };
  return {
    instance,
    standIn,
    victims: [
      ...programs.flatMap((program) =>
        instance.of(program).map((copy, index) => processVictim(program, copy, index + 1)),
      ),
      ...components,
      server,
    ],
    bugs: () =>
      started.flatMap((one) =>
        one.lines.filter(isBug).map((line) => `${one.name}: ${JSON.stringify(line).slice(0, 600)}`),
      ),
    stop: async () => {
      isStopping = true;
      await Promise.all(components.map((one) => one.kill()));
      await instance.stop();
      await standIn.close();
    },
  };
};
