// OAuth2 client credentials (RFC 6749, 4.4): a token for as long as it lasts, fetched once however many ask at the same time, and again
// before it expires. A refused client is remembered for a while: thousands of resources must not each knock on the door with a wrong
// secret. The secret and the tokens are in no message.

import { Fault } from '../core/fault.ts';
import { isJsonObject, type JsonValue } from '../core/json.ts';
import { callHttp, type HttpReply } from './http-call.ts';
import type { TracedFetch } from './traced-fetch.ts';

/** A token is not used in the last part of its life: a call takes time, and clocks differ. */
const SKEW_MS = 300_000;
const SKEW_SHARE = 0.2;
const REFUSAL_KEPT_MS = 30_000;
/** Where the answer does not say how long its token lasts. */
const DEFAULT_LIFE_SECONDS = 300;
const MAX_DESCRIPTION = 300;

export type ClientCredentialsOptions = {
  readonly tokenUrl: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly scope?: string;
  readonly timeoutMs: number;
  /** Who answers at `tokenUrl`, in messages. Default: the token endpoint. */
  readonly issuer?: string;
  /** What to look at when the client is refused. Default: its id, secret and scope. */
  readonly check?: string;
  /** Milliseconds. Default: Date.now. */
  readonly now?: () => number;
};

export type ClientCredentials = {
  /** Faults: COMPONENT_TERMINAL when the client is refused, COMPONENT_RETRYABLE when no answer can be had; `details.outcome` is `none`. */
  token(signal: AbortSignal, fetch?: TracedFetch): Promise<string>;
  /** The token was refused: do not use it again. */
  discard(token: string): void;
};

type Held = { readonly token: string; readonly untilMs: number };

const noToken = (why: string, cause?: unknown): Fault =>
  new Fault('COMPONENT_RETRYABLE', `no token: ${why}`, { details: { outcome: 'none' }, cause });

/** First line of the description (the rest has times and ids), without the secret should it ever be in it. */
const describe = (body: JsonValue | undefined, secret: string): string => {
  const description = isJsonObject(body) ? body['error_description'] : undefined;
  const line = typeof description === 'string' ? (description.split(/[\r\n]/)[0] ?? '') : '';
  return line === '' ? '' : `: ${line.replaceAll(secret, '***').slice(0, MAX_DESCRIPTION)}`;
};

const refusal = ({ status, body, retryAfterMs }: HttpReply, options: ClientCredentialsOptions): Fault => {
  const { clientSecret, issuer = 'the token endpoint', check = 'its id, secret and scope' } = options;
  const word = isJsonObject(body) && typeof body['error'] === 'string' ? body['error'] : 'no error code';
  const details = { status, error: word, outcome: 'none' };
  if (status === 429 || status >= 500 || word === 'temporarily_unavailable') {
    const retry = retryAfterMs === undefined ? 'later' : { afterMs: retryAfterMs };
    return new Fault('COMPONENT_RETRYABLE', `no token: ${issuer} answered ${status} ${word}`, { retry, details });
  }
  const message = `no token: ${issuer} refuses the client (${status} ${word}${describe(body, clientSecret)}); check ${check}`;
  return new Fault('COMPONENT_TERMINAL', message, { retry: 'never', details });
};

/** `work`, unless `signal` aborts first; the work goes on for the others who wait for it. */
const unlessAborted = async <T>(work: Promise<T>, signal: AbortSignal): Promise<T> => {
  let onAbort = (): void => {};
  const aborted = new Promise<never>((_resolve, reject) => {
    onAbort = () => reject(noToken('the component stops'));
  });
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
};

const ask = async (options: ClientCredentialsOptions, fetch: TracedFetch | undefined): Promise<HttpReply> => {
  const { tokenUrl, clientId, clientSecret, scope, timeoutMs, issuer = 'the token endpoint' } = options;
  const fields = { grant_type: 'client_credentials', client_id: clientId, client_secret: clientSecret };
  try {
    return await callHttp({
      method: 'POST',
      url: tokenUrl,
      headers: { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' },
      body: new URLSearchParams({ ...fields, ...(scope === undefined ? {} : { scope }) }).toString(),
      timeoutMs,
      // Shared by all who wait for it, so it stops for none of them.
      signal: new AbortController().signal,
      ...(fetch === undefined ? {} : { fetch }),
    });
  } catch (error) {
    // A token that was not had started nothing, whatever became of the request.
    throw noToken(`${issuer} does not answer`, error);
  }
};

export const createClientCredentials = (options: ClientCredentialsOptions): ClientCredentials => {
  const { now = Date.now, issuer = 'the token endpoint' } = options;
  let held: Held | undefined;
  let fetching: Promise<Held> | undefined;
  let refused: { readonly fault: Fault; readonly untilMs: number } | undefined;

  const fetchToken = async (fetch: TracedFetch | undefined): Promise<Held> => {
    const askedMs = now();
    const reply = await ask(options, fetch);
    if (reply.status !== 200) {
      const fault = refusal(reply, options);
      if (fault.retry === 'never') refused = { fault, untilMs: now() + REFUSAL_KEPT_MS };
      throw fault;
    }
    const body = isJsonObject(reply.body) ? reply.body : {};
    const [token, lifeMs] = [body['access_token'], Number(body['expires_in'] ?? DEFAULT_LIFE_SECONDS) * 1000];
    if (typeof token !== 'string' || token === '' || !(lifeMs > 0)) throw noToken(`${issuer} answered without one`);
    held = { token, untilMs: askedMs + lifeMs - Math.min(SKEW_MS, lifeMs * SKEW_SHARE) };
    return held;
  };

  return {
    token: async (signal, fetch) => {
      if (held !== undefined && now() < held.untilMs) return held.token;
      if (refused !== undefined && now() < refused.untilMs) throw refused.fault;
      fetching ??= fetchToken(fetch).finally(() => {
        fetching = undefined;
      });
      return (await unlessAborted(fetching, signal)).token;
    },
    discard: (token) => {
      if (held?.token === token) held = undefined;
    },
  };
};
