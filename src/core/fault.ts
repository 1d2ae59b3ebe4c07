// A fault: something outside this program did not work (the server is away, a timeout, a full disk). Thrown by adapters
// and by component authors; loops decide by `retry`, never by text. What is neither a Rejection nor a Fault is a bug.

export const faultCodes = {
  NATS_UNREACHABLE: 'no connection to the NATS server',
  NATS_TIMEOUT: 'the server did not answer in time; the outcome is unknown and the same ids may be sent again',
  NATS_NO_RESPONDERS: 'nobody serves that subject',
  JS_UNAVAILABLE: 'JetStream cannot serve the request at the moment',
  JS_CONFLICT: 'the expected last sequence is not the last sequence',
  JS_DUPLICATE: 'a message id of an atomic batch was stored before',
  JS_BATCH_LIMIT: 'too many atomic batches are open',
  JS_STORE_FULL: 'there is no room: a stream or an account is at its limit, or the disk is full or cannot be written',
  JS_TOO_LARGE: 'a message is larger than the server or the stream takes',
  JS_NOT_FOUND: 'no such stream, consumer or message',
  JS_REFUSED: 'the server refused the request',
  STREAM_DRIFT: 'a stream on the server differs from its definition in a way that cannot be added',
  STREAM_COMPRESSED: 'a stream is compressed and replicated, which the server can make unreadable',
  SERVER_TOO_OLD: 'the nats-server is older than 2.12.3',
  LEASE_LOST: 'another copy holds the lease',
  CONFIG_INVALID: 'the configuration is wrong',
  COMPONENT_RETRYABLE: "a component's reconcile failed and may work later",
  COMPONENT_TERMINAL: "a component's reconcile failed and will not work without a change of the resource",
  COMPONENT_NOT_STARTABLE: 'the program or the image of a component cannot be started',
  COMPUTE_UNAVAILABLE: 'the place where a component should run cannot be used',
  SECRET_UNREADABLE: 'a stored secret cannot be opened with the keys that are known',
  DOCUMENT_INVALID: 'a stored document or event cannot be read',
  VIEW_DAMAGED:
    'a view is not what its stream says: a document or a checkpoint is missing, unreadable, or ahead of the stream',
  STREAM_DAMAGED: 'a stream lacks messages that it must have, or they cannot be read',
} as const;

export type FaultCode = keyof typeof faultCodes;
/** `scope` `operator`: a component starts no other reconcile of its operator before that either (the platform throttles all of them). */
export type Retry = 'never' | 'later' | { readonly afterMs: number; readonly scope?: 'operator' };

const isRetry = (retry: unknown): retry is Retry =>
  retry === 'never' ||
  retry === 'later' ||
  (typeof retry === 'object' && retry !== null && Number.isFinite((retry as { readonly afterMs?: unknown }).afterMs));

/** Component authors may write JavaScript: a fault that is made wrongly would be retried, or not, for no reason that anybody sees. */
const assertFault = (code: unknown, message: unknown, retry: unknown): void => {
  const how = 'expected new Fault(code, message, { retry })';
  if (typeof code !== 'string' || !Object.hasOwn(faultCodes, code)) {
    const found = JSON.stringify(code) ?? String(code);
    throw new TypeError(`${how} with a code such as COMPONENT_TERMINAL or COMPONENT_RETRYABLE; found ${found}`);
  }
  if (typeof message !== 'string') throw new TypeError(`${how} with a text as message; found ${typeof message}`);
  if (isRetry(retry)) return;
  const found = JSON.stringify(retry) ?? typeof retry;
  throw new TypeError(`${how} with retry "never", "later" or { afterMs }; found ${found}, for: ${message}`);
};

export class Fault extends Error {
  readonly code: FaultCode;
  readonly retry: Retry;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(
    code: FaultCode,
    message: string,
    options: {
      readonly retry?: Retry;
      readonly details?: Readonly<Record<string, unknown>>;
      readonly cause?: unknown;
    } = {},
  ) {
    assertFault(code, message, options.retry ?? 'later');
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.name = 'Fault';
    this.code = code;
    this.retry = options.retry ?? 'later';
    this.details = options.details ?? {};
  }
}

export const isFault = (error: unknown, code?: FaultCode): error is Fault =>
  error instanceof Fault && (code === undefined || error.code === code);
