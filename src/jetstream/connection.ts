// A connection to the NATS server, as every program of opstream makes it: it waits for the server, reconnects for ever, refuses a
// server that is too old, and has one inbox for all requests.

import { readFileSync } from 'node:fs';
import { connect, credsAuthenticator, Events, type ConnectionOptions, type NatsConnection } from 'nats';
import { Fault } from '../core/fault.ts';
import type { Log } from '../engine/ports.ts';
import { toFault } from './faults.ts';
import { pause } from './pause.ts';
import { createReplySlots, type ReplySlots } from './reply-slots.ts';

const MINIMUM_VERSION = [2, 12, 3] as const;
const RECONNECT_WAIT_MS = 250;
const DRAIN_MS = 3000;

export type NatsOptions = {
  /** One server or several, comma separated. */
  readonly url: string;
  /** Shown by the server for this connection. */
  readonly name: string;
  readonly user?: string;
  readonly password?: string;
  readonly token?: string;
  readonly credentialsPath?: string;
  readonly log: Log;
  /** Wait for a server that is not there yet. Default true; false: NATS_UNREACHABLE at once. */
  readonly waitForServer?: boolean;
  /** Ends the waiting. */
  readonly signal?: AbortSignal;
};

export type JetStreamConnection = {
  readonly nc: NatsConnection;
  readonly slots: ReplySlots;
  readonly log: Log;
  readonly serverVersion: string;
  /** Called after each reconnect, until the returned function is called. */
  onReconnect(listener: () => void): () => void;
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

const optionsFor = (options: NatsOptions): ConnectionOptions => ({
  servers: options.url.split(',').map((url) => url.trim()),
  name: options.name,
  maxReconnectAttempts: -1,
  reconnectTimeWait: RECONNECT_WAIT_MS,
  reconnectJitter: RECONNECT_WAIT_MS,
  pingInterval: 10_000,
  noAsyncTraces: true,
  ...(options.user === undefined ? {} : { user: options.user }),
  ...(options.password === undefined ? {} : { pass: options.password }),
  ...(options.token === undefined ? {} : { token: options.token }),
  ...(options.credentialsPath === undefined
    ? {}
    : { authenticator: credsAuthenticator(readFileSync(options.credentialsPath)) }),
});

const connectOnce = async (options: NatsOptions): Promise<NatsConnection> => {
  try {
    return await connect(optionsFor(options));
  } catch (error) {
    throw toFault(error, `connecting to ${options.url}`);
  }
};

/** Faults: NATS_UNREACHABLE, SERVER_TOO_OLD. */
export const connectNats = async (options: NatsOptions): Promise<JetStreamConnection> => {
  const { log, signal } = options;
  let nc: NatsConnection | undefined;
  for (let tries = 1; nc === undefined; tries += 1) {
    try {
      nc = await connectOnce(options);
    } catch (error) {
      const isFinal = !(error instanceof Fault) || error.retry === 'never' || options.waitForServer === false;
      if (isFinal) throw error;
      if (tries === 1) log.warn({ url: options.url }, 'waiting for the NATS server');
      await pause(Math.min(2000, 100 * tries), signal);
      if (signal?.aborted) throw error;
    }
  }
  const serverVersion = nc.info?.version ?? '0.0.0';
  if (!isServerNewEnough(serverVersion)) {
    await nc.close();
    const wanted = MINIMUM_VERSION.join('.');
    throw new Fault(
      'SERVER_TOO_OLD',
      `expected nats-server ${wanted} or newer, found ${serverVersion}; upgrade the server`,
      { retry: 'never' },
    );
  }
  return wrap(nc, serverVersion, log);
};

const wrap = (nc: NatsConnection, serverVersion: string, log: Log): JetStreamConnection => {
  const slots = createReplySlots(nc);
  const listeners = new Set<() => void>();
  const watch = async (): Promise<void> => {
    for await (const status of nc.status()) {
      if (status.type === Events.Disconnect) log.warn({ server: String(status.data) }, 'disconnected from NATS');
      if (status.type === Events.Error) log.warn({ code: String(status.data) }, 'NATS reports an error');
      if (status.type !== Events.Reconnect) continue;
      log.info({ server: String(status.data) }, 'reconnected to NATS');
      for (const listener of listeners) listener();
    }
  };
  watch().catch((error: unknown) => log.error({ err: error }, 'watching the connection ended'));
  log.info({ server: nc.getServer(), serverVersion }, 'connected to NATS');
  return {
    nc,
    slots,
    log,
    serverVersion,
    onReconnect: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close: async () => {
      slots.close();
      if (nc.isClosed()) return;
      await Promise.race([nc.drain().catch(() => undefined), pause(DRAIN_MS)]);
      if (!nc.isClosed()) await nc.close();
    },
  };
};
