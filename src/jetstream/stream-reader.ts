// Reads a stream without a consumer, by direct gets. The library's own batched get stops at the first empty payload, hence the raw loop.
// On a replicated stream a direct get may be answered by a follower that lags; whoever writes afterwards finds out by the expected sequence.

import type { Msg } from 'nats';
import { Fault } from '../core/fault.ts';
import type { StoredMessage, StreamReader } from '../engine/ports.ts';
import { faultOfApi, type ApiError } from './faults.ts';
import type { JetStreamConnection } from './connection.ts';

const PAGE = 500;
const READ_TIMEOUT_MS = 5000;
const encoder = new TextEncoder();
const decoder = new TextDecoder();
const EMPTY = new Uint8Array();

const NOT_FOUND = 404;
const END_OF_BATCH = 204;

export const toStored = (message: Msg): StoredMessage => {
  const { headers } = message;
  const stamp = headers?.get('Nats-Time-Stamp') ?? '';
  return {
    sequence: Number(headers?.get('Nats-Sequence')),
    subject: headers?.get('Nats-Subject') ?? '',
    data: message.data,
    timeMs: Date.parse(stamp),
    header: (name) => (headers?.has(name) === true ? headers.get(name) : undefined),
  };
};

/** The code of a reply that carries no message: 404, 204, 408 and so on. */
const statusOf = (message: Msg): number => (message.data.length === 0 ? (message.headers?.code ?? 0) : 0);

const failure = (code: number, what: string): Fault =>
  new Fault(code === 503 ? 'JS_UNAVAILABLE' : 'JS_REFUSED', `${what}: the server answered ${code}`, {
    retry: code === 408 || code === 503 ? 'later' : 'never',
  });

export const createStreamReader = (connection: JetStreamConnection, stream: string): StreamReader => {
  const { slots } = connection;
  const directGet = `$JS.API.DIRECT.GET.${stream}`;

  /** One page: messages from `fromSequence`, and whether more are there. */
  const readPage = (
    subject: string,
    fromSequence: number,
    limit: number,
  ): Promise<{ readonly messages: StoredMessage[]; readonly hasMore: boolean }> =>
    new Promise((resolve, reject) => {
      const messages: StoredMessage[] = [];
      const body = encoder.encode(JSON.stringify({ seq: fromSequence, next_by_subj: subject, batch: limit }));
      slots.send(directGet, body, {
        timeoutMs: READ_TIMEOUT_MS,
        onReply: (message) => {
          const status = statusOf(message);
          if (status === 0) {
            messages.push(toStored(message));
            return true;
          }
          if (status === END_OF_BATCH)
            resolve({ messages, hasMore: Number(message.headers?.get('Nats-Num-Pending') ?? 0) > 0 });
          else if (status === NOT_FOUND) resolve({ messages, hasMore: false });
          else reject(failure(status, directGet));
          return false;
        },
        onFault: reject,
      });
    });

  return {
    readSubject: async (subject, options = {}) => {
      const { limit = Number.POSITIVE_INFINITY } = options;
      const found: StoredMessage[] = [];
      let from = options.fromSequence ?? 1;
      for (;;) {
        const page = await readPage(subject, from, Math.min(PAGE, limit - found.length));
        found.push(...page.messages);
        const last = page.messages.at(-1);
        if (!page.hasMore || last === undefined || found.length >= limit) return found;
        from = last.sequence + 1;
      }
    },

    readLast: async (subject) => {
      const hasWildcard = subject.includes('*') || subject.includes('>');
      const message = hasWildcard
        ? await slots.request(directGet, encoder.encode(JSON.stringify({ last_by_subj: subject })), {
            timeoutMs: READ_TIMEOUT_MS,
          })
        : await slots.request(`${directGet}.${subject}`, EMPTY, { timeoutMs: READ_TIMEOUT_MS });
      const status = statusOf(message);
      if (status === NOT_FOUND) return undefined;
      if (status >= 400) throw failure(status, directGet);
      return toStored(message);
    },

    lastSequence: async () => {
      const message = await slots.request(`$JS.API.STREAM.INFO.${stream}`, EMPTY, { timeoutMs: READ_TIMEOUT_MS });
      const info = JSON.parse(decoder.decode(message.data)) as {
        readonly error?: ApiError;
        readonly state?: { readonly last_seq: number };
      };
      if (info.error !== undefined) throw faultOfApi(info.error, stream);
      return info.state?.last_seq ?? 0;
    },
  };
};
