// One attempt to store: a single publish, or an atomic batch (ADR-50), over the reply slots. No retries and no policy here; appender.ts
// and key-value-store.ts add them. Callbacks, because promises for each message would be a third of the cost.

import type { MsgHdrs } from 'nats';
import { Fault } from '../core/fault.ts';
import { ORIGIN_HEADER } from '../messages/envelope.ts';
import { faultOfApi, type ApiError } from './faults.ts';
import { headerLine, headersOfLines } from './raw-headers.ts';
import type { JetStreamConnection } from './connection.ts';

/** More messages than this in one batch are refused by the server. */
export const MAX_BATCH_MESSAGES = 1000;
export const ATTEMPT_TIMEOUT_MS = 2000;

/** `id`: Nats-Msg-Id. `expectedLastSequence`: of the message's own subject. `operation`: KV-Operation. */
export type Write = {
  readonly subject: string;
  readonly data: Uint8Array;
  readonly id?: string | undefined;
  readonly expectedLastSequence?: number | undefined;
  /** The subjects that it is of, where not of the message's own. */
  readonly expectedSubject?: string | undefined;
  readonly operation?: 'DEL' | undefined;
  /** Further header lines, each from headerLine. */
  readonly moreLines?: string | undefined;
  /** Opstream-Origin. */
  readonly origin?: string | undefined;
};

type Connection = Pick<JetStreamConnection, 'slots'>;
type Reply = { readonly data: Uint8Array };
/** Called exactly once. */
type Answer = (result: number | Fault) => void;
type PubAck = { readonly seq?: number; readonly error?: ApiError };

const decoder = new TextDecoder();

const linesOf = ({ id, expectedLastSequence, expectedSubject, operation, origin, moreLines = '' }: Write): string => {
  let lines = moreLines;
  if (id !== undefined) lines += headerLine('Nats-Msg-Id', id);
  if (expectedLastSequence !== undefined) {
    lines += headerLine('Nats-Expected-Last-Subject-Sequence', expectedLastSequence);
  }
  if (expectedSubject !== undefined)
    lines += headerLine('Nats-Expected-Last-Subject-Sequence-Subject', expectedSubject);
  if (origin !== undefined) lines += headerLine(ORIGIN_HEADER, origin);
  if (operation !== undefined) lines += headerLine('KV-Operation', operation);
  return lines;
};

const CLOSING_BRACE = 0x7d;
const SMALL_S = 0x73;
/** Behind `{"`. */
const FIELD_START = 2;
const DIGIT_ZERO = 0x30;
const SEQUENCE_FIELD = new TextEncoder().encode('"seq":');

/**
 * Of an acknowledgement as the server writes it for a new message, `{"stream":…,"seq":<n>}`: without making text and objects of it. A
 * refusal, `{"error":…,"seq":0}`, is not taken for one.
 */
const sequenceAtEnd = (data: Uint8Array): number | undefined => {
  let at = data.length - 1;
  if (data[FIELD_START] !== SMALL_S || data[at] !== CLOSING_BRACE) return undefined;
  let sequence = 0;
  let unit = 1;
  for (at -= 1; ; at -= 1) {
    const digit = (data[at] ?? 0) - DIGIT_ZERO;
    if (digit < 0 || digit > 9) break;
    sequence += digit * unit;
    unit *= 10;
  }
  for (let index = SEQUENCE_FIELD.length - 1; index >= 0; index -= 1, at -= 1) {
    if (data[at] !== SEQUENCE_FIELD[index]) return undefined;
  }
  return sequence > 0 ? sequence : undefined;
};

/** The sequence in a publish acknowledgement, or the Fault in it. */
export const readPubAck = (data: Uint8Array, subject: string): number | Fault => {
  const sequence = sequenceAtEnd(data);
  if (sequence !== undefined) return sequence;
  let ack: PubAck;
  try {
    ack = JSON.parse(decoder.decode(data)) as PubAck;
  } catch (error) {
    // Some responder listens on a subject that ought to belong to a stream alone.
    return new Fault('JS_REFUSED', `${subject}: expected a publish acknowledgement`, { retry: 'never', cause: error });
  }
  if (ack.error !== undefined) return faultOfApi(ack.error, subject);
  return (
    ack.seq ?? new Fault('JS_REFUSED', `${subject}: expected a sequence in the acknowledgement`, { retry: 'never' })
  );
};

/** The sequence. A known id gives the sequence of the first time. */
export const publishOne = (
  { slots }: Connection,
  write: Write,
  answer: Answer,
  timeoutMs = ATTEMPT_TIMEOUT_MS,
): void => {
  const { subject, data } = write;
  const onReply = (reply: Reply): void => answer(readPubAck(reply.data, subject));
  const lines = linesOf(write);
  const common = { timeoutMs, onReply, onFault: answer };
  slots.send(subject, data, lines === '' ? common : { headers: headersOfLines(lines), ...common });
};

let batchCount = 0;
const batchPrefix = crypto.randomUUID();

/**
 * The sequence of the last message; those before it precede it without gaps. All or nothing. The server tells at the commit what was
 * wrong with a message in the middle: JS_UNAVAILABLE (the batch is incomplete).
 */
export const publishBatch = (
  { slots }: Connection,
  writes: readonly Write[],
  answer: Answer,
  timeoutMs = ATTEMPT_TIMEOUT_MS * 2,
): void => {
  batchCount += 1;
  const id = `${batchPrefix}-${batchCount.toString(36)}`;
  const lastIndex = writes.length - 1;
  const headersAt = (index: number, write: Write): MsgHdrs => {
    const commit = index === lastIndex ? headerLine('Nats-Batch-Commit', 1) : '';
    return headersOfLines(
      `${linesOf(write)}${headerLine('Nats-Batch-Id', id)}${headerLine('Nats-Batch-Sequence', index + 1)}${commit}`,
    );
  };
  let isAnswered = false;
  const once: Answer = (result) => {
    if (isAnswered) return;
    isAnswered = true;
    answer(result);
  };
  for (const [index, write] of writes.entries()) {
    const { subject, data } = write;
    const headers = headersAt(index, write);
    const onReply = (reply: Reply): void => {
      // An empty answer to the first: the batch is open. Else it says why not; the commit will fail as well, with less to say.
      if (index === lastIndex || reply.data.length > 0) once(readPubAck(reply.data, subject));
    };
    if (index === 0 || index === lastIndex) slots.send(subject, data, { headers, timeoutMs, onReply, onFault: once });
    else {
      const fault = slots.publish(subject, data, headers);
      if (fault !== undefined) return once(fault);
    }
  }
};

/** The same as a promise. */
export const publishBatchAsync = (
  connection: Connection,
  writes: readonly Write[],
  timeoutMs?: number,
): Promise<number> =>
  new Promise((resolve, reject) => {
    publishBatch(
      connection,
      writes,
      (result) => (typeof result === 'number' ? resolve(result) : reject(result)),
      timeoutMs,
    );
  });
