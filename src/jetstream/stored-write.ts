// One attempt to store: a single publish, or an atomic batch (ADR-50), over the reply slots. No retries and no policy here; appender.ts
// and key-value-store.ts add them.

import { Fault } from '../core/fault.ts';
import { faultOfApi, type ApiError } from './faults.ts';
import { rawHeaders } from './raw-headers.ts';
import type { JetStreamConnection } from './connection.ts';

/** More messages than this in one batch are refused by the server. */
export const MAX_BATCH_MESSAGES = 1000;
export const ATTEMPT_TIMEOUT_MS = 2000;

/** `id`: Nats-Msg-Id. `expectedLastSequence`: of the message's own subject. `operation`: KV-Operation. */
export type Write = {
  readonly subject: string;
  readonly data: Uint8Array;
  readonly id?: string;
  readonly expectedLastSequence?: number;
  readonly operation?: 'DEL';
};

type PubAck = { readonly seq?: number; readonly error?: ApiError; readonly batch?: string; readonly count?: number };

const decoder = new TextDecoder();

const fieldsOf = (write: Write): Record<string, string | number | undefined> => ({
  'Nats-Msg-Id': write.id,
  'Nats-Expected-Last-Subject-Sequence': write.expectedLastSequence,
  'KV-Operation': write.operation,
});

const readAck = (data: Uint8Array, subject: string): number | Fault => {
  const ack = JSON.parse(decoder.decode(data)) as PubAck;
  if (ack.error !== undefined) return faultOfApi(ack.error, subject);
  return (
    ack.seq ?? new Fault('JS_REFUSED', `${subject}: the server acknowledged without a sequence`, { retry: 'never' })
  );
};

/** The sequence. A duplicate of a known id gives the sequence of the first. */
export const publishOne = (connection: JetStreamConnection, write: Write): Promise<number> =>
  new Promise((resolve, reject) => {
    connection.slots.send(write.subject, write.data, {
      headers: rawHeaders(fieldsOf(write)),
      timeoutMs: ATTEMPT_TIMEOUT_MS,
      onReply: (message) => {
        const result = readAck(message.data, write.subject);
        if (typeof result === 'number') resolve(result);
        else reject(result);
      },
      onFault: reject,
    });
  });

let batchCount = 0;
const batchPrefix = crypto.randomUUID();

/**
 * The sequence of the last message; those before it follow without gaps. All or nothing. Errors of a message in the middle show at the
 * commit, as JS_UNAVAILABLE (the batch is incomplete).
 */
export const publishBatch = (connection: JetStreamConnection, writes: readonly Write[]): Promise<number> =>
  new Promise((resolve, reject) => {
    const { nc, slots } = connection;
    batchCount += 1;
    const id = `${batchPrefix}-${batchCount.toString(36)}`;
    const lastIndex = writes.length - 1;
    const headersAt = (index: number, write: Write) =>
      rawHeaders({
        ...fieldsOf(write),
        'Nats-Batch-Id': id,
        'Nats-Batch-Sequence': index + 1,
        'Nats-Batch-Commit': index === lastIndex ? 1 : undefined,
      });
    const onCommit = (data: Uint8Array, subject: string): void => {
      const result = readAck(data, subject);
      if (typeof result === 'number') resolve(result);
      else reject(result);
    };
    for (const [index, write] of writes.entries()) {
      const headers = headersAt(index, write);
      if (index === lastIndex) {
        slots.send(write.subject, write.data, {
          headers,
          timeoutMs: ATTEMPT_TIMEOUT_MS * 2,
          onReply: (message) => onCommit(message.data, write.subject),
          onFault: reject,
        });
      } else if (index === 0) {
        slots.send(write.subject, write.data, {
          headers,
          timeoutMs: ATTEMPT_TIMEOUT_MS * 2,
          // An empty reply: the batch is open. Anything else is the reason why not, and the commit will fail as well.
          onReply: (message) => {
            if (message.data.length === 0) return;
            const result = readAck(message.data, write.subject);
            if (typeof result !== 'number') reject(result);
          },
          onFault: reject,
        });
      } else {
        nc.publish(write.subject, write.data, { headers });
      }
    }
  });
