// `runOperator`: an author's reconciler as a whole program. Here the component meets the process (configuration, signals, exit
// codes) and the server; what it does is in component.ts.

import { isFault } from '../core/fault.ts';
import { countedDeadLetters, createDeadLetters } from '../engine/loops/dead-letters.ts';
import type { Log } from '../engine/ports/log.ts';
import { metricCatalogue, metricsOf } from '../messages/metric-catalogue.ts';
import { namesFor } from '../messages/subjects.ts';
import type { ConfigTable, Environment } from '../program/config-table.ts';
import { describeConfig } from '../program/config-table.ts';
import { processName } from '../program/environment.ts';
import { keepHeapSmall } from '../program/heap.ts';
import { runProcess, type ProcessContext } from '../program/lifecycle.ts';
import { createMetrics } from '../program/metrics.ts';
import { serveMetrics } from '../program/metrics-server.ts';
import { createAtWork } from './at-work.ts';
import { runComponent, type ComponentStage } from './component.ts';
import { componentConfig, componentTable, type ComponentConfig } from './config.ts';
import { connectComponent, type ConnectedComponent } from './connect-component.ts';
import { createMemoryEntityStore } from './memory-stores.ts';
import { createComponentMetrics } from './metrics.ts';
import { createStreamStatusStore } from './stream-status-store.ts';
import type { EntityStatusStore, EntityStore, MessageHandler, Reconciler } from './types.ts';

/** What an author's factory is given: the environment for its own settings, and the program's log. */
export type ComponentTools = { readonly environment: Environment; readonly log: Log };

export type OperatorOptions = {
  /** Name of the program in its logs. Default: the reconciler's id, or `component`. */
  readonly name?: string;
  /** The author's own settings, for `--help`. */
  readonly settings?: ConfigTable;
  /** One of the two. The factory may throw a Fault CONFIG_INVALID (see `configFault`) to end the program with exit code 2. */
  readonly reconciler?: Reconciler;
  createReconciler?(tools: ComponentTools): Promise<Reconciler> | Reconciler;
  /** Default: keeps the entity with the larger sequence, answers from the stores. */
  readonly messageHandler?: MessageHandler;
  /** Default: as OPERATOR_STATE_STORE_TYPE says. */
  readonly entityStore?: EntityStore;
  /** Default: the stream OPSTREAM_STATUS. */
  readonly statusStore?: EntityStatusStore;
};

const makeReconciler = async (options: OperatorOptions, tools: ComponentTools): Promise<Reconciler> => {
  const made = options.reconciler ?? (await options.createReconciler?.(tools));
  if (made === undefined) throw new TypeError('runOperator needs `reconciler` or `createReconciler`');
  return made;
};

/** What `/readyz` says while the component can neither work nor take over. */
const stageTexts: Readonly<Record<Exclude<ComponentStage, 'working' | 'standing-by'>, string>> = {
  connecting: 'it waits for the NATS server',
  'waiting-for-channel': 'it waits for the stream of its channel: is the operator applied?',
  starting: 'it leads and reads what it has to take care of',
};

const explainElection = ({ electionStateFile, electionSize }: ComponentConfig, log: Log): void => {
  if (electionStateFile === undefined && electionSize === 1) return;
  const note = 'a lease in JetStream elects the leader: no state file and no cluster size are needed';
  log.info({ electionStateFile, electionSize, note }, 'election settings accepted and not used');
};

/**
 * The component without the process around it: runs until `signal` aborts, then lets running reconciles end (up to 8 s), releases
 * the lease and closes the connection. For programs that hold more than a component, and for tests. Faults: CONFIG_INVALID.
 */
export const operate = async (
  options: OperatorOptions,
  signal: AbortSignal,
  context: Pick<ProcessContext, 'environment' | 'log' | 'clock' | 'ids'>,
): Promise<void> => {
  const { environment, log, clock, ids } = context;
  const loaded = componentConfig(environment);
  if (!loaded.ok) throw loaded.error;
  const config = loaded.value;
  const reconciler = await makeReconciler(options, { environment, log });
  explainElection(config, log);
  const names = namesFor(config.prefix);
  const registry = createMetrics(metricsOf('component'), { withProcess: config.metricPort !== undefined });
  const metrics = createComponentMetrics(registry);
  let connected: ConnectedComponent | undefined;
  let stage: ComponentStage = 'connecting';
  const missing = (): readonly string[] => {
    if (signal.aborted) return ['it is stopping'];
    if (connected?.isUp() === false) return ['the connection to NATS is down'];
    return stage === 'working' || stage === 'standing-by' ? [] : [stageTexts[stage]];
  };
  registry.reading(metricCatalogue.natsConnected, () => Number(connected?.isUp() ?? false));
  const { metricPort: port } = config;
  const server = port === undefined ? undefined : await serveMetrics({ port, log, metrics: registry, missing });
  try {
    connected = await connectComponent({ config, names, log, clock, signal, metrics: registry });
    const { ports, openEntityStore, channelExists } = connected;
    await runComponent({
      ...{ config, reconciler, log, clock, metrics, signal, atWork: createAtWork(config.atWorkFile, log) },
      ...(options.messageHandler === undefined ? {} : { handler: options.messageHandler }),
      entities:
        options.entityStore ?? (config.stateStore === 'memory' ? createMemoryEntityStore() : await openEntityStore()),
      statuses:
        options.statusStore ??
        createStreamStatusStore({
          ...{ names, clock, ids },
          appender: ports.statuses,
          reader: ports.statusReader,
          follower: ports.statusFollower,
          ...(config.operator === undefined ? {} : { operator: config.operator }),
        }),
      commands: ports.commands,
      subscriber: ports.subscriber,
      publisher: ports.publisher,
      leases: ports.leases,
      holder: processName(),
      deadLetters: countedDeadLetters(createDeadLetters(names, ports.dead, clock), registry),
      random: Math.random,
      channelExists,
      onStage: (reached) => {
        stage = reached;
      },
    });
  } catch (error) {
    // Told to stop while it waited for the server.
    if (!(signal.aborted && isFault(error))) throw error;
  } finally {
    server?.stop();
    await connected?.close();
  }
};

/**
 * Runs the component as the whole program: reads the environment (the seed's variables), connects, waits for its channel, and works
 * until SIGTERM. Exit codes: 0 stopped, 2 configuration wrong, 70 a bug. `--help` prints every setting.
 */
export const runOperator = (options: OperatorOptions): Promise<never> =>
  runProcess(options.name ?? options.reconciler?.id() ?? 'component', async (signal, context) => {
    if (context.environment.argv.includes('--help')) {
      context.print(`Settings of a component:\n\n${describeConfig(componentTable)}\n`);
      if (options.settings !== undefined) {
        context.print(`\nSettings of ${context.name}:\n\n${describeConfig(options.settings)}\n`);
      }
      return;
    }
    keepHeapSmall();
    await operate(options, signal, context);
  });
