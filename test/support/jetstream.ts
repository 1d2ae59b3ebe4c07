// What the tests of src/jetstream share: a connection whose log lines can be looked at, raw calls of the JetStream API, and filling
// a stream fast.

import { connectNats, type JetStreamConnection } from '../../src/jetstream/connection.ts';
import type { Log } from '../../src/engine/ports/log.ts';
import type { TestServer } from './nats-server.ts';

export type LogLine = {
  readonly level: string;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
};

/** A log that keeps its lines. */
export const keptLog = (): { readonly log: Log; readonly lines: LogLine[] } => {
  const lines: LogLine[] = [];
  const at =
    (level: string) =>
    (fields: Readonly<Record<string, unknown>>, message: string): void => {
      lines.push({ level, message, fields });
    };
  const log: Log = {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: () => log,
  };
  return { log, lines };
};

export type Opened = { readonly connection: JetStreamConnection; readonly lines: LogLine[] };

export const openConnection = async (server: TestServer, name = 'test'): Promise<Opened> => {
  const { log, lines } = keptLog();
  return { connection: await connectNats({ url: server.url, name, log }), lines };
};

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
export const textOf = (data: Uint8Array): string => new TextDecoder().decode(data);

type ApiAnswer = { readonly error?: { readonly err_code?: number } } & Readonly<Record<string, unknown>>;

/** One request to `$JS.API.<subject>`. */
export const api = async (connection: JetStreamConnection, subject: string, body?: unknown): Promise<ApiAnswer> => {
  const data = body === undefined ? new Uint8Array() : bytes(JSON.stringify(body));
  const message = await connection.slots.request(`$JS.API.${subject}`, data, { timeoutMs: 10_000 });
  return JSON.parse(textOf(message.data)) as ApiAnswer;
};

export const configOf = async (
  connection: JetStreamConnection,
  stream: string,
): Promise<Readonly<Record<string, unknown>>> =>
  (await api(connection, `STREAM.INFO.${stream}`))['config'] as Readonly<Record<string, unknown>>;

export const consumersOf = async (connection: JetStreamConnection, stream: string): Promise<readonly string[]> =>
  ((await api(connection, `CONSUMER.NAMES.${stream}`))['consumers'] ?? []) as readonly string[];

/** Publishes `count` messages of `size` bytes to `subject`, and waits until the stream has them. */
export const fill = async (
  connection: JetStreamConnection,
  options: { readonly subject: string; readonly count: number; readonly size: number },
): Promise<void> => {
  const { subject, count, size } = options;
  const data = new Uint8Array(size).fill(65);
  // Publishes without a reply have no back-pressure of their own: a confirmed one every 4 MiB gives it.
  const every = Math.max(1, Math.min(2000, Math.floor((4 * 1024 * 1024) / size)));
  for (let index = 1; index <= count; index += 1) {
    if (index % every === 0 || index === count) await connection.slots.request(subject, data, { timeoutMs: 20_000 });
    else connection.nc.publish(subject, data);
  }
};
