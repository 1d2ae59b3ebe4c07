// Makes the streams and buckets that are missing, and adds to those that are there. It never deletes, recreates, shrinks or weakens, but for
// one thing (`boundsLog`): a difference that cannot be added is a Fault that names it. Every process calls it at start; several at once do no harm.

import { Fault } from '../core/fault.ts';
import { fnv1a, namesFor } from '../messages/subjects.ts';
import { endsCompression, markedMetadata, refuseCompressedReplicas } from './compression.ts';
import { faultOfApi, type ApiError } from './faults.ts';
import type { JetStreamConnection } from './connection.ts';
import { createLeaseKeeper } from './lease-keeper.ts';
import { pause } from './pause.ts';
import { readStreamDefinitions, type StreamDefinition } from './stream-definitions.ts';

const TIMEOUT_MS = 10_000;
/** Name in use with another configuration. */
const NAME_IN_USE = 10058;
/** Key in the metadata of channel streams: the prefix of the instance that made it. */
export const OWNER = 'opstream.owner';
/** A stream that another process is making at this moment may be refused and not yet be found; so often it is looked for again. */
const TRIES = 20;
const TRY_AGAIN_MS = 100;
const LOCK_MS = 10_000;
const SECOND = 1_000_000_000;

type Config = Readonly<Record<string, unknown>>;
type Answer = { readonly error?: ApiError; readonly config?: Config; readonly streams?: readonly string[] | null };

const encoder = new TextEncoder();
const decoder = new TextDecoder();

const call = async (connection: JetStreamConnection, subject: string, body: unknown): Promise<Answer> => {
  const data = body === undefined ? new Uint8Array() : encoder.encode(JSON.stringify(body));
  const message = await connection.slots.request(subject, data, { timeoutMs: TIMEOUT_MS });
  return JSON.parse(decoder.decode(message.data)) as Answer;
};

const isSame = (left: unknown, right: unknown): boolean => JSON.stringify(left) === JSON.stringify(right);

/** Fields that may change without taking anything away from what is stored or promised. */
const FREE = new Set(['description', 'republish', 'compression']);
/** May be switched on. */
const SWITCHES = new Set(['allow_direct', 'allow_atomic', 'allow_msg_ttl']);
/** Amounts: only more may be added. */
const AMOUNTS = new Set(['num_replicas', 'duplicate_window']);
/** Limits: -1 or 0 is none; only more may be added. */
const LIMITS = new Set(['max_msgs', 'max_bytes', 'max_age', 'max_msg_size', 'max_msgs_per_subject', 'max_consumers']);

/** The one thing that may be taken away: a log that grew without bound keeps its newest messages of each subject from then on. */
const boundsLog = (field: string, wanted: unknown, found: unknown): boolean =>
  field === 'max_msgs_per_subject' && Number(wanted) > 1 && Number(found ?? -1) <= 0;

const isMore = (field: string, wanted: unknown, found: unknown): boolean => {
  const amount = (value: unknown): number => (typeof value === 'number' ? value : 0);
  const limit = (value: unknown): number => (amount(value) > 0 ? amount(value) : Number.POSITIVE_INFINITY);
  if (FREE.has(field) || boundsLog(field, wanted, found)) return true;
  if (SWITCHES.has(field)) return wanted === true;
  if (AMOUNTS.has(field)) return amount(wanted) >= amount(found);
  if (LIMITS.has(field)) return limit(wanted) >= limit(found);
  // `old` drops what is stored to make room; `new` refuses instead.
  return field === 'discard' && wanted === 'new';
};

const stringsOf = (value: unknown): readonly string[] => (Array.isArray(value) ? (value as readonly string[]) : []);

export type Drift = { readonly field: string; readonly expected: unknown; readonly found: unknown };

/** What differs between a definition and the server's stream: what can be added, and what cannot. */
export const compareStream = (
  wanted: StreamDefinition,
  found: Config,
): { readonly additions: readonly Drift[]; readonly drift: readonly Drift[] } => {
  const additions: Drift[] = [];
  const drift: Drift[] = [];
  for (const [field, expected] of Object.entries(wanted)) {
    const actual = found[field];
    if (isSame(expected, actual)) continue;
    // The server leaves out what is false, zero or empty.
    if (actual === undefined && (expected === false || expected === 0 || expected === '' || expected === 'none'))
      continue;
    if (field === 'metadata') {
      // The server keeps keys of its own in there, and others may too.
      const merged = { ...(actual as object | undefined), ...(expected as object) };
      if (Object.entries(merged).some(([key, value]) => (actual as Config | undefined)?.[key] !== value))
        additions.push({ field, expected: merged, found: actual });
      continue;
    }
    const difference = { field, expected, found: actual };
    const isAddition =
      field === 'subjects'
        ? stringsOf(actual).every((subject) => stringsOf(expected).includes(subject))
        : isMore(field, expected, actual);
    (isAddition ? additions : drift).push(difference);
  }
  return { additions, drift };
};

const driftFault = (name: string, drift: readonly Drift[]): Fault => {
  const list = drift.map(
    ({ field, expected, found }) => `${field}: expected ${JSON.stringify(expected)}, found ${JSON.stringify(found)}`,
  );
  const message = `stream ${name} differs from its definition in a way that is not changed without you: ${list.join('; ')}. Change it by hand (nats stream edit), configure what is there, or use another prefix`;
  return new Fault('STREAM_DRIFT', message, { retry: 'never', details: { drift } });
};

/** The server's configuration of a stream; undefined when there is none. */
const findStream = async (connection: JetStreamConnection, name: string): Promise<Config | undefined> => {
  const { config, error } = await call(connection, `$JS.API.STREAM.INFO.${name}`, undefined);
  if (error === undefined) return config;
  const fault = faultOfApi(error, `stream ${name}`);
  if (fault.code === 'JS_NOT_FOUND') return undefined;
  throw fault;
};

const findOrMake = async (
  connection: JetStreamConnection,
  definition: StreamDefinition,
  what: string,
): Promise<Config | 'made'> => {
  for (let tries = 1; ; tries += 1) {
    const config = await findStream(connection, definition.name);
    if (config !== undefined) return config;
    const { error } = await call(connection, `$JS.API.STREAM.CREATE.${definition.name}`, definition);
    if (error === undefined) return 'made';
    if (error.err_code !== NAME_IN_USE) throw faultOfApi(error, what);
    if (tries >= TRIES) throw new Fault('JS_UNAVAILABLE', `${what}: another process is making it`);
    await pause(TRY_AGAIN_MS);
  }
};

/** Makes one stream, or adds to it what can be added. Faults: STREAM_DRIFT, STREAM_COMPRESSED, JS_REFUSED. */
export const ensureStream = async (connection: JetStreamConnection, definition: StreamDefinition): Promise<void> => {
  const { name } = definition;
  refuseCompressedReplicas(definition);
  const config = await findOrMake(connection, definition, `making stream ${name}`);
  if (config === 'made') return;
  const { additions, drift } = compareStream(definition, config);
  if (drift.length > 0) throw driftFault(name, drift);
  refuseCompressedReplicas(config);
  if (additions.length === 0) return;
  const changes = Object.fromEntries(additions.map(({ field, expected }) => [field, expected]));
  const changed = { ...config, ...changes };
  const wanted = endsCompression(config, changed) ? { ...changed, metadata: markedMetadata(changed) } : changed;
  refuseCompressedReplicas(wanted);
  const updated = await call(connection, `$JS.API.STREAM.UPDATE.${name}`, wanted);
  if (updated.error !== undefined) throw faultOfApi(updated.error, `changing stream ${name}`);
  connection.log.info(
    { stream: name, fields: additions.map(({ field }) => field) },
    'stream changed to its definition',
  );
};

/** Faults: STREAM_DRIFT, JS_REFUSED (no right to make streams), NATS_NO_RESPONDERS (JetStream is not enabled). */
export const provision = async (
  connection: JetStreamConnection,
  options: {
    readonly prefix: string;
    readonly replicas?: number;
    readonly folder?: string;
    /** Names of streams; absent: all. */
    readonly only?: readonly string[];
  },
): Promise<void> => {
  const { only } = options;
  for (const definition of readStreamDefinitions(options))
    if (only === undefined || only.includes(definition.name)) await ensureStream(connection, definition);
};

const channelDefinition = ({ prefix, stream, subjects, replicas = 1 }: Channel): StreamDefinition => ({
  name: stream,
  description: 'Commands to the components of operators',
  subjects: [...subjects],
  retention: 'limits',
  storage: 'file',
  discard: 'old',
  max_age: 7 * 24 * 3600 * SECOND,
  duplicate_window: 120 * SECOND,
  compression: 'none',
  num_replicas: replicas,
  allow_direct: true,
  allow_atomic: true,
  metadata: { [OWNER]: prefix },
});

export type ChannelConflict = {
  readonly stream: string;
  /** The subject that the stream has already; absent: the stream itself belongs to somebody else. */
  readonly subject?: string;
};

export type Channel = {
  readonly prefix: string;
  readonly stream: string;
  readonly subjects: readonly string[];
  /** A stream that has fewer gets so many. Default 1. */
  readonly replicas?: number;
};

const isOwn = (config: Config, prefix: string): boolean =>
  (config['metadata'] as Readonly<Record<string, string>> | undefined)?.[OWNER] === prefix;

/** What stands against a channel: a stream of that name that is not ours, and streams that have one of the subjects. */
export const findChannelConflicts = async (
  connection: JetStreamConnection,
  { prefix, stream, subjects }: Channel,
): Promise<readonly ChannelConflict[]> => {
  const conflicts: ChannelConflict[] = [];
  const config = await findStream(connection, stream);
  if (config !== undefined && !isOwn(config, prefix)) conflicts.push({ stream });
  for (const subject of subjects) {
    const { streams, error } = await call(connection, '$JS.API.STREAM.NAMES', { subject });
    if (error !== undefined) throw faultOfApi(error, `streams with subject ${subject}`);
    for (const other of streams ?? []) if (other !== stream) conflicts.push({ stream: other, subject });
  }
  return conflicts;
};

const refuseConflicts = async (connection: JetStreamConnection, channel: Channel): Promise<void> => {
  const conflicts = await findChannelConflicts(connection, channel);
  if (conflicts.length === 0) return;
  const list = conflicts.map(({ stream, subject }) =>
    subject === undefined
      ? `stream ${stream} exists and was not made by ${channel.prefix}: name another one in natsApi.command.stream`
      : `subject ${subject} belongs to stream ${stream}: name another one in natsApi.command.subject`,
  );
  throw new Fault('JS_REFUSED', list.join('; '), { retry: 'never', details: { conflicts } });
};

/** What a channel lacks of what is asked for; undefined: nothing. */
const lackOf = (config: Config, { subjects, replicas = 1 }: Channel): Config | undefined => {
  const known = stringsOf(config['subjects']);
  const missing = subjects.filter((subject) => !known.includes(subject));
  const found = typeof config['num_replicas'] === 'number' ? config['num_replicas'] : 1;
  return missing.length === 0 && found >= replicas
    ? undefined
    : { subjects: [...known, ...missing], num_replicas: Math.max(found, replicas) };
};

/** An update replaces the whole list, and the server has no condition for it: two that add at once would undo each other. */
const addToChannel = async (connection: JetStreamConnection, channel: Channel): Promise<void> => {
  const { prefix, stream } = channel;
  const leases = createLeaseKeeper(connection, {
    bucket: namesFor(prefix).buckets.leases,
    clock: { nowMs: () => Date.now(), sleep: pause },
    log: connection.log,
  });
  const lock = await leases.acquire(`channel-${fnv1a(stream).toString(36)}`, {
    holder: connection.nc.info?.client_id === undefined ? 'channel' : `client-${connection.nc.info.client_id}`,
    signal: AbortSignal.timeout(LOCK_MS),
  });
  if (lock === undefined)
    throw new Fault('JS_UNAVAILABLE', `channel stream ${stream}: others kept changing it for ${LOCK_MS} ms`);
  try {
    const config = await findStream(connection, stream);
    const lack = config === undefined ? undefined : lackOf(config, channel);
    if (lack === undefined) return;
    const wanted = { ...config, ...lack };
    refuseCompressedReplicas(wanted);
    const updated = await call(connection, `$JS.API.STREAM.UPDATE.${stream}`, wanted);
    if (updated.error !== undefined)
      throw faultOfApi(updated.error, `adding ${JSON.stringify(lack)} to the channel stream ${stream}`);
    if (lock.lost.aborted)
      throw new Fault('JS_UNAVAILABLE', `channel stream ${stream}: changing it took longer than the lock on it`);
  } finally {
    await lock.release();
  }
};

/**
 * Makes the command stream of operators, or adds subjects and replicas to one that is ours (several operators may share a stream).
 * Faults: STREAM_COMPRESSED; JS_REFUSED, retry never, when a stream of that name is somebody else's, or a subject belongs to another stream
 * (`details.conflicts`: what findChannelConflicts gives).
 */
export const ensureChannelStream = async (connection: JetStreamConnection, channel: Channel): Promise<void> => {
  const { prefix, stream, subjects } = channel;
  const hasAll = (config: Config): boolean => isOwn(config, prefix) && lackOf(config, channel) === undefined;
  const before = await findStream(connection, stream);
  if (before !== undefined && hasAll(before)) return;
  await refuseConflicts(connection, channel);
  const what = `making the channel stream ${stream} for ${subjects.join(', ')}`;
  const config = await findOrMake(connection, channelDefinition(channel), what);
  if (config === 'made' || hasAll(config)) return;
  if (!isOwn(config, prefix)) await refuseConflicts(connection, channel);
  await addToChannel(connection, channel);
};

/** Names of this instance's streams that are not there. */
export const missingStreams = async (connection: JetStreamConnection, prefix: string): Promise<readonly string[]> => {
  const missing: string[] = [];
  for (const { name } of readStreamDefinitions({ prefix }))
    if ((await findStream(connection, name)) === undefined) missing.push(name);
  return missing;
};
