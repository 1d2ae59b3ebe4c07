// A client of one instance, over subjects only: whatever it does can be done with the nats CLI. Used by the CLI and by programs that
// import the package. It never waits for a server that is not there: NATS_UNREACHABLE at once.

import { decodeJson, encodeJson } from '../core/decode.ts';
import { Fault } from '../core/fault.ts';
import { isJsonObject } from '../core/json.ts';
import { err, ok, type Result } from '../core/result.ts';
import { connectNats, type JetStreamConnection } from '../jetstream/connection.ts';
import { createRequester } from '../jetstream/requester.ts';
import type { GetAnswer, QueryVerb, RestOfGet } from '../messages/queries.ts';
import { namesFor } from '../messages/subjects.ts';
import type { Rejection } from '../core/rejection.ts';
import type { Clock, IdSource } from '../engine/ports/clock.ts';
import type { Log } from '../engine/ports/log.ts';
import { systemClock } from '../program/clock.ts';
import { uuidSource } from '../program/ids.ts';
import { connectionOptions, type ServerConfig } from '../program/connection-options.ts';
import { createLogger } from '../program/logger.ts';
import type { InstanceConfig } from '../program/instance-config.ts';
import { faultOfFailure } from '../messages/fault-of-failure.ts';
import { nobodyThere } from './nobody-there.ts';
import { readLogs } from './read-logs.ts';
import { sendCommand } from './send-command.ts';
import type { AnswerOf, Client, LiveMessage, ServicePresence } from './types.ts';
import { waitReady } from './wait-ready.ts';

const QUERY_TIMEOUT_MS = 10_000;
const PING_WAIT_MS = 500;
const DEFAULT_MAX_PAYLOAD_BYTES = 1024 * 1024;
const EMPTY = new Uint8Array();

export type ClientOptions = {
  /** Where the server is and which instance is meant. */
  readonly config: ServerConfig & Pick<InstanceConfig, 'prefix'>;
  /** Default: nothing is logged. */
  readonly log?: Log;
  /** Default: UUID v7. */
  readonly ids?: IdSource;
  /** Default: the system's. */
  readonly clock?: Clock;
  /** Ends what waits. */
  readonly signal?: AbortSignal;
};

const connect = ({ config, signal }: ClientOptions, log: Log): Promise<JetStreamConnection> =>
  connectNats({
    ...connectionOptions(config),
    name: `${config.prefix}-client`,
    log,
    waitForServer: false,
    ...(signal === undefined ? {} : { signal }),
  });

/** Faults: that which the query-responder answered with, and DOCUMENT_INVALID. */
export const readAnswer = (data: Uint8Array): ReturnType<typeof ok<unknown>> | ReturnType<typeof err<Rejection>> => {
  const reply = decodeJson(data);
  if (!isJsonObject(reply)) {
    throw new Fault('DOCUMENT_INVALID', 'the query-responder answered with something that is no JSON object', {
      retry: 'never',
    });
  }
  const { error, failure } = reply;
  if (isJsonObject(error) && typeof error['code'] === 'string') return err(error as unknown as Rejection);
  if (isJsonObject(failure)) throw faultOfFailure(failure);
  return ok(reply);
};

/** Faults: NATS_UNREACHABLE, SERVER_TOO_OLD. Close it when done. */
export const openClient = async (options: ClientOptions): Promise<Client> => {
  const {
    log = createLogger({ name: 'opstream-client', level: 'silent' }),
    ids = uuidSource,
    clock = systemClock,
    signal,
  } = options;
  const names = namesFor(options.config.prefix);
  const connection = await connect(options, log);
  const { nc, slots } = connection;
  const requester = createRequester(connection);
  const maxPayloadBytes = nc.info?.max_payload ?? DEFAULT_MAX_PAYLOAD_BYTES;
  const tools = { names, requester, ids, clock, maxPayloadBytes, ...(signal === undefined ? {} : { signal }) };

  const subscribe = (
    subject: string,
    stream: LiveMessage['stream'],
    until: AbortSignal,
    onMessage: (message: LiveMessage) => void,
  ): void => {
    const subscription = nc.subscribe(subject, {
      callback: (error, message) => {
        if (error !== null) {
          log.warn({ subject, err: error }, 'subscription failed');
          return;
        }
        const event = decodeJson(message.data);
        if (!isJsonObject(event)) return;
        const sequence =
          message.headers?.has('Nats-Sequence') === true ? Number(message.headers.get('Nats-Sequence')) : 0;
        onMessage({ stream, subject: message.subject, sequence, event });
      },
    });
    until.addEventListener('abort', () => subscription.unsubscribe(), { once: true });
  };

  const ask = async <TVerb extends QueryVerb>(verb: TVerb, body: object): Promise<Result<AnswerOf[TVerb]>> => {
    const subject = names.query(verb);
    try {
      const reply = await requester.request(subject, encodeJson(body), { timeoutMs: QUERY_TIMEOUT_MS });
      return readAnswer(reply.data) as Result<AnswerOf[TVerb]>;
    } catch (error) {
      throw nobodyThere(error, names, 'there is no query-responder', { subject });
    }
  };

  const client: Client = {
    serverVersion: connection.serverVersion,
    send: (verb, body, sendOptions) => sendCommand(tools, verb, body, sendOptions),
    query: async (verb, body) => {
      const answer = await ask(verb, body);
      if (!answer.ok) return answer;
      // The status was too large for the same message: one answer to the caller all the same.
      const { next: cursor, ...first } = answer.value as GetAnswer;
      if (verb !== 'get' || cursor === undefined) return answer;
      const rest = await ask('get', { ...body, cursor });
      if (!rest.ok) return rest;
      const { status } = rest.value as RestOfGet;
      return ok({ ...first, ...(status === undefined ? {} : { status }) } as typeof answer.value);
    },
    waitReady: (identity, generation, waitOptions) =>
      waitReady(client, clock, identity, generation, {
        ...waitOptions,
        ...(waitOptions.signal === undefined && signal !== undefined ? { signal } : {}),
      }),
    liveEvents: async (until, onMessage) => {
      if (until.aborted) return;
      subscribe(names.liveEventFilter, 'events', until, onMessage);
      subscribe(names.liveStatusFilter, 'status', until, onMessage);
      await nc.flush();
    },
    readLogs: async (selection, logOptions) => {
      try {
        await readLogs(connection, names, selection, logOptions);
      } catch (error) {
        throw nobodyThere(error, names, 'there are no logs', { stream: names.streams.logs });
      }
    },
    services: (waitMs = PING_WAIT_MS) =>
      new Promise((resolve) => {
        const found: ServicePresence[] = [];
        slots.send('$SRV.PING', EMPTY, {
          timeoutMs: waitMs,
          onReply: (message) => {
            const info = decodeJson(message.data);
            if (isJsonObject(info)) {
              found.push({ name: String(info['name']), id: String(info['id']), version: String(info['version']) });
            }
            return true;
          },
          // The time being over is how a ping of everybody ends.
          onFault: () => resolve(found),
        });
      }),
    request: async (subject, body, timeoutMs) =>
      (await requester.request(subject, body, timeoutMs === undefined ? {} : { timeoutMs })).data,
    close: () => connection.close(),
  };
  return client;
};
