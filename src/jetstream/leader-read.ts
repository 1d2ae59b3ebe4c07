// Reads one message from the leader of a stream ($JS.API.STREAM.MSG.GET): slower than a direct get, but it sees everything that was ever
// acknowledged. For the moments when a write has to be explained.

import { faultOfApi, isRepeatable, type ApiError } from './faults.ts';
import { pause } from './pause.ts';
import type { JetStreamConnection } from './connection.ts';

const READ_TIMEOUT_MS = 2000;
/** All attempts of a read: longer than the election of a leader. */
const READ_DEADLINE_MS = 8000;
const NO_MESSAGE = 10037;

export type LeaderQuery =
  | { readonly seq: number; readonly next_by_subj: string }
  | { readonly last_by_subj: string }
  | { readonly seq: number };

/** Whoever can ask a server: a connection, or a client. */
export type Asker = {
  readonly slots: {
    request(
      subject: string,
      data: Uint8Array,
      options: { readonly timeoutMs: number },
    ): Promise<{ readonly data: Uint8Array }>;
  };
};

export type LeaderMessage = {
  readonly sequence: number;
  readonly data: Uint8Array;
  header(name: string): string | undefined;
};

type Answer = {
  readonly error?: ApiError;
  readonly message?: { readonly seq: number; readonly data?: string; readonly hdrs?: string };
};

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** First value of a header in the lines of a stored message. */
const headerIn = (lines: string, name: string): string | undefined => {
  const start = lines.indexOf(`\r\n${name}:`);
  if (start < 0) return undefined;
  const from = start + name.length + 3;
  return lines.slice(from, lines.indexOf('\r\n', from)).trim();
};

/** Repeats `attempt` with growing pauses while it fails in a way that may pass, for `deadlineMs` at most. For reads. */
export const repeatRead = async <T>(attempt: () => Promise<T>, deadlineMs = READ_DEADLINE_MS): Promise<T> => {
  const endMs = performance.now() + deadlineMs;
  for (let tries = 1; ; tries += 1) {
    try {
      return await attempt();
    } catch (error) {
      const waitMs = Math.min(500, 10 * 2 ** tries) * (0.5 + Math.random() / 2);
      if (!isRepeatable(error) || performance.now() + waitMs > endMs) throw error;
      await pause(waitMs);
    }
  }
};

/** Undefined when there is no such message. Faults: JS_NOT_FOUND (no such stream), NATS_TIMEOUT, JS_UNAVAILABLE. */
export const readFromLeader = (
  { slots }: Asker,
  stream: string,
  query: LeaderQuery,
): Promise<LeaderMessage | undefined> =>
  repeatRead(async () => {
    const body = encoder.encode(JSON.stringify(query));
    const reply = await slots.request(`$JS.API.STREAM.MSG.GET.${stream}`, body, { timeoutMs: READ_TIMEOUT_MS });
    const { error, message } = JSON.parse(decoder.decode(reply.data)) as Answer;
    if (error !== undefined && error.err_code !== NO_MESSAGE) throw faultOfApi(error, stream);
    if (error !== undefined || message === undefined) return undefined;
    const lines = message.hdrs === undefined ? '' : Buffer.from(message.hdrs, 'base64').toString();
    return {
      sequence: message.seq,
      data: message.data === undefined ? new Uint8Array() : Buffer.from(message.data, 'base64'),
      header: (name) => headerIn(lines, name),
    };
  });

type Subjects = {
  readonly error?: ApiError;
  readonly total?: number;
  readonly state?: { readonly subjects?: Readonly<Record<string, number>> };
};

/**
 * The subjects of a stream that have messages and match `filter`; undefined when there are more than `limit`. The server tells 100,000 at
 * a time. Faults as above.
 */
export const readSubjectNames = (
  { slots }: Pick<JetStreamConnection, 'slots'>,
  stream: string,
  filter: string,
  limit: number,
): Promise<readonly string[] | undefined> =>
  repeatRead(async () => {
    const names: string[] = [];
    for (;;) {
      const body = encoder.encode(JSON.stringify({ subjects_filter: filter, offset: names.length }));
      const reply = await slots.request(`$JS.API.STREAM.INFO.${stream}`, body, { timeoutMs: READ_TIMEOUT_MS });
      const { error, total = 0, state } = JSON.parse(decoder.decode(reply.data)) as Subjects;
      if (error !== undefined) throw faultOfApi(error, `subjects of ${stream}`);
      const page = Object.keys(state?.subjects ?? {});
      if (total > limit) return undefined;
      names.push(...page);
      if (page.length === 0 || names.length >= total) return names;
    }
  });
