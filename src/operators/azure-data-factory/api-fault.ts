// From an answer that is no success to the Fault that says what to do: the management API's error envelope in, code and retry out.
// Messages stay the same for the same problem (no times, no counters), so that a status is not rewritten at every try.

import {
  isFault,
  isJsonObject,
  isRefusal,
  refusedFault,
  type Fault,
  type HttpReply,
  type JsonObject,
  type JsonValue,
} from '../../sdk/index.ts';

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

/** What the SDK's table says of the status. `details`: `status`, `apiCode`, `outcome`. */
export const apiFault = (reply: HttpReply, what: string): Fault => {
  const { code, message } = readApiError(reply.body);
  const isThrottled = reply.status === 429;
  const text = isThrottled ? `Azure throttles this subscription (429 ${code})` : `${reply.status} ${code}: ${message}`;
  return refusedFault(reply, `${what}: ${text}`, { details: { apiCode: code } });
};

/** Status of an answer of the management API (not of the identity platform) that became a Fault. */
export const apiStatusOf = (error: unknown): number | undefined => {
  if (!isFault(error) || error.details['apiCode'] === undefined) return undefined;
  const { status } = error.details;
  return typeof status === 'number' ? status : undefined;
};

/** Refused for what was asked, by the management API: not by the identity platform, and not for who asked or when. */
export const isRefused = (error: unknown): boolean => isRefusal(error) && apiStatusOf(error) !== undefined;
