// What every process begins with: configuration, connection, streams. Called by the four composition roots and nothing else.

import { connectNats, type JetStreamConnection } from '../../jetstream/connection.ts';
import { createAppender } from '../../jetstream/appender.ts';
import { provision } from '../../jetstream/provision.ts';
import { createServerPorts } from '../../jetstream/server-ports.ts';
import { countedDeadLetters, createDeadLetters, type DeadLetters } from '../../engine/loops/dead-letters.ts';
import { keepTrying } from '../../engine/loops/keep-trying.ts';
import { observeLeadership } from '../../engine/loops/leadership.ts';
import { programs } from '../../messages/metric-catalogue.ts';
import { namesFor, type Names } from '../../messages/subjects.ts';
import { configFault, loadConfig } from '../../program/config-table.ts';
import { processName } from '../../program/environment.ts';
import { connectionOptions } from '../../program/connection-options.ts';
import { instanceTable, type InstanceConfig } from '../../program/instance-config.ts';
import type { Appender } from '../../engine/ports/streams.ts';
import type { LeaseKeeper } from '../../engine/ports/leases.ts';
import type { ProcessContext } from '../../program/lifecycle.ts';
import type { ProgramParts } from './program-parts.ts';
import { storeProblem } from './store-problem.ts';
import { openVitals, type Vitals } from './vitals.ts';

export type Instance = ProcessContext & {
  readonly config: InstanceConfig;
  readonly names: Names;
  readonly connection: JetStreamConnection;
  readonly leases: LeaseKeeper;
  readonly deadLetters: DeadLetters;
  /** Names this copy in leases. */
  readonly holder: string;
  /** Metrics and readiness; the leases that were named to openInstance are watched. */
  readonly vitals: Vitals;
  appenderOf(stream: string): Appender;
  /** What the program is composed of. */
  readonly parts: ProgramParts;
};

/**
 * Connects and makes the streams that are missing, waiting for both as long as it takes. Faults, all of them what waiting cannot mend:
 * CONFIG_INVALID, NATS_UNREACHABLE (it does not let us in), SERVER_TOO_OLD, STREAM_DRIFT, STREAM_COMPRESSED, JS_REFUSED.
 */
export const openInstance = async (
  context: ProcessContext,
  signal: AbortSignal,
  /** Leases that this process competes for: it is ready when it holds or waits for each. */
  leaseNames: readonly string[] = [],
): Promise<Instance> => {
  const { environment, log, clock, ids, name } = context;
  const loaded = loadConfig(instanceTable, environment.env, environment.argv);
  if (!loaded.ok) throw configFault(loaded.error);
  const { config } = loaded.value;
  const names = namesFor(config.prefix);
  const program = programs.find((known) => known === name);
  if (program === undefined) throw new TypeError(`${name} has no metrics; name it in the catalogue`);
  const vitals = await openVitals(program, { port: config.metricPort, log, signal });
  vitals.lacks(() => {
    const problem = storeProblem(config.storeFolder, processName());
    return problem === undefined ? undefined : `JS_STORE_FULL: ${problem}`;
  });
  const connection = await connectNats({ ...connectionOptions(config), name: `${config.prefix}-${name}`, log, signal });
  vitals.connected(connection);
  const { prefix, replicas } = config;
  await keepTrying(() => provision(connection, { prefix, ...(replicas === undefined ? {} : { replicas }) }), {
    ...{ what: 'the streams', clock, log, signal },
    onWait: (reason) => vitals.waits(reason),
  });
  const appenders = new Map<string, Appender>();
  const appenderOf = (stream: string): Appender => {
    const known = appenders.get(stream);
    if (known !== undefined) return known;
    const appender = createAppender(connection, stream);
    appenders.set(stream, appender);
    return appender;
  };
  const { metrics } = vitals;
  const ports = createServerPorts(connection, { clock, log });
  const leadership = observeLeadership(ports.leases(names.buckets.leases), metrics);
  vitals.lead(leadership, leaseNames);
  const parts: ProgramParts = {
    ...{ names, ports, clock, ids, log, metrics, appenderOf },
    leases: leadership.leases,
    leaseTtlMs: config.leaseTtlMs,
    holder: processName(),
    deadLetters: countedDeadLetters(createDeadLetters(names, appenderOf(names.streams.dead), clock), metrics),
    stats: () => vitals.stats(),
  };
  const { leases, deadLetters, holder } = parts;
  return { ...context, config, names, connection, leases, deadLetters, holder, vitals, appenderOf, parts };
};
