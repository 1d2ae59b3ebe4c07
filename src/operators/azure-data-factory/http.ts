// One HTTP call with a deadline. A call without an answer is a Fault whose `outcome` says whether it can have had an effect:
// that decides whether a run may have been started. Bodies, headers and secrets never reach a message.

import { Fault, isFault, type JsonValue, type TracedFetch } from '../../sdk/index.ts';

export type HttpCall = {
  readonly method: 'GET' | 'POST';
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
  /** undefined: none, or not JSON. */
  readonly body: JsonValue | undefined;
};

/** Of a failed call: it certainly had no effect, or nobody knows. */
export type Outcome = 'none' | 'unknown';
export const outcomeOf = (error: unknown): Outcome =>
  isFault(error) && error.details['outcome'] === 'none' ? 'none' : 'unknown';

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

const parseBody = (text: string): JsonValue | undefined => {
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    return undefined;
  }
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
export const call = async (request: HttpCall): Promise<HttpReply> => {
  const { method, url, headers, body, signal } = request;
  const { origin, pathname } = new URL(url);
  const what = `${method} ${origin}${pathname}`;
  if (signal.aborted) {
    throw new Fault('COMPONENT_RETRYABLE', `${what}: not sent, the component stops`, { details: { outcome: 'none' } });
  }
  const ending = deadline(request);
  try {
    const response = await (request.fetch ?? fetch)(url, {
      method,
      headers,
      ...(body === undefined ? {} : { body }),
      // A token or a secret must not follow a redirect to another host.
      redirect: 'manual',
      signal: ending.signal,
    });
    const text = await response.text();
    const retryAfterMs = parseRetryAfterMs(response.headers.get('retry-after'), Date.now());
    return { status: response.status, body: parseBody(text), ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
  } catch (error) {
    const code = codeOf(error);
    throw new Fault('COMPONENT_RETRYABLE', `${what}: no answer (${code})`, {
      details: { outcome: BEFORE_SENDING.has(code) ? 'none' : 'unknown', cause: code },
      cause: error,
    });
  } finally {
    ending.dispose();
  }
};
