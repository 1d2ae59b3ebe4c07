// An ephemeral pull consumer without acks, and the inbox that it delivers to. Fills a buffer, in order and completely: the first delivery that is not
// the next one breaks it, and so do silence, a reconnect, and a status that says that it is gone. Called by follower.ts, which makes another one then.

import { createInbox, type Msg } from 'nats';
import { faultOfApi, type ApiError } from './faults.ts';
import type { JetStreamConnection } from './connection.ts';
import { parsePosition, toStored } from './delivery.ts';
import { createPulls, HEARTBEAT_MS } from './pulls.ts';
import type { ReadBuffer } from './read-buffer.ts';

const API_TIMEOUT_MS = 5000;
const INACTIVE_MS = 60_000;
const NANOS = 1_000_000;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export type ConsumerOptions = {
  readonly connection: JetStreamConnection;
  readonly stream: string;
  /** None: everything. */
  readonly filters: readonly string[];
  readonly from: 'last of each subject' | number;
  /** See createPulls. */
  readonly rests: boolean;
  readonly buffer: ReadBuffer;
};

export type EphemeralConsumer = {
  /** Messages that the server has yet to deliver. */
  readonly pending: number;
  /** It delivers nothing more. The buffer is woken when that happens. */
  readonly isBroken: boolean;
  /** Asks for more, as far as there is room for it. */
  pull(): void;
  /** The time that a follower rests for is over. */
  rested(): void;
  close(): void;
};

type ApiAnswer = { readonly error?: ApiError; readonly name?: string; readonly num_pending?: number };

const configOf = ({ filters, from }: ConsumerOptions): Readonly<Record<string, unknown>> => ({
  ack_policy: 'none',
  replay_policy: 'instant',
  ...(from === 'last of each subject'
    ? { deliver_policy: 'last_per_subject' }
    : { deliver_policy: 'by_start_sequence', opt_start_seq: from }),
  ...(filters.length === 0 ? {} : { filter_subjects: filters }),
  mem_storage: true,
  num_replicas: 1,
  inactive_threshold: INACTIVE_MS * NANOS,
});

/** Faults: JS_NOT_FOUND (no such stream), NATS_TIMEOUT, JS_UNAVAILABLE and others of the API. */
export const openConsumer = async (options: ConsumerOptions): Promise<EphemeralConsumer> => {
  const { connection, stream, buffer } = options;
  const { nc, slots } = connection;

  const api = async (subject: string, body: unknown): Promise<ApiAnswer> => {
    const message = await slots.request(subject, encoder.encode(JSON.stringify(body)), { timeoutMs: API_TIMEOUT_MS });
    const answer = JSON.parse(decoder.decode(message.data)) as ApiAnswer;
    if (answer.error !== undefined) throw faultOfApi(answer.error, `consumer of ${stream}`);
    return answer;
  };

  const made = await api(`$JS.API.CONSUMER.CREATE.${stream}`, { stream_name: stream, config: configOf(options) });
  const name = made.name ?? '';
  const inbox = createInbox();
  const pulls = createPulls(options.rests);
  let pending = made.num_pending ?? 0;
  let delivered = 0;
  let isBroken = false;
  // Looked at by a timer: the clock would cost more than the rest of a message.
  let isHeard = true;
  let silentMs = 0;

  const breakOff = (): void => {
    isBroken = true;
    buffer.wake();
  };

  const pull = (): void => {
    if (isBroken || !buffer.hasRoom) return;
    const request = pulls.next();
    if (request === undefined) return;
    nc.publish(`$JS.API.CONSUMER.MSG.NEXT.${stream}.${name}`, encoder.encode(JSON.stringify(request)), {
      reply: inbox,
    });
  };

  const onStatus = (code: number, message: Msg): void => {
    if (code === 100) return;
    if (pulls.ended(code, message.headers?.get('Nats-Pending-Messages') ?? '')) pull();
    else breakOff();
  };

  const onMessage = (error: Error | null, message: Msg): void => {
    if (error !== null) return breakOff();
    const { reply } = message;
    isHeard = true;
    const position = reply === undefined ? undefined : parsePosition(reply);
    if (position === undefined) return onStatus(message.headers?.code ?? 0, message);
    if (position.delivery !== delivered + 1) return breakOff();
    delivered = position.delivery;
    pulls.delivered();
    pending = position.pending;
    buffer.push(toStored(message, position));
    pull();
  };

  const subscription = nc.subscribe(inbox, { callback: onMessage });
  const forgetListener = connection.onReconnect(breakOff);
  const silence = setInterval(() => {
    // Without a pull, for want of room, nothing can be heard.
    silentMs = isHeard || !pulls.isOpen ? 0 : silentMs + HEARTBEAT_MS;
    isHeard = false;
    if (silentMs >= HEARTBEAT_MS * 3) breakOff();
  }, HEARTBEAT_MS);

  return {
    get pending() {
      return pending;
    },
    get isBroken() {
      return isBroken;
    },
    pull,
    rested: () => pulls.rested(),
    close: () => {
      forgetListener();
      clearInterval(silence);
      subscription.unsubscribe();
      api(`$JS.API.CONSUMER.DELETE.${stream}.${name}`, {}).catch(() => undefined);
    },
  };
};
