// From an answer that is no success to the Fault that says what to do: the management API's error envelope in, code and retry out.
// Messages stay the same for the same problem (no times, no counters), so that a status is not rewritten at every try.

import { Fault, isFault, isJsonObject, type HttpReply, type JsonObject, type JsonValue } from '../../sdk/index.ts';

const MAX_MESSAGE = 1000;

const textIn = (value: JsonObject, field: string): string | undefined => {
  const text = value[field];
  return typeof text === 'string' && text !== '' ? text : undefined;
};

export type ApiError = { readonly code: string; readonly message: string };

/** `{ error: { code, message, target?, details? } }`; the messages of the details follow the message. */
export const readApiError = (body: JsonValue | undefined): ApiError => {
  const error: JsonObject = isJsonObject(body) && isJsonObject(body['error']) ? body['error'] : {};
  const details = Array.isArray(error['details']) ? (error['details'] as readonly JsonValue[]) : [];
  const inner = details.filter(isJsonObject).flatMap((one) => textIn(one, 'message') ?? []);
  const message = [textIn(error, 'message') ?? 'the answer had no message', ...inner.slice(0, 3)].join(' ');
  return { code: textIn(error, 'code') ?? 'Unknown', message: message.slice(0, MAX_MESSAGE) };
};

/** In conflict with something, locked, too early: all for a while. */
const FOR_A_WHILE = [409, 423, 425];

/**
 * 429: to be tried after the server's Retry-After, and nothing happened. 5xx and 408: to be tried, nobody knows what happened.
 * 409, 423 and 425: to be tried, nothing happened. Everything else: terminal, nothing happened. `details`: `status`, `apiCode`, `outcome`.
 */
export const apiFault = ({ status, body, retryAfterMs }: HttpReply, what: string): Fault => {
  const { code, message } = readApiError(body);
  const retry = retryAfterMs === undefined ? 'later' : { afterMs: retryAfterMs };
  if (status === 429) {
    return new Fault('COMPONENT_RETRYABLE', `${what}: Azure throttles this subscription (429 ${code})`, {
      retry: retryAfterMs === undefined ? retry : { afterMs: retryAfterMs, scope: 'operator' },
      details: { status, apiCode: code, outcome: 'none' },
    });
  }
  const text = `${what}: ${status} ${code}: ${message}`;
  if (status >= 500 || status === 408) {
    return new Fault('COMPONENT_RETRYABLE', text, { retry, details: { status, apiCode: code, outcome: 'unknown' } });
  }
  if (FOR_A_WHILE.includes(status)) {
    return new Fault('COMPONENT_RETRYABLE', text, { retry, details: { status, apiCode: code, outcome: 'none' } });
  }
  return new Fault('COMPONENT_TERMINAL', text, {
    retry: 'never',
    details: { status, apiCode: code, outcome: 'none' },
  });
};

/** Status of an answer of the management API (not of the identity platform) that became a Fault. */
export const apiStatusOf = (error: unknown): number | undefined => {
  if (!isFault(error) || error.details['apiCode'] === undefined) return undefined;
  const { status } = error.details;
  return typeof status === 'number' ? status : undefined;
};
