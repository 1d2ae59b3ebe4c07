// OAuth2 client credentials at Microsoft's identity platform: a token for as long as it lasts, fetched once however many ask at the
// same time, and again before it expires.

import { Fault, isJsonObject, type JsonValue } from '../../sdk/index.ts';
import { call } from './http.ts';
import type { AdfSettings } from './settings.ts';

const SCOPE = 'https://management.azure.com/.default';
/** A token is not used in the last part of its life: a call takes time, and clocks differ. */
const SKEW_MS = 60_000;

export type Identity = {
  token(signal: AbortSignal): Promise<string>;
  /** The token was refused: do not use it again. */
  discard(token: string): void;
};

type Held = { readonly token: string; readonly untilMs: number };

const refusal = (status: number, body: JsonValue | undefined, retryAfterMs: number | undefined): Fault => {
  const codes = isJsonObject(body) && Array.isArray(body['error_codes']) ? body['error_codes'].join(', ') : '';
  const error = isJsonObject(body) && typeof body['error'] === 'string' ? body['error'] : 'unknown error';
  const isPassing = status === 429 || status >= 500;
  const hint = isPassing ? '' : '; check AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET';
  return new Fault(
    isPassing ? 'COMPONENT_RETRYABLE' : 'COMPONENT_TERMINAL',
    `no token: the identity platform answered ${status} ${error}${codes === '' ? '' : ` (AADSTS${codes})`}${hint}`,
    {
      retry: isPassing ? (retryAfterMs === undefined ? 'later' : { afterMs: retryAfterMs }) : 'never',
      details: { status },
    },
  );
};

export const createIdentity = (settings: AdfSettings, now: () => number = Date.now): Identity => {
  let held: Held | undefined;
  let fetching: Promise<Held> | undefined;

  const fetchToken = async (signal: AbortSignal): Promise<Held> => {
    const askedMs = now();
    const reply = await call({
      method: 'POST',
      url: `${settings.authorityUrl.replace(/\/$/, '')}/${encodeURIComponent(settings.tenantId)}/oauth2/v2.0/token`,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({
        grant_type: 'client_credentials',
        client_id: settings.clientId,
        client_secret: settings.clientSecret,
        scope: SCOPE,
      }).toString(),
      signal,
    });
    const { body } = reply;
    if (reply.status !== 200) throw refusal(reply.status, body, reply.retryAfterMs);
    const token = isJsonObject(body) ? body['access_token'] : undefined;
    const seconds = isJsonObject(body) ? Number(body['expires_in']) : Number.NaN;
    if (typeof token !== 'string' || !(seconds > 0))
      throw new Fault('COMPONENT_RETRYABLE', 'the identity platform answered without a token');
    return { token, untilMs: askedMs + Math.max(seconds * 500, seconds * 1000 - SKEW_MS) };
  };

  return {
    token: async (signal) => {
      if (held !== undefined && now() < held.untilMs) return held.token;
      fetching ??= fetchToken(signal).finally(() => {
        fetching = undefined;
      });
      held = await fetching;
      return held.token;
    },
    discard: (token) => {
      if (held?.token === token) held = undefined;
    },
  };
};
