// The Microsoft identity endpoint, client credentials only, and the check of the bearer tokens it gave out. Tokens look like
// JSON Web Tokens because the real ones do, but are opaque to clients: what counts is that this program issued them, and when
// they expire. A token's end can be brought forward (`expireAll`), which is how tests meet expiry without waiting for it.

import { randomBytes, randomUUID } from 'node:crypto';
import { armError, type Reply, type Violation } from './errors.ts';
import type { StandInOptions } from './options.ts';
import { identityTimestamp } from './timestamps.ts';

export type TokenAnswer = { readonly reply: Reply; readonly violation?: Violation };

type IdentityProblem = {
  readonly status: number;
  readonly error: string;
  readonly code: number;
  readonly text: string;
  /** False where a correct client with wrong credentials gets the same answer. */
  readonly violation: boolean;
};

const tokenPath = /^\/([^/]+)\/oauth2\/v2\.0\/token$/;
const mostTokensKept = 10_000;

/** The tenant of a token request's path, or undefined when the path is no token endpoint. */
export const tenantOfTokenPath = (pathname: string): string | undefined => tokenPath.exec(pathname)?.[1];

const base64Json = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

const missing = (name: string): IdentityProblem => ({
  status: 400,
  error: 'invalid_request',
  code: 900144,
  text: `The request body must contain the following parameter: '${name}'.`,
  violation: true,
});

export class TokenAuthority {
  readonly #options: StandInOptions;
  readonly #expiryByToken = new Map<string, number>();

  constructor(options: StandInOptions) {
    this.#options = options;
  }

  answer(request: {
    readonly method: string;
    readonly tenant: string;
    readonly contentType: string;
    readonly body: string;
    readonly requestId: string;
    readonly correlationId: string;
  }): TokenAnswer {
    const isForm = request.contentType === 'application/x-www-form-urlencoded';
    const form = new URLSearchParams(isForm ? request.body : '');
    const problem = this.#problemOf(request.method, request.tenant, form);
    if (problem === undefined) return { reply: this.#issue(request.tenant) };
    const timestamp = identityTimestamp(this.#options.now());
    const reply: Reply = {
      status: problem.status,
      headers: { 'cache-control': 'no-store, no-cache', pragma: 'no-cache' },
      body: {
        error: problem.error,
        error_description:
          `AADSTS${problem.code}: ${problem.text}\r\nTrace ID: ${request.requestId}\r\n` +
          `Correlation ID: ${request.correlationId}\r\nTimestamp: ${timestamp}`,
        error_codes: [problem.code],
        timestamp,
        trace_id: request.requestId,
        correlation_id: request.correlationId,
        error_uri: `https://login.microsoftonline.com/error?code=${problem.code}`,
      },
    };
    if (!problem.violation) return { reply };
    const detail = isForm ? problem.text : `expected application/x-www-form-urlencoded, found '${request.contentType}'`;
    return { reply, violation: { kind: 'token-request-invalid', detail } };
  }

  /** Undefined when the header carries a living token of this program; else the 401 to answer with. */
  refusalFor(authorization: string | undefined, loginUrl: string): Reply | undefined {
    const challenge = (description: string): Readonly<Record<string, string>> => ({
      'www-authenticate':
        `Bearer authorization_uri="${loginUrl}/${this.#options.tenantId}", ` +
        `error="invalid_token", error_description="${description}"`,
    });
    if (authorization === undefined || authorization === '') {
      const text = "Authentication failed. The 'Authorization' header is missing.";
      return armError(401, 'AuthenticationFailed', text, { headers: challenge(text) });
    }
    const token = /^Bearer +(\S+)$/i.exec(authorization)?.[1];
    const expiresAtMs = token === undefined ? undefined : this.#expiryByToken.get(token);
    if (expiresAtMs === undefined) {
      const text = 'The access token is invalid.';
      return armError(401, 'InvalidAuthenticationToken', text, { headers: challenge(text) });
    }
    const nowMs = this.#options.now();
    if (nowMs < expiresAtMs) return undefined;
    const text =
      `The access token expiry UTC time '${identityTimestamp(expiresAtMs)}' is earlier than ` +
      `current UTC time '${identityTimestamp(nowMs)}'.`;
    return armError(401, 'ExpiredAuthenticationToken', text, { headers: challenge(text) });
  }

  /** Every token given out so far stops working now. Returns how many were still alive. */
  expireAll(): number {
    const nowMs = this.#options.now();
    let expired = 0;
    for (const [token, expiresAtMs] of this.#expiryByToken) {
      if (expiresAtMs <= nowMs) continue;
      this.#expiryByToken.set(token, nowMs);
      expired += 1;
    }
    return expired;
  }

  #issue(tenant: string): Reply {
    const { tokenLifetimeSeconds, audience, clientId, now } = this.#options;
    const issuedAt = Math.floor(now() / 1_000);
    const claims = {
      aud: audience,
      iss: `https://sts.windows.net/${tenant}/`,
      iat: issuedAt,
      nbf: issuedAt,
      exp: issuedAt + tokenLifetimeSeconds,
      appid: clientId,
      tid: tenant,
      uti: randomUUID(),
      ver: '1.0',
    };
    const token = `${base64Json({ typ: 'JWT', alg: 'RS256' })}.${base64Json(claims)}.${randomBytes(32).toString('base64url')}`;
    this.#expiryByToken.set(token, now() + tokenLifetimeSeconds * 1_000);
    if (this.#expiryByToken.size > mostTokensKept) {
      for (const oldest of this.#expiryByToken.keys()) {
        this.#expiryByToken.delete(oldest);
        break;
      }
    }
    return {
      status: 200,
      headers: { 'cache-control': 'no-store, no-cache', pragma: 'no-cache' },
      body: {
        token_type: 'Bearer',
        expires_in: tokenLifetimeSeconds,
        ext_expires_in: tokenLifetimeSeconds,
        access_token: token,
      },
    };
  }

  #problemOf(method: string, tenant: string, form: URLSearchParams): IdentityProblem | undefined {
    const invalid = { status: 400, error: 'invalid_request', violation: true } as const;
    if (method !== 'POST') {
      const text = `The endpoint only accepts POST requests. Received a ${method} request.`;
      return { ...invalid, code: 900561, text };
    }
    if (tenant.toLowerCase() !== this.#options.tenantId.toLowerCase()) {
      const text =
        `Tenant '${tenant}' not found. Check to make sure you have the correct tenant ID and are signing into the ` +
        'correct cloud. Check with your subscription administrator, this may happen if there are no active ' +
        'subscriptions for the tenant.';
      return { ...invalid, code: 90002, text, violation: false };
    }
    const grantType = form.get('grant_type') ?? '';
    if (grantType === '') return missing('grant_type');
    if (grantType !== 'client_credentials') {
      const text = `The app requested an unsupported grant type '${grantType}'.`;
      return { ...invalid, error: 'unsupported_grant_type', code: 70003, text };
    }
    const clientId = form.get('client_id') ?? '';
    if (clientId === '') return missing('client_id');
    const scope = form.get('scope') ?? '';
    if (scope === '') return missing('scope');
    if (clientId !== this.#options.clientId) {
      const text = `Application with identifier '${clientId}' was not found in the directory '${tenant}'.`;
      return { ...invalid, error: 'unauthorized_client', code: 700016, text, violation: false };
    }
    const secret = form.get('client_secret') ?? '';
    if (secret === '') {
      const text = `'client_assertion', 'client_secret' or 'request' is required for the 'client_credentials' grant type.`;
      return { status: 401, error: 'invalid_client', code: 7000216, text, violation: true };
    }
    if (secret !== this.#options.clientSecret) {
      const text =
        'Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, ' +
        `not the client secret ID, for a secret added to app '${clientId}'.`;
      return { status: 401, error: 'invalid_client', code: 7000215, text, violation: false };
    }
    return this.#problemOfScope(scope, tenant);
  }

  #problemOfScope(scope: string, tenant: string): IdentityProblem | undefined {
    if (scope === `${this.#options.audience}/.default`) return undefined;
    if (!scope.endsWith('/.default')) {
      const text =
        `The provided value for scope ${scope} is not valid. Client credential flows must have a scope value with ` +
        '/.default suffixed to the resource identifier (application ID URI).';
      return { status: 400, error: 'invalid_scope', code: 1002012, text, violation: true };
    }
    const resource = scope.slice(0, -'/.default'.length);
    const text = `The resource principal named ${resource} was not found in the tenant named ${tenant}.`;
    return { status: 400, error: 'invalid_resource', code: 500011, text, violation: true };
  }
}
