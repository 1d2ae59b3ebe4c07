// A whole stream as bytes, and back: the server's own snapshots ($JS.API.STREAM.SNAPSHOT and RESTORE), which keep every sequence, time and
// header, and the consumers with their positions. Blocks travel uncompressed, so a restored stream has none of the compressed blocks
// that it came from. Called by `opstream backup` and `opstream restore`.

import { createInbox, type Msg } from 'nats';
import { Fault } from '../core/fault.ts';
import { faultOfApi, timedOut, type ApiError } from './faults.ts';
import type { JetStreamConnection } from './connection.ts';

/** From one chunk to the next; a restore of a replicated stream elects a leader first. */
const CHUNK_TIMEOUT_MS = 30_000;
const CHUNK_BYTES = 128 * 1024;

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const EMPTY = new Uint8Array();

export type StreamConfig = Readonly<Record<string, unknown>>;
export type StreamState = Readonly<Record<string, unknown>>;

type Answer = {
  readonly error?: ApiError;
  readonly config?: StreamConfig;
  readonly state?: StreamState;
  readonly deliver_subject?: string;
};

const read = (data: Uint8Array, what: string): Answer => {
  const answer = JSON.parse(decoder.decode(data)) as Answer;
  if (answer.error !== undefined) throw faultOfApi(answer.error, what);
  return answer;
};

/**
 * Hands the snapshot over in order, one chunk at a time; the server checks every message before it sends. Gives the configuration and the
 * state that the snapshot has. Faults: JS_NOT_FOUND, JS_REFUSED (what is stored is damaged), NATS_TIMEOUT.
 */
export const takeSnapshot = async (
  { nc, slots }: JetStreamConnection,
  stream: string,
  onChunk: (chunk: Uint8Array) => Promise<void>,
): Promise<{ readonly config: StreamConfig; readonly state: StreamState }> => {
  const what = `snapshot of ${stream}`;
  const inbox = createInbox();
  const subscription = nc.subscribe(inbox);
  // A chunk that does not come ends the iteration.
  let isLate = false;
  const late = (): void => {
    isLate = true;
    subscription.unsubscribe();
  };
  let timer = setTimeout(late, CHUNK_TIMEOUT_MS);
  try {
    const request = { deliver_subject: inbox, chunk_size: CHUNK_BYTES, jsck: true };
    const reply = await slots.request(`$JS.API.STREAM.SNAPSHOT.${stream}`, encoder.encode(JSON.stringify(request)), {
      timeoutMs: CHUNK_TIMEOUT_MS,
    });
    const { config = {}, state = {} } = read(reply.data, what);
    for await (const message of subscription) {
      clearTimeout(timer);
      const code = message.headers?.code ?? 0;
      if (message.data.length === 0 && code >= 400)
        throw new Fault('JS_UNAVAILABLE', `${what}: the server answered ${code} ${message.headers?.description ?? ''}`);
      if (message.data.length === 0) return { config, state };
      await onChunk(message.data);
      message.respond(EMPTY);
      timer = setTimeout(late, CHUNK_TIMEOUT_MS);
    }
    throw isLate ? timedOut(what, CHUNK_TIMEOUT_MS) : new Fault('NATS_UNREACHABLE', `${what}: the connection ended`);
  } finally {
    clearTimeout(timer);
    subscription.unsubscribe();
  }
};

/**
 * Makes a stream of that configuration with what a snapshot holds. Faults: JS_REFUSED (there is such a stream, or one with its subjects, or
 * the bytes are no snapshot), NATS_TIMEOUT.
 */
export const restoreSnapshot = async (
  { slots }: JetStreamConnection,
  snapshot: { readonly config: StreamConfig; readonly state: StreamState },
  chunks: AsyncIterable<Uint8Array>,
): Promise<void> => {
  const name = String(snapshot.config['name']);
  const what = `restoring stream ${name}`;
  const send = (subject: string, data: Uint8Array): Promise<Msg> =>
    slots.request(subject, data, { timeoutMs: CHUNK_TIMEOUT_MS });
  const opened = await send(`$JS.API.STREAM.RESTORE.${name}`, encoder.encode(JSON.stringify(snapshot)));
  const { deliver_subject: subject } = read(opened.data, what);
  if (subject === undefined) throw new Fault('JS_REFUSED', `${what}: the server takes no snapshot`);
  for await (const chunk of chunks) {
    for (let start = 0; start < chunk.length; start += CHUNK_BYTES) {
      const answer = await send(subject, chunk.subarray(start, start + CHUNK_BYTES));
      if (answer.data.length > 0) read(answer.data, what);
    }
  }
  read((await send(subject, EMPTY)).data, what);
};
