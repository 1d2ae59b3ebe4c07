// Who we are to the external API. Tokens of client credentials are fetched once however many ask, and again before they expire or
// when one was refused. Secrets and tokens are in no message.

import { Buffer } from 'node:buffer';
import {
  callHttp,
  Fault,
  isFault,
  isJsonObject,
  type HttpAuth,
  type HttpReply,
  type TracedFetch,
} from '../../sdk/index.ts';

export type CallContext = { readonly signal: AbortSignal; readonly fetch?: TracedFetch };

export type Auth = {
  /** Faults: COMPONENT_TERMINAL when the client is refused, COMPONENT_RETRYABLE otherwise; `details.outcome` is `none`. */
  headers(context: CallContext): Promise<Readonly<Record<string, string>>>;
  /** The API refused what `headers` gave. True: other headers can be had, once. */
  discard(): boolean;
};

/** A token is not used in the last part of its life: a call takes time, and clocks differ. */
const SKEW_MS = 300_000;
const SKEW_SHARE = 0.2;
const REFUSAL_KEPT_MS = 30_000;

type Filled = { readonly [K in 'tokenUrl' | 'clientId' | 'clientSecret']: string } & { readonly scope?: string };
type Held = { readonly token: string; readonly untilMs: number };

const refusal = (reply: HttpReply): Fault => {
  const word =
    isJsonObject(reply.body) && typeof reply.body['error'] === 'string' ? reply.body['error'] : 'no error code';
  const details = { status: reply.status, error: word, outcome: 'none' };
  const isPassing = reply.status === 429 || reply.status >= 500 || word === 'temporarily_unavailable';
  if (!isPassing) {
    const message = `no token: the token endpoint refuses the client (${reply.status} ${word}); check its id, secret and scope`;
    return new Fault('COMPONENT_TERMINAL', message, { retry: 'never', details });
  }
  const retry = reply.retryAfterMs === undefined ? 'later' : { afterMs: reply.retryAfterMs };
  return new Fault('COMPONENT_RETRYABLE', `no token: the token endpoint answered ${reply.status}`, { retry, details });
};

const clientCredentials = (filled: Filled, timeoutMs: number, now: () => number): Auth => {
  let held: Held | undefined;
  let fetching: Promise<Held> | undefined;
  let refused: { readonly fault: Fault; readonly untilMs: number } | undefined;

  const fetchToken = async (fetch: TracedFetch | undefined): Promise<Held> => {
    const { tokenUrl: url, clientId, clientSecret, scope } = filled;
    const fields = { grant_type: 'client_credentials', client_id: clientId, client_secret: clientSecret };
    const askedMs = now();
    const reply = await callHttp({
      method: 'POST',
      url,
      headers: { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' },
      body: new URLSearchParams({ ...fields, ...(scope === undefined ? {} : { scope }) }).toString(),
      timeoutMs,
      // Shared by all who wait for it, so it stops for none of them.
      signal: new AbortController().signal,
      ...(fetch === undefined ? {} : { fetch }),
    }).catch((error: unknown) => {
      if (!isFault(error)) throw error;
      throw new Fault('COMPONENT_RETRYABLE', 'no token: the token endpoint does not answer', {
        details: { outcome: 'none' },
        cause: error,
      });
    });
    if (reply.status !== 200) {
      const fault = refusal(reply);
      if (fault.retry === 'never') refused = { fault, untilMs: now() + REFUSAL_KEPT_MS };
      throw fault;
    }
    const body = isJsonObject(reply.body) ? reply.body : {};
    const lifeMs = Number(body['expires_in'] ?? 300) * 1000;
    if (typeof body['access_token'] !== 'string' || !(lifeMs > 0)) {
      throw new Fault('COMPONENT_RETRYABLE', 'no token: the token endpoint answered without one', {
        details: { outcome: 'none' },
      });
    }
    held = { token: body['access_token'], untilMs: askedMs + lifeMs - Math.min(SKEW_MS, lifeMs * SKEW_SHARE) };
    return held;
  };

  return {
    headers: async ({ fetch }) => {
      if (held !== undefined && now() < held.untilMs) return { authorization: `Bearer ${held.token}` };
      if (refused !== undefined && now() < refused.untilMs) throw refused.fault;
      fetching ??= fetchToken(fetch).finally(() => {
        fetching = undefined;
      });
      return { authorization: `Bearer ${(await fetching).token}` };
    },
    discard: () => {
      held = undefined;
      return true;
    },
  };
};

const constant = (headers: Readonly<Record<string, string>>): Auth => ({
  headers: () => Promise.resolve(headers),
  discard: () => false,
});

/** `auth` with its templates filled in. */
export const createAuth = (auth: HttpAuth | undefined, timeoutMs: number, now: () => number): Auth => {
  switch (auth?.type) {
    case undefined:
      return constant({});
    case 'bearer':
      return constant({ authorization: `Bearer ${auth.token}` });
    case 'basic':
      return constant({
        authorization: `Basic ${Buffer.from(`${auth.username}:${auth.password}`).toString('base64')}`,
      });
    case 'header':
      return constant({ [auth.name.toLowerCase()]: auth.value });
    case 'oauth2ClientCredentials':
      return clientCredentials(auth, timeoutMs, now);
  }
};
