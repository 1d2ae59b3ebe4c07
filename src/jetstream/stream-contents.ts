// Every message of a stream, with all that is stored of it, and which streams an instance has. For who proves that two streams hold the same:
// `opstream backup` and `opstream restore`. Messages that the server cannot read are not handed over, so a count that differs tells of them.

import type { Msg } from 'nats';
import { faultOfApi, type ApiError } from './faults.ts';
import type { JetStreamConnection } from './connection.ts';
import { repeatRead } from './leader-read.ts';
import { OWNER } from './provision.ts';
import { readStreamDefinitions } from './stream-definitions.ts';
import { createPageReader } from './stream-reader.ts';

const TIMEOUT_MS = 10_000;
const PAGE = 250;
/** What a direct get adds to a message. */
const ADDED = new Set([
  ...['Nats-Stream', 'Nats-Subject', 'Nats-Sequence', 'Nats-Time-Stamp', 'Nats-Num-Pending', 'Nats-Last-Sequence'],
  'Nats-UpTo-Sequence',
]);

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export type WholeMessage = {
  readonly sequence: number;
  readonly subject: string;
  readonly timeMs: number;
  /** RFC 3339 with nanoseconds, as stored. */
  readonly time: string;
  /** In the order in which they are stored. */
  readonly headers: readonly (readonly [string, readonly string[]])[];
  readonly data: Uint8Array;
};

export type StreamInfo = {
  readonly config: Readonly<Record<string, unknown>>;
  readonly state: { readonly messages: number; readonly first_seq: number; readonly last_seq: number };
  /** Absent on a single server. */
  readonly cluster?: {
    /** Name of a server; absent during an election. */
    readonly leader?: string;
    /** The others. */
    readonly replicas?: readonly { readonly current?: boolean; readonly lag?: number }[] | null;
  };
};

type Config = Readonly<Record<string, unknown>>;
type Answer = Partial<StreamInfo> & { readonly error?: ApiError };
type StreamList = {
  readonly error?: ApiError;
  readonly total?: number;
  readonly streams?: readonly { readonly config: Config }[] | null;
};

const ask = async <T>({ slots }: JetStreamConnection, subject: string, body: unknown = {}): Promise<T> => {
  const { data } = await slots.request(subject, encoder.encode(JSON.stringify(body)), { timeoutMs: TIMEOUT_MS });
  return JSON.parse(decoder.decode(data)) as T;
};

/** Undefined when there is no such stream. */
export const streamInfo = (connection: JetStreamConnection, stream: string): Promise<StreamInfo | undefined> =>
  repeatRead(async () => {
    const { error, config, state, cluster } = await ask<Answer>(connection, `$JS.API.STREAM.INFO.${stream}`);
    if (error === undefined && config !== undefined && state !== undefined)
      return { config, state, ...(cluster === undefined ? {} : { cluster }) };
    const fault = faultOfApi(error ?? { code: 500 }, `stream ${stream}`);
    if (fault.code === 'JS_NOT_FOUND') return undefined;
    throw fault;
  });

/** True when each replica has all that the leader has. */
export const isReplicated = ({ cluster }: StreamInfo): boolean =>
  (cluster?.replicas ?? []).every(({ current = false, lag = 0 }) => current && lag === 0);

const listStreams = async (connection: JetStreamConnection) => {
  const found: Config[] = [];
  for (;;) {
    const request = { offset: found.length };
    const { error, total = 0, streams } = await ask<StreamList>(connection, '$JS.API.STREAM.LIST', request);
    if (error !== undefined) throw faultOfApi(error, 'list of streams');
    const page = streams ?? [];
    for (const { config } of page) found.push(config);
    if (page.length === 0 || found.length >= total) return found;
  }
};

/** Names of the streams that belong to an instance and are there: its own and the channels of its operators. */
export const streamsOf = async (connection: JetStreamConnection, prefix: string): Promise<readonly string[]> => {
  const own = new Set(readStreamDefinitions({ prefix }).map(({ name }) => name));
  const isOurs = (config: Config): boolean =>
    own.has(String(config['name'])) || (config['metadata'] as Config | undefined)?.[OWNER] === prefix;
  return (await listStreams(connection))
    .filter(isOurs)
    .map(({ name }) => String(name))
    .sort();
};

const toWhole = (message: Msg): WholeMessage => {
  const time = message.headers?.get('Nats-Time-Stamp') ?? '';
  return {
    sequence: Number(message.headers?.get('Nats-Sequence')),
    subject: message.headers?.get('Nats-Subject') ?? '',
    timeMs: Date.parse(time),
    time,
    headers: [...(message.headers ?? [])].filter(([name]) => !ADDED.has(name)),
    data: message.data,
  };
};

/** In stream order, a page at a time. The stream needs `allow_direct`, as all of ours have. */
export async function* wholeMessages(connection: JetStreamConnection, stream: string): AsyncGenerator<WholeMessage> {
  const readPage = createPageReader(connection, stream, toWhole);
  for (let from = 1; ;) {
    const { messages, hasMore } = await repeatRead(() => readPage({ seq: from, next_by_subj: '>', batch: PAGE }));
    yield* messages;
    const last = messages.at(-1);
    if (!hasMore || last === undefined) return;
    from = last.sequence + 1;
  }
}
