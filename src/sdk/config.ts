// A component's configuration: the seed's environment variables under the seed's names, and those of every program of an
// instance. Times are durations (`10s`); what they mean is in the `about` texts, which are also the help.

import type { Fault } from '../core/fault.ts';
import { err, ok, type Result } from '../core/result.ts';
import {
  booleanEntry,
  choiceEntry,
  configFault,
  durationEntry,
  integerEntry,
  loadConfig,
  optional,
  textEntry,
  type ConfigOf,
  type Environment,
} from '../program/config-table.ts';
import { AT_WORK_VARIABLE } from '../messages/at-work.ts';
import { leaseNameOf, queueOf } from '../messages/component-names.ts';
import { instanceTable, tokenEntry } from '../program/instance-config.ts';

const SUBJECT = /^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/;
const STREAM_NAME = /^[A-Za-z0-9_-]{1,255}$/;
const DAY_MS = 86_400_000;
const queueVariable = 'ENTITY_OF_INTEREST_MESSAGE_';

const subjectEntry = (env: string, about: string) =>
  textEntry({ env, about, pattern: SUBJECT, expected: 'a subject without wildcards such as adf.pipeline.run' });

export const componentTable = {
  ...instanceTable,
  operator: optional(
    tokenEntry({
      env: 'OPSTREAM_OPERATOR',
      about: 'name of the operator; absent: as each entity says. With it, entities of others are refused',
    }),
  ),
  electionName: optional(
    textEntry({
      env: 'ELECTION_CLUSTER_NAME',
      about: 'name of the lease that replicas compete for; absent: the queue',
      pattern: /^[A-Za-z0-9_.-]{1,128}$/,
      expected: 'letters, digits, "_", "-" and "."',
    }),
  ),
  electionSize: integerEntry({
    env: 'ELECTION_CLUSTER_SIZE',
    about: 'accepted for compatibility; a lease elects whatever the number of replicas',
    fallback: '1',
    min: 1,
    max: 100,
  }),
  electionStateFile: optional(
    textEntry({
      env: [],
      flag: 'electionStateFile',
      about:
        'accepted and not used: a lease in JetStream elects the leader, with a fencing token; there is no state in a file',
    }),
  ),
  maxWorkers: integerEntry({
    env: 'OPERATOR_MAX_WORKERS',
    about: 'reconciles at once',
    fallback: '1',
    min: 1,
    max: 10_000,
  }),
  resyncIntervalMs: durationEntry({
    env: 'OPERATOR_RECONCILE_WORKERS_INTERVAL',
    about: 'an entity is reconciled at least this often, changed or not',
    fallback: '10s',
    minMs: 100,
    maxMs: 7 * DAY_MS,
  }),
  maintenanceIntervalMs: durationEntry({
    env: 'OPERATOR_MAINTENANCE_INTERVAL',
    about: 'how often deleted entities are looked for to be purged',
    fallback: '1m',
    minMs: 100,
    maxMs: 7 * DAY_MS,
  }),
  purgeAfterMs: durationEntry({
    env: 'OPERATOR_PURGE_STATE_STORE_BEFORE',
    about: 'how long a deleted entity is kept in the state store',
    fallback: '5m',
    minMs: 0,
    maxMs: 365 * DAY_MS,
  }),
  stateStore: choiceEntry({
    env: 'OPERATOR_STATE_STORE_TYPE',
    about: 'where the component keeps entities',
    fallback: 'jetstream_kv',
    choices: ['jetstream_kv', 'memory'],
  }),
  durable: booleanEntry({
    env: 'MESSAGE_DURABILITY',
    about: 'true: commands from the stream by a durable consumer; false: from the subject, at most once',
    fallback: 'true',
  }),
  queue: optional(
    textEntry({
      env: `${queueVariable}QUEUE`,
      about: 'name of the durable consumer, shared by replicas; absent: made of the command subject',
      pattern: /^[^\s]{1,128}$/,
      expected: 'a name without spaces',
    }),
  ),
  stream: textEntry({
    env: `${queueVariable}STREAM`,
    about: "stream of the commands: the manifest's natsApi.command.stream",
    pattern: STREAM_NAME,
    expected: 'a stream name: letters, digits, "_" and "-"',
  }),
  commandSubject: subjectEntry(
    `${queueVariable}COMMAND_SUBJECT`,
    "subject of the commands: the manifest's natsApi.command.subject",
  ),
  querySubject: optional(
    subjectEntry(`${queueVariable}QUERY_SUBJECT`, "subject of queries: the manifest's natsApi.query.subject"),
  ),
  queryReplySubject: optional(
    subjectEntry(`${queueVariable}QUERY_REPLY_SUBJECT`, "where answers go: the manifest's natsApi.query.replySubject"),
  ),
  atWorkFile: optional(
    textEntry({
      env: AT_WORK_VARIABLE,
      about: 'file for the keys that are worked on, to explain an end; set by who starts the component',
    }),
  ),
  reconcileTimeoutMs: durationEntry({
    env: 'OPSTREAM_RECONCILE_TIMEOUT',
    about: 'a reconcile that takes longer has its signal aborted; one that goes on all the same is given up on',
    fallback: '60s',
    minMs: 100,
    maxMs: DAY_MS,
  }),
  statusIntervalMs: durationEntry({
    env: 'OPSTREAM_STATUS_INTERVAL',
    about:
      'a status that differs from the last one only in its properties is stored so long after that one; 0s: at once',
    fallback: '1m',
    minMs: 0,
    maxMs: DAY_MS,
  }),
} as const;

export type ComponentConfig = Omit<ConfigOf<typeof componentTable>, 'queue' | 'electionName'> & {
  /** A consumer name: letters, digits, "_" and "-". */
  readonly queue: string;
  /** Name of the lease, a token: `component-<ELECTION_CLUSTER_NAME>`, so that no process of the instance has the same one. */
  readonly electionName: string;
};

/** The configuration, or one Fault CONFIG_INVALID that names every problem. */
export const componentConfig = ({ env, argv }: Environment): Result<ComponentConfig, Fault> => {
  const loaded = loadConfig(componentTable, env, argv, { unknownFlags: 'ignore' });
  if (!loaded.ok) return err(configFault(loaded.error));
  const { config } = loaded.value;
  const queue = queueOf(config.queue ?? config.commandSubject);
  return ok({ ...config, queue, electionName: leaseNameOf(config.electionName ?? queue) });
};
