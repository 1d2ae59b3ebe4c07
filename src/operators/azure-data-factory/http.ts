// One HTTP call with a deadline; what went wrong becomes a Fault that says whether it can be tried again. Used for tokens and for the
// Data Factory API. Bodies and secrets never reach a message.

import { Fault, isJsonObject, type JsonObject, type JsonValue } from '../../sdk/index.ts';

export type HttpCall = {
  readonly method: 'GET' | 'POST';
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly signal: AbortSignal;
};

export type HttpReply = {
  readonly status: number;
  readonly retryAfterMs?: number;
  readonly body: JsonValue | undefined;
};

const CALL_TIMEOUT_MS = 30_000;

/** Seconds or a date, as RFC 9110 has it. */
export const parseRetryAfterMs = (value: string | null, nowMs: number): number | undefined => {
  if (value === null) return undefined;
  const seconds = Number(value);
  if (Number.isFinite(seconds) && seconds >= 0) return seconds * 1000;
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

/** Faults: COMPONENT_RETRYABLE when no answer came (the call may have had its effect: `details.isAmbiguous`). */
export const call = async ({ method, url, headers, body, signal }: HttpCall): Promise<HttpReply> => {
  try {
    const response = await fetch(url, {
      method,
      headers,
      ...(body === undefined ? {} : { body }),
      signal: AbortSignal.any([signal, AbortSignal.timeout(CALL_TIMEOUT_MS)]),
    });
    const text = await response.text();
    const retryAfterMs = parseRetryAfterMs(response.headers.get('retry-after'), Date.now());
    return { status: response.status, body: parseBody(text), ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
  } catch (error) {
    const { origin, pathname } = new URL(url);
    throw new Fault('COMPONENT_RETRYABLE', `${method} ${origin}${pathname}: no answer`, {
      details: { isAmbiguous: true },
      cause: error,
    });
  }
};

/** `{ code, message }` of an ARM error body `{ error: { code, message } }`. */
export const armError = (body: JsonValue | undefined): { readonly code: string; readonly message: string } => {
  const error: JsonObject = isJsonObject(body) && isJsonObject(body['error']) ? body['error'] : {};
  const text = (value: JsonValue | undefined, fallback: string): string =>
    typeof value === 'string' ? value : fallback;
  return { code: text(error['code'], 'Unknown'), message: text(error['message'], 'the answer had no message') };
};
