// A connection to the NATS server, as every program of opstream makes it: it waits for the server, reconnects for ever, refuses a
// server that is too old, and has one inbox for all requests.

import { readFileSync } from 'node:fs';
import { connect, credsAuthenticator, Events, nkeyAuthenticator } from 'nats';
import type { ConnectionOptions, NatsConnection, Status, TlsOptions } from 'nats';
import { Fault } from '../core/fault.ts';
import { withoutUser } from '../core/server-address.ts';
import type { Log } from '../engine/ports/log.ts';
import { toFault } from './faults.ts';
import { guardReplies } from './guarded-replies.ts';
import { pause } from './pause.ts';
import { createReplySlots, type ReplySlots } from './reply-slots.ts';

const MINIMUM_VERSION = [2, 12, 3] as const;
const RECONNECT_WAIT_MS = 250;
const CLOSE_MS = 3000;
const PING_MS = 10_000;
/** One attempt to connect: a server that takes the connection and says nothing is tried again after that. */
const CONNECT_MS = 5000;
/** Forbidden answers come at the rate of the one who asks; the log does not. */
const LOG_EVERY_MS = 1000;
/** Attempts from one line about waiting to the next: half a minute, when they have slowed down. */
const TELL_EVERY = 15;

export type NatsOptions = {
  /** One server or several, comma separated. */
  readonly url: string;
  /** Shown by the server for this connection. */
  readonly name: string;
  readonly user?: string;
  readonly password?: string;
  readonly token?: string;
  /** A credentials file (JWT and seed), or its content. */
  readonly credentialsPath?: string;
  readonly credentials?: string;
  /** Seed of a user key, `SU…`. */
  readonly nkeySeed?: string;
  /** Paths of PEM files. */
  readonly tls?: { readonly caFile?: string; readonly certFile?: string; readonly keyFile?: string };
  readonly log: Log;
  /** Wait for a server that is not there yet. Default true; false: NATS_UNREACHABLE at once. */
  readonly waitForServer?: boolean;
  /** Attempts to come back after a disconnect. Default -1: for ever. */
  readonly maxReconnectAttempts?: number;
  /** Ends the waiting. */
  readonly signal?: AbortSignal;
};

export type JetStreamConnection = {
  readonly nc: NatsConnection;
  readonly slots: ReplySlots;
  readonly log: Log;
  readonly serverVersion: string;
  /** False between a disconnect and the reconnect, and once closed. */
  readonly isUp: boolean;
  /** How often it has come back: for who only has to know whether it did. */
  readonly reconnects: number;
  /** Called after each reconnect, until the returned function is called. */
  onReconnect(listener: () => void): () => void;
  /** Awaited (for three seconds at most) before the connection closes, unless the returned function is called before. */
  onClose(listener: () => Promise<unknown>): () => void;
  close(): Promise<void>;
};

export const isServerNewEnough = (version: string): boolean => {
  const parts = version.split(/[.-]/).map(Number);
  for (const [index, wanted] of MINIMUM_VERSION.entries()) {
    const found = parts[index] ?? 0;
    if (found !== wanted) return found > wanted;
  }
  return true;
};

const encoder = new TextEncoder();

/** Read here, because the library's own way ends in an error without a reason. */
const fileAt = (path: string, what: string): Buffer => {
  try {
    return readFileSync(path);
  } catch (error) {
    const message = `${path} (${what}) cannot be read: ${(error as NodeJS.ErrnoException).code ?? 'unknown'}`;
    throw new Fault('CONFIG_INVALID', message, { retry: 'never', cause: error });
  }
};

const tlsOf = ({ caFile, certFile, keyFile }: NonNullable<NatsOptions['tls']>): TlsOptions => ({
  ...(caFile === undefined ? {} : { ca: fileAt(caFile, 'certificate of the authority').toString() }),
  ...(certFile === undefined ? {} : { cert: fileAt(certFile, 'certificate').toString() }),
  ...(keyFile === undefined ? {} : { key: fileAt(keyFile, 'key of the certificate').toString() }),
});

const identityOf = (options: NatsOptions): Partial<ConnectionOptions> => {
  const { user, password, token, credentials, credentialsPath, nkeySeed } = options;
  if (credentials !== undefined) return { authenticator: credsAuthenticator(encoder.encode(credentials)) };
  if (credentialsPath !== undefined)
    return { authenticator: credsAuthenticator(fileAt(credentialsPath, 'credentials of NATS')) };
  if (nkeySeed !== undefined) return { authenticator: nkeyAuthenticator(encoder.encode(nkeySeed)) };
  return {
    ...(user === undefined ? {} : { user }),
    ...(password === undefined ? {} : { pass: password }),
    ...(token === undefined ? {} : { token }),
  };
};

const optionsFor = (options: NatsOptions): ConnectionOptions => ({
  servers: options.url.split(',').map((url) => url.trim()),
  name: options.name,
  maxReconnectAttempts: options.maxReconnectAttempts ?? -1,
  reconnectTimeWait: RECONNECT_WAIT_MS,
  reconnectJitter: RECONNECT_WAIT_MS,
  timeout: CONNECT_MS,
  pingInterval: PING_MS,
  noAsyncTraces: true,
  // The library takes `tls://` for `nats://`, and would go on in the clear.
  ...(options.tls === undefined && !options.url.includes('tls://') ? {} : { tls: tlsOf(options.tls ?? {}) }),
  ...identityOf(options),
});

const connectOnce = async (options: NatsOptions): Promise<NatsConnection> => {
  try {
    return await connect(optionsFor(options));
  } catch (error) {
    throw toFault(error, `connecting to ${withoutUser(options.url)}`);
  }
};

/** Faults: NATS_UNREACHABLE (not there, or it does not let us in), SERVER_TOO_OLD. */
export const connectNats = async (options: NatsOptions): Promise<JetStreamConnection> => {
  const { log, signal } = options;
  let nc: NatsConnection | undefined;
  for (let tries = 1; nc === undefined; tries += 1) {
    try {
      nc = await connectOnce(options);
    } catch (error) {
      const isFinal = !(error instanceof Fault) || error.retry === 'never' || options.waitForServer === false;
      if (isFinal) throw error;
      if (tries % TELL_EVERY === 1)
        log.warn({ url: withoutUser(options.url), reason: error.message, tries }, 'waiting for the NATS server');
      await pause(Math.min(2000, 100 * tries), signal);
      if (signal?.aborted) throw error;
    }
  }
  const serverVersion = nc.info?.version ?? '0.0.0';
  if (!isServerNewEnough(serverVersion)) {
    await nc.close();
    const what = `expected nats-server ${MINIMUM_VERSION.join('.')} or newer, found ${serverVersion}; upgrade the server`;
    throw new Fault('SERVER_TOO_OLD', what, { retry: 'never', details: { serverVersion } });
  }
  return wrap(nc, serverVersion, log);
};

const wrap = (nc: NatsConnection, serverVersion: string, log: Log): JetStreamConnection => {
  const slots = createReplySlots(nc);
  const reconnectListeners = new Set<() => void>();
  const closeListeners = new Set<() => Promise<unknown>>();
  let reconnects = 0;
  let isUp = true;
  let forbidden = 0;
  let loggedMs = Number.NEGATIVE_INFINITY;
  guardReplies(nc, (subject, replySubject) => {
    forbidden += 1;
    if (performance.now() - loggedMs < LOG_EVERY_MS) return;
    loggedMs = performance.now();
    log.warn(
      { subject, replySubject, code: 'FORBIDDEN_REPLY', count: forbidden },
      'message gets no answer: its reply subject is no inbox',
    );
  });

  const onStatus = (status: Status): void => {
    if (status.type === Events.Disconnect) {
      isUp = false;
      log.warn({ server: String(status.data) }, 'disconnected from NATS');
      slots.down();
    } else if (status.type === Events.Reconnect) {
      isUp = true;
      log.info({ server: String(status.data) }, 'reconnected to NATS');
      slots.up();
      reconnects += 1;
      for (const listener of reconnectListeners) listener();
    } else if (status.type === Events.Error) {
      const { operation, subject } = status.permissionContext ?? {};
      log.warn({ code: String(status.data), operation, subject }, 'NATS reports an error');
      if (operation === 'publish' && subject !== undefined) slots.forbid(subject);
    }
  };
  const watch = async (): Promise<void> => {
    for await (const status of nc.status()) onStatus(status);
  };
  watch().catch((error: unknown) => log.error({ err: error }, 'watching the connection ended'));
  const onClosed = (reason: unknown): void => {
    isUp = false;
    slots.close();
    // Only when the server does not let us in any more, or the attempts to come back are used up.
    if (reason instanceof Error) log.error({ err: reason }, 'connection to NATS is closed for good');
  };
  nc.closed().then(onClosed, onClosed);
  log.info({ server: nc.getServer(), serverVersion }, 'connected to NATS');

  return {
    nc,
    slots,
    log,
    serverVersion,
    get isUp() {
      return isUp;
    },
    get reconnects() {
      return reconnects;
    },
    onReconnect: (listener) => {
      reconnectListeners.add(listener);
      return () => reconnectListeners.delete(listener);
    },
    onClose: (listener) => {
      closeListeners.add(listener);
      return () => closeListeners.delete(listener);
    },
    close: async () => {
      const stop = new AbortController();
      const closing = Promise.allSettled([...closeListeners].map((listener) => listener()));
      closeListeners.clear();
      await Promise.race([closing, pause(CLOSE_MS, stop.signal)]);
      slots.close();
      if (!nc.isClosed()) await Promise.race([nc.drain().catch(() => undefined), pause(CLOSE_MS, stop.signal)]);
      stop.abort();
      if (!nc.isClosed()) await nc.close();
    },
  };
};
