// One HTTP call with a deadline. A call without an answer is a Fault whose `details.outcome` says whether it can have had an effect:
// that decides whether something may have been started outside. Bodies, headers and secrets never reach a message.

import { parseExactJson } from '../core/exact-json.ts';
import { Fault, isFault } from '../core/fault.ts';
import type { JsonValue } from '../core/json.ts';
import type { TracedFetch } from './traced-fetch.ts';

export type HttpCall = {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  /** After `signal` has aborted, a call under way gets this long to end: for calls whose answer must not be lost. Default 0. */
  readonly finishWithinMs?: number;
  /** `fetch` of the reconcile. Default: the global one. */
  readonly fetch?: TracedFetch;
};

export type HttpReply = {
  readonly status: number;
  readonly retryAfterMs?: number;
  readonly headers: Headers;
  /** undefined: none, or not JSON. A whole number that a double cannot keep is text with its digits. */
  readonly body: JsonValue | undefined;
  /** What came instead of JSON. Absent: JSON, or nothing. */
  readonly unreadable?: 'html' | 'text';
  /** The API's own clock when it answered (header Date, whole seconds). Absent: it did not say. */
  readonly dateMs?: number;
  /** How far that clock is ahead of ours, negative when behind; 0 when the two may be equal for all that whole seconds tell. */
  readonly clockOffsetMs?: number;
};

/** What the other side has not, or has no more. */
const NOT_THERE = new Set([404, 410]);
/** Whether a fault of a call says that what was asked for is not there (`details.status` 404 or 410). */
export const isNotThere = (error: unknown): boolean => isFault(error) && NOT_THERE.has(Number(error.details['status']));

/** Of a failed call: it certainly had no effect, or nobody knows. */
export type Outcome = 'none' | 'unknown';
export const outcomeOf = (error: unknown): Outcome =>
  isFault(error) && error.details['outcome'] === 'none' ? 'none' : 'unknown';

/**
 * `work`, with every terminal Fault made one to be tried again: what may be under way outside is not given up because a key, a role or a
 * secret is missing for an hour.
 */
export const patiently = async <T>(work: Promise<T>): Promise<T> => {
  try {
    return await work;
  } catch (error) {
    if (!isFault(error) || error.retry !== 'never') throw error;
    throw new Fault('COMPONENT_RETRYABLE', error.message, { details: error.details, cause: error });
  }
};

/** More is not read: what is followed is told by a small part of an answer, and memory is shared by all calls. */
const MAX_ANSWER_BYTES = 32 * 1024 * 1024;

/** Codes of failures that come before the first byte of the request is out. */
const BEFORE_SENDING = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
  'CERT_HAS_EXPIRED',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'ERR_TLS_CERT_ALTNAME_INVALID',
]);

/** Seconds or a date, as RFC 9110 has it. */
export const parseRetryAfterMs = (value: string | null, nowMs: number): number | undefined => {
  if (value === null || value.trim() === '') return undefined;
  const seconds = Number(value);
  if (Number.isFinite(seconds)) return seconds < 0 ? undefined : seconds * 1000;
  const dateMs = Date.parse(value);
  return Number.isNaN(dateMs) ? undefined : Math.max(0, dateMs - nowMs);
};

const HTML = /^\s*(?:<!--[^>]*-->\s*)*<(?:!doctype\s+html|html|head|body)\b/i;

const parseBody = (text: string): Pick<HttpReply, 'body' | 'unreadable'> => {
  try {
    return { body: parseExactJson(text) };
  } catch {
    if (text.trim() === '') return { body: undefined };
    return { body: undefined, unreadable: HTML.test(text) ? 'html' : 'text' };
  }
};

/** Undefined: it is longer than `MAX_ANSWER_BYTES`; the rest is not read. */
const textOf = async ({ body }: Response): Promise<string | undefined> => {
  if (body === null) return '';
  const decoder = new TextDecoder();
  const pieces: string[] = [];
  let bytes = 0;
  for await (const chunk of body as AsyncIterable<Uint8Array>) {
    bytes += chunk.byteLength;
    if (bytes > MAX_ANSWER_BYTES) return undefined;
    pieces.push(decoder.decode(chunk, { stream: true }));
  }
  return pieces.join('') + decoder.decode();
};

const dateOf = (headers: Headers, sentMs: number, nowMs: number): Pick<HttpReply, 'dateMs' | 'clockOffsetMs'> => {
  const dateMs = Date.parse(headers.get('date') ?? '');
  if (Number.isNaN(dateMs)) return {};
  // It was said at some moment of the call, and means any moment of its second.
  const [leastMs, mostMs] = [dateMs - nowMs, dateMs + 999 - sentMs];
  return { dateMs, clockOffsetMs: leastMs <= 0 && mostMs >= 0 ? 0 : Math.round((leastMs + mostMs) / 2) };
};

const codeOf = (error: unknown): string => {
  const cause: unknown = error instanceof Error ? error.cause : undefined;
  for (const one of [cause, error]) {
    if (one instanceof Error && 'code' in one && typeof one.code === 'string') return one.code;
  }
  return error instanceof Error ? error.name : 'unknown';
};

/** Aborts after `timeoutMs`, or when `signal` does and the time to finish is over. */
const deadline = ({ signal, timeoutMs, finishWithinMs = 0 }: HttpCall) => {
  const ending = new AbortController();
  const timers = [setTimeout(() => ending.abort(new DOMException('no answer in time', 'TimeoutError')), timeoutMs)];
  const onAbort = (): void => {
    timers.push(setTimeout(() => ending.abort(signal.reason), finishWithinMs));
  };
  signal.addEventListener('abort', onAbort, { once: true });
  return {
    signal: ending.signal,
    dispose: (): void => {
      signal.removeEventListener('abort', onAbort);
      timers.forEach(clearTimeout);
    },
  };
};

/** Whatever the status, an answer is an answer. Faults: COMPONENT_RETRYABLE with `details.outcome` when none came. */
export const callHttp = async (request: HttpCall): Promise<HttpReply> => {
  const { method, url, headers, body, signal } = request;
  const { origin, pathname } = new URL(url);
  const what = `${method} ${origin}${pathname}`;
  if (signal.aborted) {
    throw new Fault('COMPONENT_RETRYABLE', `${what}: not sent, the component stops`, { details: { outcome: 'none' } });
  }
  const ending = deadline(request);
  const sentMs = Date.now();
  try {
    const response = await (request.fetch ?? fetch)(url, {
      method,
      headers,
      ...(body === undefined ? {} : { body }),
      // A token or a secret must not follow a redirect to another host.
      redirect: 'manual',
      signal: ending.signal,
    });
    const text = await textOf(response);
    if (text === undefined) {
      const message = `${what}: the answer is longer than ${MAX_ANSWER_BYTES / 1024 / 1024} MiB; ask for less`;
      throw new Fault('COMPONENT_RETRYABLE', message, { details: { outcome: 'unknown' } });
    }
    const retryAfterMs = parseRetryAfterMs(response.headers.get('retry-after'), Date.now());
    return {
      status: response.status,
      headers: response.headers,
      ...{ ...parseBody(text), ...dateOf(response.headers, sentMs, Date.now()) },
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    };
  } catch (error) {
    if (isFault(error)) throw error;
    const code = codeOf(error);
    throw new Fault('COMPONENT_RETRYABLE', `${what}: no answer (${code})`, {
      details: { outcome: BEFORE_SENDING.has(code) ? 'none' : 'unknown', cause: code },
      cause: error,
    });
  } finally {
    ending.dispose();
  }
};
