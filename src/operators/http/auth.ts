// Who we are to the external API, as the headers of a request. Secrets and tokens are in no message.

import { Buffer } from 'node:buffer';
import { createClientCredentials, type HttpAuth, type TracedFetch } from '../../sdk/index.ts';

export type CallContext = { readonly signal: AbortSignal; readonly fetch?: TracedFetch };

export type Auth = {
  /** Faults: COMPONENT_TERMINAL when the client is refused, COMPONENT_RETRYABLE otherwise; `details.outcome` is `none`. */
  headers(context: CallContext): Promise<Readonly<Record<string, string>>>;
  /** The API refused `headers`. True: other ones can be had, once. */
  discard(headers: Readonly<Record<string, string>>): boolean;
};

const BEARER = 'Bearer ';

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
      return constant({ authorization: `${BEARER}${auth.token}` });
    case 'basic':
      return constant({
        authorization: `Basic ${Buffer.from(`${auth.username}:${auth.password}`).toString('base64')}`,
      });
    case 'header':
      return constant({ [auth.name.toLowerCase()]: auth.value });
    case 'oauth2ClientCredentials': {
      const credentials = createClientCredentials({ ...auth, timeoutMs, now });
      return {
        headers: async ({ signal, fetch }) => ({ authorization: `${BEARER}${await credentials.token(signal, fetch)}` }),
        discard: ({ authorization = '' }) => {
          credentials.discard(authorization.slice(BEARER.length));
          return true;
        },
      };
    }
  }
};
