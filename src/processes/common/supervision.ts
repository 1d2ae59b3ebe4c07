// What the operator-runtime supervises components with: the drivers, made once for the process (their instances outlive a term of leading), and
// a supervisor for each term. Components are told of the server what OPSTREAM_COMPONENT_NATS_* says, never this process's credentials.

import { createHash, scryptSync } from 'node:crypto';
import { hostname } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { withoutUser } from '../../core/server-address.ts';
import { isHostNetwork } from '../../compute/container-arguments.ts';
import { createContainerDriver } from '../../compute/container-driver.ts';
import { createProcessDriver } from '../../compute/process-driver.ts';
import { localImageText, type LocalImage, type LocalImages } from '../../compute/local-images.ts';
import type { OwnServers } from '../../engine/own-server/own-servers.ts';
import { SERVER_IMAGE } from '../../engine/own-server/ports.ts';
import { withOwnServers } from '../../engine/own-server/server-planner.ts';
import { secretsOfComponent } from '../../engine/supervision/secrets/component-secrets.ts';
import { PROCESS } from '../../engine/supervision/drivers.ts';
import { createRecall } from '../../engine/supervision/component-history.ts';
import { defaultSettings, type SupervisionSettings } from '../../engine/supervision/decide.ts';
import type { ServerAccess } from '../../engine/supervision/plan-inputs.ts';
import { createPlanner } from '../../engine/supervision/planner.ts';
import { createLeaseWatch, MIN_STANDSTILL_MS } from '../../engine/supervision/lease-watch.ts';
import { createLogShipper } from '../../engine/supervision/logs/log-shipper.ts';
import { createSecretReader } from '../../engine/supervision/secrets/secret-reader.ts';
import { announcePlaces, endStrays, type Places } from '../../engine/supervision/strays.ts';
import { createSupervisor } from '../../engine/supervision/supervisor.ts';
import type { Supervisor } from '../../engine/supervision/supervisor-types.ts';
import type { ComputeDriver } from '../../engine/supervision/ports.ts';
import { createKeyValueStore } from '../../jetstream/key-value-store.ts';
import { createLimitedStreamReader } from '../../jetstream/limited-stream.ts';
import { createStreamReader } from '../../jetstream/stream-reader.ts';
import { createWholeStreamReader } from '../../jetstream/whole-stream.ts';
import { configFault, loadConfig } from '../../program/config-table.ts';
import { ownLoader } from '../../program/environment.ts';
import type { InstanceConfig } from '../../program/instance-config.ts';
import { supervisionTable, type SupervisionConfig } from '../../program/supervision-config.ts';
import type { Instance } from './open-instance.ts';
import { openVault } from './open-vault.ts';

const here = dirname(fileURLToPath(import.meta.url));
const ending = import.meta.url.endsWith('.ts') ? '.ts' : '.js';
const REFERENCE_OPERATORS = ['azure-data-factory', 'hightouch', 'http'] as const;

/** The reference operators, run as this program is run, and the NATS server that an operator may have for itself. */
const builtInImages = (natsServer: string): LocalImages =>
  new Map<string, LocalImage>([
    // The server of one operator: what it is sent, one core can do.
    [SERVER_IMAGE, { command: [natsServer], environment: { GOMAXPROCS: '1' } }],
    ...REFERENCE_OPERATORS.map((name) => {
      const program = resolve(here, '..', '..', 'operators', name, `main${ending}`);
      const loader = ending === '.ts' ? ownLoader() : [];
      return [`opstream/${name}`, { command: ['node', ...loader, program], environment: {} }] as const;
    }),
  ]);

const settingsOf = (config: SupervisionConfig): SupervisionSettings => ({
  ...defaultSettings,
  backOffMs: config.restartPauseMs,
  maxBackOffMs: config.maxRestartPauseMs,
  steadyMs: config.steadyMs,
  crashLoopAfter: config.crashLoopAfter,
  progressDeadlineMs: config.progressDeadlineMs,
  graceMs: config.stopGraceMs,
  livenessFailures: config.livenessFailures,
});

const given = (variables: Readonly<Record<string, string | undefined>>): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(variables).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );

/** Slow on purpose: it becomes part of the names of instances, and must not tell a weak password to who tries many. */
const slowDigestOf = (text: string, prefix: string): string =>
  scryptSync(text, `opstream component credentials ${prefix}`, 16).toString('hex');

const fingerprintOf = (credentials: Readonly<Record<string, string>>, prefix: string): string =>
  slowDigestOf(JSON.stringify(Object.entries(credentials).sort()), prefix);

const MAX_DIGESTS = 1000;

/** Plans are made again and again: each text is digested once. */
const createSlowDigest = (prefix: string): ((text: string) => string) => {
  const known = new Map<string, string>();
  return (text) => {
    const before = known.get(text);
    if (before !== undefined) return before;
    if (known.size >= MAX_DIGESTS) known.clear();
    const digest = slowDigestOf(text, prefix);
    known.set(text, digest);
    return digest;
  };
};

const absolute = (path: string | undefined): string | undefined => (path === undefined ? undefined : resolve(path));

const accessOf = (
  config: SupervisionConfig,
  { natsUrl, natsCa, prefix }: Pick<InstanceConfig, 'natsUrl' | 'natsCa' | 'prefix'>,
): ServerAccess => {
  const credentials = given({
    OPSTREAM_NATS_USER: config.componentNatsUser,
    OPSTREAM_NATS_PASSWORD: config.componentNatsPassword,
    OPSTREAM_NATS_TOKEN: config.componentNatsToken,
    OPSTREAM_NATS_CREDS: absolute(config.componentNatsCreds),
    OPSTREAM_NATS_CERT: absolute(config.componentNatsCert),
    OPSTREAM_NATS_KEY: absolute(config.componentNatsKey),
  });
  const hasAny = Object.keys(credentials).length > 0;
  return {
    environment: {
      OPSTREAM_NATS_URL: config.componentNatsUrl ?? withoutUser(natsUrl),
      ...given({ OPSTREAM_NATS_CA: absolute(config.componentNatsCa ?? natsCa) }),
    },
    credentials,
    ...(hasAny ? { credentialsVersion: fingerprintOf(credentials, prefix) } : {}),
  };
};

export type Supervision = {
  readonly drivers: readonly ComputeDriver[];
  readonly data: string;
  readonly computes: ReadonlyMap<string, string>;
  /** How long a component may leave a command unanswered. */
  readonly answerWaitMs: number;
  /** A supervisor for one term of leading; `announce` tells the others where this is, before anything is started. */
  lead(term: {
    readonly servers: OwnServers;
    readonly fence: number;
    readonly signal: AbortSignal;
    onReport(operator: string): void;
  }): Promise<Supervisor>;
  /** Until `signal` aborts: ends what runs here while another place leads. */
  endStrays(signal: AbortSignal): Promise<void>;
};

/** Faults: CONFIG_INVALID. */
export const openSupervision = (instance: Instance): Supervision => {
  const { environment, names, clock, log, connection } = instance;
  const store = createKeyValueStore(connection, names.buckets.leases);
  const vault = openVault(instance.config);
  const secretReader = createSecretReader({
    names,
    reader: createWholeStreamReader(connection, names.streams.events),
    vault,
  });
  const loaded = loadConfig(supervisionTable, environment.env);
  if (!loaded.ok) throw configFault(loaded.error);
  const { config } = loaded.value;
  const { prefix } = names;
  const settings = settingsOf(config);
  const access = accessOf(config, instance.config);
  const drivers: readonly ComputeDriver[] = [
    createProcessDriver({
      ...{ data: config.data, prefix, environment: environment.env, log },
      builtInImages: builtInImages(config.natsServer),
      livenessPeriodMs: config.livenessPeriodMs,
      ...(config.localImages === undefined ? {} : { localImagesPath: resolve(config.localImages) }),
    }),
    createContainerDriver({
      ...{ data: config.data, prefix, environment: environment.env, log },
      livenessPeriodMs: config.livenessPeriodMs,
      ...(config.containerEngine === undefined ? {} : { program: config.containerEngine }),
      ...{ engineFlags: config.containerEngineFlags, runFlags: config.containerRunFlags },
    }),
  ];
  const places: Places = Object.fromEntries(drivers.map(({ name }) => [name, join(hostname(), resolve(config.data))]));
  let servers: OwnServers | undefined;
  const driverNames = new Set(drivers.map(({ name }) => name));
  const sharedPlanner = createPlanner({
    ...{ prefix, computes: config.computes, vault, log },
    drivers: driverNames,
    access: async (operator) => (await servers?.accessOf(operator)) ?? access,
    localOf: (image, driver) =>
      image === undefined || driver !== PROCESS || config.localImages === undefined
        ? undefined
        : localImageText(image, resolve(config.localImages)),
    secrets: (component, driver) => secretsOfComponent(secretReader, component, driver),
    slowDigest: createSlowDigest(prefix),
    digest: (text) => createHash('sha256').update(text).digest('hex').slice(0, 10),
  });
  const isolated = new Set(isHostNetwork(config.containerRunFlags) ? [] : ['container']);
  const planner = withOwnServers(sharedPlanner, {
    ...{ computes: config.computes, isolated, drivers: driverNames, log },
    server: (operator, component) => {
      if (servers === undefined) throw new TypeError('a server is planned while nobody leads');
      return servers.instanceOf(operator, component);
    },
  });
  let term: AbortSignal | undefined;
  const isLeading = (): boolean => term?.aborted === false;

  return {
    drivers,
    data: config.data,
    computes: config.computes,
    answerWaitMs: config.answerWaitMs,
    lead: async ({ fence, signal, onReport, servers: ofTerm }) => {
      term = signal;
      servers = ofTerm;
      const { directory } = ofTerm;
      await announcePlaces(store, places, fence);
      const shipper = createLogShipper({
        ...{ drivers, names, clock, log, signal },
        appender: instance.appenderOf(names.streams.logs),
        reader: createStreamReader(connection, names.streams.logs),
      });
      return createSupervisor({
        ...{ directory, planner, drivers, settings, clock, log, signal, onReport },
        random: Math.random,
        metrics: instance.vitals.metrics,
        recall: createRecall({ names, statusReader: createLimitedStreamReader(connection, names.streams.status), log }),
        onPlanned: shipper.learn,
        onObserved: shipper.attend,
        leases: createLeaseWatch({
          storeOf: (operator) => ofTerm.serverOf(operator)?.positions ?? store,
          standstillMs: Math.max(MIN_STANDSTILL_MS, config.livenessPeriodMs * config.livenessFailures),
          log,
        }),
      });
    },
    endStrays: (signal) =>
      endStrays({ store, drivers, places, graceMs: settings.graceMs, clock, log, signal, isLeading }),
  };
};
