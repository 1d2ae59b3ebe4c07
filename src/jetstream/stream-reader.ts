// Reads a stream without a consumer, by direct gets. The library's own batched get stops at the first empty payload, hence the raw loop.
// On a replicated stream a direct get may be answered by a follower that lags; whoever writes afterwards finds out by the expected sequence.
//
// What fails for a moment (a restart, an election) is asked for again; a page is complete or it fails.

import type { Msg } from 'nats';
import { Fault } from '../core/fault.ts';
import type { StoredMessage, StreamReader } from '../engine/ports/streams.ts';
import { unreadableIn } from '../core/stream-holes.ts';
import { faultOfApi, type ApiError } from './faults.ts';
import { repeatRead } from './leader-read.ts';
import type { JetStreamConnection } from './connection.ts';
import { headerReader } from './message-headers.ts';

const PAGE = 500;
const MAX_SUBJECTS = 500;
const READ_TIMEOUT_MS = 3000;
const encoder = new TextEncoder();
const decoder = new TextDecoder();
const EMPTY = new Uint8Array();

const END_OF_BATCH = 204;
const NOT_FOUND = 404;
/** Request timeout, too many requests, unavailable. */
const PASSING: readonly number[] = [408, 429, 503];

/** A direct get's answer as a stored message. */
export const toStored = (message: Msg): StoredMessage => {
  const header = headerReader(message);
  return {
    sequence: Number(header('Nats-Sequence')),
    subject: header('Nats-Subject') ?? '',
    data: message.data,
    timeMs: Date.parse(header('Nats-Time-Stamp') ?? ''),
    header,
  };
};

/** The code of a reply that carries no message: 404, 204, 408 and so on; 0 for a message. */
const statusOf = (message: Msg): number => (message.data.length === 0 ? (message.headers?.code ?? 0) : 0);

const failure = (status: number, what: string): Fault =>
  PASSING.includes(status)
    ? new Fault('JS_UNAVAILABLE', `${what}: the server answered ${status}`, { details: { status } })
    : new Fault('JS_REFUSED', `${what}: the server answered ${status}`, { retry: 'never', details: { status } });

type Page<T> = { readonly messages: readonly T[]; readonly hasMore: boolean };

/** Reads one page: a batched direct get has many answers, to the status that ends them. */
export const createPageReader =
  <T>({ slots }: Pick<JetStreamConnection, 'slots'>, stream: string, toMessage: (message: Msg) => T) =>
  (query: unknown): Promise<Page<T>> =>
    new Promise((resolve, reject) => {
      const directGet = `$JS.API.DIRECT.GET.${stream}`;
      const messages: T[] = [];
      const onReply = (message: Msg): boolean => {
        const status = statusOf(message);
        if (status === 0) {
          messages.push(toMessage(message));
          return true;
        }
        const more = Number(message.headers?.get('Nats-Num-Pending') ?? 0);
        if (status === END_OF_BATCH) resolve({ messages, hasMore: more > 0 });
        else if (status === NOT_FOUND) resolve({ messages, hasMore: false });
        else reject(failure(status, directGet));
        return false;
      };
      const body = encoder.encode(JSON.stringify(query));
      slots.send(directGet, body, { timeoutMs: READ_TIMEOUT_MS, onReply, onFault: reject });
    });

export type DirectReader = StreamReader & {
  /** One message. */
  readBySequence(sequence: number): Promise<StoredMessage | undefined>;
  /**
   * The last message of each subject (exact, or with wildcards for up to 1024 matches), in stream order; subjects without one are left
   * out. With `upToSequence`: as it was at that sequence.
   */
  readSubjects(
    subjects: readonly string[],
    options?: { readonly upToSequence?: number },
  ): Promise<readonly StoredMessage[]>;
};

const bytesOf = ({ messages }: Page<StoredMessage>): number =>
  messages.reduce((sum, { data }) => sum + data.byteLength, 0);

/** A server may end a page behind so many bytes by itself; it waits for 64 MiB as a rule. */
const MAX_PAGE_BYTES = 8 * 1024 * 1024;

/** Ends before it is full, though there is more. */
const isBroken = (page: Page<StoredMessage>, batch: number, roomBytes: number): boolean =>
  page.hasMore && page.messages.length < batch && bytesOf(page) < Math.min(roomBytes, MAX_PAGE_BYTES);

/**
 * `isWhole`: nothing is ever removed from the stream, so a page of one subject that ends early, with more to come, has left out what cannot be
 * read (STREAM_DAMAGED). Use createWholeStreamReader.
 *
 * Faults of all: NATS_NO_RESPONDERS (no such stream, or it has no allow_direct), NATS_TIMEOUT, JS_UNAVAILABLE.
 */
export const createStreamReader = (
  connection: Pick<JetStreamConnection, 'slots'>,
  stream: string,
  { isWhole = false }: { readonly isWhole?: boolean } = {},
): DirectReader => {
  const { slots } = connection;
  const directGet = `$JS.API.DIRECT.GET.${stream}`;

  const readPage = createPageReader(connection, stream, toStored);

  const readOne = (subject: string, body: Uint8Array): Promise<StoredMessage | undefined> =>
    repeatRead(async () => {
      const message = await slots.request(subject, body, { timeoutMs: READ_TIMEOUT_MS });
      const status = statusOf(message);
      if (status === 0) return toStored(message);
      if (status === NOT_FOUND) return undefined;
      throw failure(status, directGet);
    });

  return {
    readSubject: async (subject, options = {}) => {
      const { limit = Number.POSITIVE_INFINITY, maxBytes } = options;
      let roomBytes = maxBytes ?? Number.POSITIVE_INFINITY;
      const found: StoredMessage[] = [];
      let from = Math.max(1, options.fromSequence ?? 1);
      while (found.length < limit && roomBytes > 0) {
        const batch = Math.min(PAGE, limit - found.length);
        // The server ends a batch behind the message that makes it larger.
        const bounds = maxBytes === undefined ? { batch } : { batch, max_bytes: roomBytes };
        const page = await repeatRead(() => readPage({ seq: from, next_by_subj: subject, ...bounds }));
        if (isWhole && isBroken(page, batch, roomBytes))
          throw unreadableIn(stream, `messages of ${subject} from #${from} on cannot be read`);
        found.push(...page.messages);
        roomBytes -= bytesOf(page);
        const last = page.messages.at(-1);
        if (!page.hasMore || last === undefined) break;
        from = last.sequence + 1;
      }
      return found;
    },

    readLast: (subject) => {
      const hasWildcard = subject.includes('*') || subject.includes('>');
      return hasWildcard
        ? readOne(directGet, encoder.encode(JSON.stringify({ last_by_subj: subject })))
        : readOne(`${directGet}.${subject}`, EMPTY);
    },

    readBySequence: (sequence) => readOne(directGet, encoder.encode(JSON.stringify({ seq: sequence }))),

    readSubjects: async (subjects, options = {}) => {
      const found: StoredMessage[] = [];
      for (let start = 0; start < subjects.length; start += MAX_SUBJECTS) {
        const query = {
          multi_last: subjects.slice(start, start + MAX_SUBJECTS),
          ...(options.upToSequence === undefined ? {} : { up_to_seq: options.upToSequence }),
        };
        const page = await repeatRead(() => readPage(query));
        for (const message of page.messages) found.push(message);
      }
      return subjects.length <= MAX_SUBJECTS ? found : found.sort((a, b) => a.sequence - b.sequence);
    },

    lastSequence: () =>
      repeatRead(async () => {
        const message = await slots.request(`$JS.API.STREAM.INFO.${stream}`, EMPTY, { timeoutMs: READ_TIMEOUT_MS });
        const info = JSON.parse(decoder.decode(message.data)) as {
          readonly error?: ApiError;
          readonly state?: { readonly last_seq: number };
        };
        if (info.error !== undefined) throw faultOfApi(info.error, stream);
        return info.state?.last_seq ?? 0;
      }),
  };
};
