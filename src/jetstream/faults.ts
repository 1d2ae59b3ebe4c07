// The one translation of what the server and its client say into Faults, by number. No text is matched.

import { Fault, type FaultCode, type Retry } from '../core/fault.ts';

/** Error object of the JetStream API and of publish acknowledgements. */
export type ApiError = { readonly code: number; readonly err_code?: number; readonly description?: string };

const byErrorCode: Readonly<Record<number, readonly [FaultCode, Retry]>> = {
  // Wrong last sequence; 10164 is a replicated stream's way to say it while another write to the subject is under way.
  10071: ['JS_CONFLICT', 'never'],
  10164: ['JS_CONFLICT', 'never'],
  10201: ['JS_DUPLICATE', 'never'],
  10210: ['JS_BATCH_LIMIT', 'later'],
  // An incomplete batch: a message of it was lost on the way or came too late.
  10176: ['JS_UNAVAILABLE', 'later'],
  10008: ['JS_UNAVAILABLE', 'later'],
  // No server is free for so many replicas: one of the cluster is not up yet.
  10005: ['JS_UNAVAILABLE', 'later'],
  // More replicas than a single server can have.
  10074: ['JS_REFUSED', 'never'],
  10077: ['JS_STORE_FULL', 'later'],
  10054: ['JS_TOO_LARGE', 'never'],
  10047: ['JS_STORE_FULL', 'later'],
  10023: ['JS_STORE_FULL', 'later'],
  // Limits of an account, and of the server's memory.
  10002: ['JS_STORE_FULL', 'later'],
  10046: ['JS_STORE_FULL', 'later'],
  10014: ['JS_NOT_FOUND', 'never'],
  10037: ['JS_NOT_FOUND', 'never'],
  10059: ['JS_NOT_FOUND', 'never'],
};

/** From 500 the trouble is the server's own: no quorum, a leader that is not chosen yet, a disk. */
const unlisted = (code: number): readonly [FaultCode, Retry] =>
  code >= 500 || code === 429 ? ['JS_UNAVAILABLE', 'later'] : ['JS_REFUSED', 'never'];

/** `details`: `{status, errorCode}` as the server gave them. */
export const faultOfApi = (error: ApiError, what: string): Fault => {
  const [code, retry] = byErrorCode[error.err_code ?? 0] ?? unlisted(error.code);
  const text = error.description ?? 'no description';
  return new Fault(code, `${what}: ${text}`, {
    retry,
    details: { status: error.code, errorCode: error.err_code ?? 0 },
  });
};

type ClientError = { readonly code?: unknown; readonly api_error?: ApiError };

const byClientCode: Readonly<Record<string, readonly [FaultCode, Retry]>> = {
  '503': ['NATS_NO_RESPONDERS', 'later'],
  '404': ['JS_NOT_FOUND', 'never'],
  '408': ['NATS_TIMEOUT', 'later'],
  TIMEOUT: ['NATS_TIMEOUT', 'later'],
  CONNECTION_REFUSED: ['NATS_UNREACHABLE', 'later'],
  CONNECTION_CLOSED: ['NATS_UNREACHABLE', 'later'],
  CONNECTION_TIMEOUT: ['NATS_UNREACHABLE', 'later'],
  CONNECTION_DRAINING: ['NATS_UNREACHABLE', 'later'],
  DISCONNECT: ['NATS_UNREACHABLE', 'later'],
  AUTHORIZATION_VIOLATION: ['NATS_UNREACHABLE', 'never'],
  AUTHENTICATION_EXPIRED: ['NATS_UNREACHABLE', 'later'],
  ENOTFOUND: ['NATS_UNREACHABLE', 'later'],
  EAI_AGAIN: ['NATS_UNREACHABLE', 'later'],
  ECONNREFUSED: ['NATS_UNREACHABLE', 'later'],
  ECONNRESET: ['NATS_UNREACHABLE', 'later'],
  ETIMEDOUT: ['NATS_UNREACHABLE', 'later'],
  EHOSTUNREACH: ['NATS_UNREACHABLE', 'later'],
  ENETUNREACH: ['NATS_UNREACHABLE', 'later'],
  AUTHENTICATION_TIMEOUT: ['NATS_UNREACHABLE', 'later'],
  ACCOUNT_EXPIRED: ['NATS_UNREACHABLE', 'never'],
  PERMISSIONS_VIOLATION: ['JS_REFUSED', 'never'],
  MAX_PAYLOAD_EXCEEDED: ['JS_TOO_LARGE', 'never'],
};

/** What Node says of a certificate (X.509 verification), besides `ERR_TLS_…` and `ERR_SSL_…`. */
const CERTIFICATE_CODES: ReadonlySet<string> = new Set([
  ...['DEPTH_ZERO_SELF_SIGNED_CERT', 'SELF_SIGNED_CERT_IN_CHAIN', 'CERT_UNTRUSTED', 'CERT_REVOKED', 'INVALID_CA'],
  ...['UNABLE_TO_GET_ISSUER_CERT', 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
  ...['CERT_HAS_EXPIRED', 'CERT_NOT_YET_VALID', 'CERT_CHAIN_TOO_LONG', 'CERT_REJECTED', 'HOSTNAME_MISMATCH'],
]);

const ACCESS_PROBLEMS: Readonly<Record<string, string>> = {
  SERVER_OPT_NA: 'TLS is asked for, and the server does not speak it',
  TLS: 'TLS cannot be set up with this certificate and key',
  BAD_CREDS: 'the file of credentials holds none (expected what `nsc generate creds` writes)',
  BAD_AUTHENTICATION: 'the credentials cannot be used',
  INVALID_OPTION: 'the credentials cannot be used',
};

/** Why the server and we do not come together, as far as it is a matter of settings. */
const accessProblem = (code: string): string | undefined => {
  if (CERTIFICATE_CODES.has(code) || /^ERR_(?:TLS|SSL|OSSL)_/.test(code))
    return `no TLS with this server (${code}); --nats-ca names the certificate of its authority, --nats-cert and --nats-key what it asks of us`;
  const known = ACCESS_PROBLEMS[code];
  return known === undefined ? undefined : `${known} (${code})`;
};

/** A Fault for an error thrown by the client; anything it does not know is a bug and comes back as it is. */
export const toFault = (error: unknown, what: string): unknown => {
  if (error instanceof Fault) return error;
  const { code, api_error: apiError } = (typeof error === 'object' && error !== null ? error : {}) as ClientError;
  if (apiError !== undefined) return faultOfApi(apiError, what);
  if (typeof code !== 'string') return error;
  const problem = accessProblem(code);
  if (problem !== undefined)
    return new Fault('NATS_UNREACHABLE', `${what}: ${problem}`, { retry: 'never', cause: error });
  const known = byClientCode[code];
  return known === undefined ? error : new Fault(known[0], `${what}: ${code}`, { retry: known[1], cause: error });
};

export const timedOut = (what: string, timeoutMs: number): Fault =>
  new Fault('NATS_TIMEOUT', `${what}: no answer within ${timeoutMs} ms`);

export const calledOff = (what: string): Fault =>
  new Fault('NATS_TIMEOUT', `${what}: called off before it was confirmed; it may have been stored`);

/** True when the same request, with the same ids, may be sent again and may then work. */
export const isRepeatable = (error: unknown): error is Fault =>
  error instanceof Fault &&
  (error.code === 'NATS_TIMEOUT' ||
    error.code === 'NATS_NO_RESPONDERS' ||
    error.code === 'JS_UNAVAILABLE' ||
    error.code === 'JS_BATCH_LIMIT');
