// Makes the streams and buckets that are missing, and adds to those that are there. It never deletes, recreates, shrinks or weakens: a
// difference that cannot be added is a Fault that names it. Every process calls it at start; several at once do no harm.

import { Fault, isFault } from '../core/fault.ts';
import { faultOfApi, type ApiError } from './faults.ts';
import type { JetStreamConnection } from './connection.ts';
import { readStreamDefinitions, type StreamDefinition } from './stream-definitions.ts';

const TIMEOUT_MS = 10_000;
/** Name in use with another configuration. */
const NAME_IN_USE = 10058;
const OWNER = 'opstream.owner';
const SECOND = 1_000_000_000;

type Config = Readonly<Record<string, unknown>>;
type Answer = { readonly error?: ApiError; readonly config?: Config };

const encoder = new TextEncoder();
const decoder = new TextDecoder();

const call = async (connection: JetStreamConnection, subject: string, body: unknown): Promise<Answer> => {
  const data = body === undefined ? new Uint8Array() : encoder.encode(JSON.stringify(body));
  const message = await connection.slots.request(subject, data, { timeoutMs: TIMEOUT_MS });
  return JSON.parse(decoder.decode(message.data)) as Answer;
};

const isSame = (left: unknown, right: unknown): boolean => JSON.stringify(left) === JSON.stringify(right);

/** Fields that may grow or change without taking anything away from what is stored. */
const ADDITIVE = new Set([
  'description',
  'metadata',
  'num_replicas',
  'duplicate_window',
  'max_consumers',
  'republish',
  'allow_direct',
  'allow_atomic',
  'allow_msg_ttl',
  'discard',
  'compression',
]);
/** Limits: -1 or 0 is none; only more may be added. */
const LIMITS = new Set(['max_msgs', 'max_bytes', 'max_age', 'max_msg_size', 'max_msgs_per_subject']);

const isLarger = (wanted: unknown, found: unknown): boolean => {
  const size = (value: unknown): number => (typeof value === 'number' && value > 0 ? value : Number.POSITIVE_INFINITY);
  return size(wanted) >= size(found);
};

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
    const difference = { field, expected, found: actual };
    if (field === 'subjects') {
      const known = Array.isArray(actual) ? (actual as unknown[]) : [];
      const isSuperset = known.every((subject) => (expected as unknown[]).includes(subject));
      (isSuperset ? additions : drift).push(difference);
    } else if (ADDITIVE.has(field) || (LIMITS.has(field) && isLarger(expected, actual))) additions.push(difference);
    else drift.push(difference);
  }
  return { additions, drift };
};

const driftFault = (name: string, drift: readonly Drift[]): Fault => {
  const list = drift.map(
    ({ field, expected, found }) => `${field}: expected ${JSON.stringify(expected)}, found ${JSON.stringify(found)}`,
  );
  const message = `stream ${name} differs from its definition in a way that is not changed without you: ${list.join('; ')}. Change it by hand (nats stream edit) or use another prefix`;
  return new Fault('STREAM_DRIFT', message, { retry: 'never', details: { drift } });
};

/** Makes one stream, or adds to it what can be added. Faults: STREAM_DRIFT, JS_REFUSED. */
export const ensureStream = async (connection: JetStreamConnection, definition: StreamDefinition): Promise<void> => {
  const { name } = definition;
  const info = await call(connection, `$JS.API.STREAM.INFO.${name}`, undefined);
  if (info.config === undefined) {
    if (info.error !== undefined && !isFault(faultOfApi(info.error, name), 'JS_NOT_FOUND'))
      throw faultOfApi(info.error, name);
    const created = await call(connection, `$JS.API.STREAM.CREATE.${name}`, definition);
    if (created.error === undefined) return;
    if (created.error.err_code !== NAME_IN_USE) throw faultOfApi(created.error, `making stream ${name}`);
    return ensureStream(connection, definition);
  }
  const { additions, drift } = compareStream(definition, info.config);
  if (drift.length > 0) throw driftFault(name, drift);
  if (additions.length === 0) return;
  const changes = Object.fromEntries(additions.map(({ field, expected }) => [field, expected]));
  const updated = await call(connection, `$JS.API.STREAM.UPDATE.${name}`, { ...info.config, ...changes });
  if (updated.error !== undefined) throw faultOfApi(updated.error, `changing stream ${name}`);
  connection.log.info(
    { stream: name, fields: additions.map(({ field }) => field) },
    'stream changed to its definition',
  );
};

/** Faults: STREAM_DRIFT, JS_REFUSED (no right to make streams), NATS_NO_RESPONDERS (JetStream is not enabled). */
export const provision = async (
  connection: JetStreamConnection,
  options: { readonly prefix: string; readonly replicas?: number; readonly folder?: string },
): Promise<void> => {
  for (const definition of readStreamDefinitions(options)) await ensureStream(connection, definition);
};

const channelDefinition = (prefix: string, stream: string, subjects: readonly string[]): StreamDefinition => ({
  name: stream,
  description: 'Commands to the components of operators',
  subjects: [...subjects],
  retention: 'limits',
  storage: 'file',
  discard: 'old',
  max_age: 7 * 24 * 3600 * SECOND,
  duplicate_window: 120 * SECOND,
  allow_direct: true,
  allow_atomic: true,
  metadata: { [OWNER]: prefix },
});

/**
 * Makes the command stream of operators, or adds subjects to one that is ours (several operators may share a stream).
 * Faults: JS_REFUSED, retry never, when a stream of that name is somebody else's, or a subject belongs to another stream.
 */
export const ensureChannelStream = async (
  connection: JetStreamConnection,
  options: { readonly prefix: string; readonly stream: string; readonly subjects: readonly string[] },
): Promise<void> => {
  const { prefix, stream, subjects } = options;
  const info = await call(connection, `$JS.API.STREAM.INFO.${stream}`, undefined);
  if (info.config === undefined) {
    const created = await call(
      connection,
      `$JS.API.STREAM.CREATE.${stream}`,
      channelDefinition(prefix, stream, subjects),
    );
    if (created.error === undefined) return;
    if (created.error.err_code !== NAME_IN_USE)
      throw faultOfApi(created.error, `making the channel stream ${stream} for ${subjects.join(', ')}`);
    return ensureChannelStream(connection, options);
  }
  const metadata = (info.config['metadata'] ?? {}) as Readonly<Record<string, string>>;
  if (metadata[OWNER] !== prefix) {
    const message = `stream ${stream} exists and was not made by ${prefix}; name another one in natsApi.command.stream`;
    throw new Fault('JS_REFUSED', message, { retry: 'never' });
  }
  const known = info.config['subjects'] as readonly string[];
  const missing = subjects.filter((subject) => !known.includes(subject));
  if (missing.length === 0) return;
  const updated = await call(connection, `$JS.API.STREAM.UPDATE.${stream}`, {
    ...info.config,
    subjects: [...known, ...missing],
  });
  if (updated.error !== undefined)
    throw faultOfApi(updated.error, `adding ${missing.join(', ')} to the channel stream ${stream}`);
};

/** Names of this instance's streams that are not there. */
export const missingStreams = async (connection: JetStreamConnection, prefix: string): Promise<readonly string[]> => {
  const missing: string[] = [];
  for (const { name } of readStreamDefinitions({ prefix })) {
    const info = await call(connection, `$JS.API.STREAM.INFO.${name}`, undefined);
    if (info.config === undefined) missing.push(name);
  }
  return missing;
};
