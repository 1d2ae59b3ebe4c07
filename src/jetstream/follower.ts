// Reads a stream in order from a position that the caller owns: an ephemeral pull consumer without acks, a standing pull request, one
// inbox. The library's ordered consumer is half as fast and hangs on some configurations; a push consumer without flow control loses
// messages silently.
//
// States: creating -> reading -> (gap | silence | reconnect | consumer gone) -> creating, from the last message handed over. Order and
// completeness come from the consumer's own delivery sequence: the first number that is not the next one throws the consumer away.

import { createInbox, type Msg, type Subscription } from 'nats';
import { isFault } from '../core/fault.ts';
import type { FollowOptions, StoredMessage, StreamFollower } from '../engine/ports/streams.ts';
import { faultOfApi, type ApiError } from './faults.ts';
import type { JetStreamConnection } from './connection.ts';
import { headerReader } from './message-headers.ts';
import { pause } from './pause.ts';
import { createPulls, HEARTBEAT_MS } from './pulls.ts';

const MAX_BUFFERED_MESSAGES = 8000;
const MAX_BUFFERED_BYTES = 32 * 1024 * 1024;
const API_TIMEOUT_MS = 5000;
const INACTIVE_MS = 60_000;
const RETRY_MS = 250;
const NANOS = 1_000_000;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

const ACK_PREFIX = '$JS.ACK.';
const DOT = 46;
const ZERO = 48;
/** Scratch of parsePosition; tokens beyond its end are dropped. */
const tokens = new Float64Array(16);

/** Position of a delivery, from its ack subject: `$JS.ACK.<stream>.<consumer>.<delivered>.<sequence>.<consumer sequence>.<time>.<pending>`; the
 * newer form has `<domain>.<account>` before the stream, and a random token at the end. */
type Position = {
  readonly sequence: number;
  readonly delivery: number;
  readonly timeMs: number;
  readonly pending: number;
};

export const parsePosition = (reply: string): Position | undefined => {
  if (!reply.startsWith(ACK_PREFIX)) return undefined;
  // Once per message of a replay: no split, no closure. Tokens that are no numbers leave nonsense that nobody reads.
  let count = 0;
  let value = 0;
  for (let index = 0; index < reply.length; index += 1) {
    const code = reply.charCodeAt(index);
    if (code === DOT) {
      tokens[count] = value;
      count += 1;
      value = 0;
    } else value = value * 10 + code - ZERO;
  }
  tokens[count] = value;
  count += 1;
  if (count < 9) return undefined;
  const first = count >= 11 ? 7 : 5;
  return {
    sequence: tokens[first] ?? 0,
    delivery: tokens[first + 1] ?? 0,
    timeMs: (tokens[first + 2] ?? 0) / NANOS,
    pending: tokens[first + 3] ?? 0,
  };
};

const toStored = (message: Msg, position: Position): StoredMessage => ({
  sequence: position.sequence,
  subject: message.subject,
  data: message.data,
  timeMs: position.timeMs,
  header: headerReader(message),
});

type Round = 'again' | 'stopped';
/** `failure`: what `onBatch` threw; it ends the follow, because reading on would skip its batch. */
type Cursor = { next: number; isFirst: boolean; isEmptyTold: boolean; failure?: { readonly error: unknown } };

export const createFollower = (connection: JetStreamConnection, stream: string): StreamFollower => {
  const { nc, slots, log } = connection;

  const api = async (
    subject: string,
    body: unknown,
  ): Promise<{ readonly name?: string; readonly num_pending?: number }> => {
    const message = await slots.request(subject, encoder.encode(JSON.stringify(body)), { timeoutMs: API_TIMEOUT_MS });
    const answer = JSON.parse(decoder.decode(message.data)) as {
      readonly error?: ApiError;
      readonly name?: string;
      readonly num_pending?: number;
    };
    if (answer.error !== undefined) throw faultOfApi(answer.error, `consumer of ${stream}`);
    return answer;
  };

  const createConsumer = async (options: FollowOptions, fromSequence: number, isFirst: boolean) => {
    const wantsLast = options.lastPerSubject === true && isFirst;
    const filters = options.filters ?? (wantsLast ? ['>'] : []);
    return api(`$JS.API.CONSUMER.CREATE.${stream}`, {
      stream_name: stream,
      config: {
        ack_policy: 'none',
        replay_policy: 'instant',
        ...(wantsLast
          ? { deliver_policy: 'last_per_subject' }
          : { deliver_policy: 'by_start_sequence', opt_start_seq: fromSequence }),
        ...(filters.length === 0 ? {} : { filter_subjects: filters }),
        mem_storage: true,
        num_replicas: 1,
        inactive_threshold: INACTIVE_MS * NANOS,
      },
    });
  };

  /** One consumer, from its creation until it has to be made anew. `cursor.next` moves with what was handed over. */
  const readRound = async (options: FollowOptions, cursor: Cursor): Promise<Round> => {
    const { signal, onBatch, maxBatch = 500, restMs = 0 } = options;
    const consumer = await createConsumer(options, cursor.next, cursor.isFirst);
    const name = consumer.name ?? '';
    if (cursor.isFirst && !cursor.isEmptyTold && consumer.num_pending === 0) {
      cursor.isEmptyTold = true;
      options.onEmpty?.();
    }

    let buffer: StoredMessage[] = [];
    let bufferedBytes = 0;
    let pending = consumer.num_pending ?? 0;
    let delivered = 0;
    const pulls = createPulls(restMs > 0);
    let isBroken = false;
    // Looked at by a timer: the clock would cost more than the rest of a message.
    let isHeard = true;
    let silentMs = 0;
    let wake: () => void = () => undefined;
    const inbox = createInbox();

    const breakOff = (): void => {
      isBroken = true;
      wake();
    };
    const pull = (): void => {
      if (isBroken || buffer.length >= MAX_BUFFERED_MESSAGES || bufferedBytes >= MAX_BUFFERED_BYTES) return;
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
      const stored = toStored(message, position);
      buffer.push(stored);
      bufferedBytes += stored.data.length;
      wake();
      pull();
    };

    const subscription: Subscription = nc.subscribe(inbox, { callback: onMessage });
    const forgetListener = connection.onReconnect(breakOff);
    const silence = setInterval(() => {
      // Without a pull, for want of room, nothing can be heard.
      silentMs = isHeard || !pulls.isOpen ? 0 : silentMs + HEARTBEAT_MS;
      isHeard = false;
      if (silentMs >= HEARTBEAT_MS * 3) breakOff();
    }, HEARTBEAT_MS);
    const onAbort = (): void => wake();
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      pull();
      for (;;) {
        if (signal.aborted) return 'stopped';
        if (buffer.length === 0) {
          if (isBroken) return 'again';
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
          continue;
        }
        const batch = buffer.length <= maxBatch ? buffer : buffer.slice(0, maxBatch);
        buffer = buffer.length <= maxBatch ? [] : buffer.slice(maxBatch);
        if (buffer.length === 0) bufferedBytes = 0;
        else for (const { data } of batch) bufferedBytes -= data.length;
        const last = batch.at(-1);
        try {
          await onBatch(batch, pending + buffer.length);
        } catch (error) {
          cursor.failure = { error };
          throw error;
        }
        if (last !== undefined) {
          cursor.next = last.sequence + 1;
          // From here on by sequence, also if the last of each subject are not all read yet: they are all beyond this one.
          cursor.isFirst = false;
        }
        if (restMs > 0 && buffer.length === 0) await pause(restMs, signal);
        pulls.rested();
        pull();
      }
    } finally {
      signal.removeEventListener('abort', onAbort);
      forgetListener();
      clearInterval(silence);
      subscription.unsubscribe();
      api(`$JS.API.CONSUMER.DELETE.${stream}.${name}`, {}).catch(() => undefined);
    }
  };

  return {
    follow: async (options) => {
      const cursor: Cursor = { next: Math.max(1, options.fromSequence), isFirst: true, isEmptyTold: false };
      let failures = 0;
      while (!options.signal.aborted) {
        try {
          const before = cursor.next;
          if ((await readRound(options, cursor)) === 'stopped') return;
          failures = cursor.next > before ? 0 : failures + 1;
          log.debug({ stream, fromSequence: cursor.next }, 'consumer is made anew');
        } catch (error) {
          if (cursor.failure !== undefined || !isFault(error)) throw error;
          // A stream that is not there, or a right that is missing, does not come by waiting a little.
          if (error.retry === 'never') throw error;
          failures += 1;
          if (failures === 5) log.warn({ stream, err: error }, 'stream cannot be read');
        }
        if (failures > 0) await pause(Math.min(5000, RETRY_MS * failures), options.signal);
      }
    },
  };
};
