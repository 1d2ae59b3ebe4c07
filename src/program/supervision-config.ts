// How the operator-runtime runs components: which compute means which driver, where their data is, and what they are told of the server.
// Only the operator-runtime reads this; what it connects with itself is never handed to a component.

import { computeTable } from './compute-config.ts';
import { durationEntry, integerEntry, optional, textEntry, type ConfigEntry, type ConfigOf } from './config-table.ts';

export const driverNames = ['process', 'container', 'external'] as const;
const DEFAULT_COMPUTES = 'runnable-default=process,container=container,external=external';

const parseComputes = (text: string): ReadonlyMap<string, string> | undefined => {
  const pairs = text.split(',').map((pair) => pair.trim().split('='));
  const isFine = pairs.every(
    ([compute = '', driver = '', ...rest]) =>
      /^[^\s=,]{1,128}$/.test(compute) && driverNames.some((name) => name === driver) && rest.length === 0,
  );
  return isFine ? new Map(pairs.map(([compute = '', driver = '']) => [compute, driver])) : undefined;
};

const computesEntry: ConfigEntry<ReadonlyMap<string, string>> = {
  env: ['OPSTREAM_COMPUTES'],
  about: 'what a component with this `compute` is run by: process, container, or external for what connects by itself',
  fallback: DEFAULT_COMPUTES,
  expected: `compute=driver, comma separated; drivers are ${driverNames.join(', ')}`,
  parse: parseComputes,
};

const duration = (env: string, about: string, fallback: string) =>
  durationEntry({ env, about, fallback, minMs: 10, maxMs: 86_400_000 });

export const supervisionTable = {
  computes: computesEntry,
  data: textEntry({
    env: 'OPSTREAM_DATA',
    about: 'folder for the records, logs and secret files of components that run as processes',
    fallback: '.opstream',
  }),
  localImages: optional(
    textEntry({
      env: 'OPSTREAM_LOCAL_IMAGES',
      about: 'YAML or JSON file that names the program of this machine for an image: {image: {command, environment}}',
    }),
  ),
  natsServer: textEntry({
    env: 'OPSTREAM_NATS_SERVER',
    about: 'program that is the NATS server of an operator of its own (natsClusterConfig)',
    fallback: 'nats-server',
  }),
  ...computeTable,
  componentNatsUrl: optional(
    textEntry({
      env: 'OPSTREAM_COMPONENT_NATS_URL',
      about: 'the server as components reach it; absent: OPSTREAM_NATS_URL, without a user in it',
    }),
  ),
  componentNatsUser: optional(textEntry({ env: 'OPSTREAM_COMPONENT_NATS_USER', about: 'NATS user of components' })),
  componentNatsPassword: optional(
    textEntry({ env: 'OPSTREAM_COMPONENT_NATS_PASSWORD', about: 'NATS password of components', secret: true }),
  ),
  componentNatsToken: optional(
    textEntry({ env: 'OPSTREAM_COMPONENT_NATS_TOKEN', about: 'NATS token of components', secret: true }),
  ),
  componentNatsCreds: optional(
    textEntry({
      env: 'OPSTREAM_COMPONENT_NATS_CREDS',
      about: 'path of a NATS credentials file that components can read',
    }),
  ),
  componentNatsCa: optional(
    textEntry({
      env: 'OPSTREAM_COMPONENT_NATS_CA',
      about: "path, for components, of the certificate of the server's authority; absent: OPSTREAM_NATS_CA",
    }),
  ),
  componentNatsCert: optional(
    textEntry({ env: 'OPSTREAM_COMPONENT_NATS_CERT', about: 'path of the certificate that components show' }),
  ),
  componentNatsKey: optional(
    textEntry({ env: 'OPSTREAM_COMPONENT_NATS_KEY', about: 'path of its key, which components can read' }),
  ),
  restartPauseMs: duration(
    'OPSTREAM_RESTART_PAUSE',
    'pause before the first new start of a component that ended',
    '1s',
  ),
  maxRestartPauseMs: duration('OPSTREAM_MAX_RESTART_PAUSE', 'longest such pause: it doubles each time', '5m'),
  steadyMs: duration(
    'OPSTREAM_RESTART_STEADY',
    'a component that ran this long begins with the first pause again',
    '10m',
  ),
  crashLoopAfter: integerEntry({
    env: 'OPSTREAM_CRASH_LOOP_AFTER',
    about: 'ends in a row after which a component is in CrashLoopBackOff',
    fallback: '3',
    min: 1,
    max: 1000,
  }),
  progressDeadlineMs: duration(
    'OPSTREAM_PROGRESS_DEADLINE',
    'a changed component that is not ready after this is Stalled; the old one goes on',
    '2m',
  ),
  livenessFailures: integerEntry({
    env: 'OPSTREAM_LIVENESS_FAILURES',
    about: 'failed checks of /healthz in a row after which a component is ended and started again',
    fallback: '3',
    min: 1,
    max: 1000,
  }),
  livenessPeriodMs: duration('OPSTREAM_LIVENESS_PERIOD', 'how often /healthz of a component is asked', '10s'),
  stopGraceMs: duration('OPSTREAM_STOP_GRACE', 'how long a component may take to end after SIGTERM', '10s'),
  answerWaitMs: duration(
    'OPSTREAM_ANSWER_WAIT',
    'how long a component may leave a command unanswered before it is looked after, and sent again where that makes sense',
    '10s',
  ),
} as const;

export type SupervisionConfig = ConfigOf<typeof supervisionTable>;
