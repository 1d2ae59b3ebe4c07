// OAuth2 client credentials at Microsoft's identity platform: a token for as long as it lasts, fetched once however many ask at the
// same time, and again before it expires. A refused client is remembered for a while: thousands of resources must not each knock
// on the door with a wrong secret. The secret and the tokens are in no message.

import { Fault, isJsonObject, type JsonValue, type TracedFetch } from '../../sdk/index.ts';
import { call, type HttpReply } from './http.ts';
import type { AdfSettings } from './settings.ts';

/** A token is not used in the last part of its life: a call takes time, and clocks differ. */
const SKEW_MS = 300_000;
const SKEW_SHARE = 0.2;
const REFUSAL_KEPT_MS = 30_000;
const MAX_DESCRIPTION = 300;

export type Identity = {
  /** Faults: COMPONENT_TERMINAL when the client is refused, COMPONENT_RETRYABLE when no answer can be had; `details.outcome` is `none`. */
  token(signal: AbortSignal, fetch?: TracedFetch): Promise<string>;
  /** The token was refused: do not use it again. */
  discard(token: string): void;
};

type Held = { readonly token: string; readonly untilMs: number };

/** First line of the description (the rest has times and ids), without the secret should it ever be in it. */
const describe = (body: JsonValue | undefined, secret: string): string => {
  const description = isJsonObject(body) ? body['error_description'] : undefined;
  const line = typeof description === 'string' ? (description.split(/[\r\n]/)[0] ?? '') : '';
  return line === '' ? '' : `: ${line.replaceAll(secret, '***').slice(0, MAX_DESCRIPTION)}`;
};

const refusal = ({ status, body, retryAfterMs }: HttpReply, secret: string): Fault => {
  const word = isJsonObject(body) && typeof body['error'] === 'string' ? body['error'] : 'no error code';
  const aadsts = isJsonObject(body) && Array.isArray(body['error_codes']) ? body['error_codes'].map(String) : [];
  const details = { status, error: word, aadsts, outcome: 'none' };
  if (status === 429 || status >= 500 || word === 'temporarily_unavailable') {
    const retry = retryAfterMs === undefined ? 'later' : { afterMs: retryAfterMs };
    return new Fault('COMPONENT_RETRYABLE', `no token: the identity platform answered ${status} ${word}`, {
      ...{ retry, details },
    });
  }
  return new Fault(
    'COMPONENT_TERMINAL',
    `no token: the identity platform refuses the client (${status} ${word}${describe(body, secret)}); ` +
      'check AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET of the component',
    { retry: 'never', details },
  );
};

/** `work`, unless `signal` aborts first; the work goes on for the others who wait for it. */
const unlessAborted = async <T>(work: Promise<T>, signal: AbortSignal): Promise<T> => {
  let onAbort = (): void => {};
  const aborted = new Promise<never>((_resolve, reject) => {
    onAbort = () =>
      reject(new Fault('COMPONENT_RETRYABLE', 'no token: the component stops', { details: { outcome: 'none' } }));
  });
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
};

export const createIdentity = (settings: AdfSettings, now: () => number = Date.now): Identity => {
  const { authorityUrl, tenantId, clientId, clientSecret, tokenScope, requestTimeoutMs } = settings;
  let held: Held | undefined;
  let fetching: Promise<Held> | undefined;
  let refused: { readonly fault: Fault; readonly untilMs: number } | undefined;

  const ask = async (fetch: TracedFetch | undefined): Promise<HttpReply> => {
    try {
      return await call({
        method: 'POST',
        url: `${authorityUrl.replace(/\/$/, '')}/${encodeURIComponent(tenantId)}/oauth2/v2.0/token`,
        headers: { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' },
        body: new URLSearchParams({
          grant_type: 'client_credentials',
          client_id: clientId,
          client_secret: clientSecret,
          scope: tokenScope,
        }).toString(),
        timeoutMs: requestTimeoutMs,
        // Shared by all who wait for it, so it stops for none of them.
        signal: new AbortController().signal,
        ...(fetch === undefined ? {} : { fetch }),
      });
    } catch (error) {
      // A token that was not had started no run, whatever became of the request.
      throw new Fault('COMPONENT_RETRYABLE', 'no token: the identity platform does not answer', {
        details: { outcome: 'none' },
        cause: error,
      });
    }
  };

  const fetchToken = async (fetch: TracedFetch | undefined): Promise<Held> => {
    const askedMs = now();
    const reply = await ask(fetch);
    if (reply.status !== 200) {
      const fault = refusal(reply, clientSecret);
      if (fault.retry === 'never') refused = { fault, untilMs: now() + REFUSAL_KEPT_MS };
      throw fault;
    }
    const body = isJsonObject(reply.body) ? reply.body : {};
    const [token, lifeMs] = [body['access_token'], Number(body['expires_in']) * 1000];
    if (typeof token !== 'string' || token === '' || !(lifeMs > 0)) {
      throw new Fault('COMPONENT_RETRYABLE', 'no token: the identity platform answered without one', {
        details: { outcome: 'none' },
      });
    }
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
