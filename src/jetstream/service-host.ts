// Serves requests as a NATS micro service, so that `nats micro ls`, `info` and `stats` show it. Callbacks, not iterators: that is where the
// throughput is.
//
// A request that could not be answered is not served: where an answer may go says guarded-replies.ts.

import type { ServiceMsg } from 'nats';
import { encodeJson } from '../core/decode.ts';
import type { Log } from '../engine/ports/log.ts';
import type { ServiceHost } from '../engine/ports/services.ts';
import type { JetStreamConnection } from './connection.ts';
import { isInbox } from './guarded-replies.ts';
import { headerReader } from './message-headers.ts';
import { rawHeaders } from './raw-headers.ts';

/** Refusals come at the rate of the one who asks; the log does not. */
const LOG_EVERY_MS = 1000;
/** The server's default. */
const DEFAULT_MAX_PAYLOAD_BYTES = 1024 * 1024;
/** The headers of an error count as well. */
const HEADER_ROOM_BYTES = 512;

/** What the library keeps of an endpoint, as far as it is used here. */
type KeptEndpoint = {
  readonly subject: string;
  readonly name?: string;
  readonly stats?: { num_errors: number; last_error?: string };
};

const respond = (
  { slots, log }: JetStreamConnection,
  replySubject: string,
  data: Uint8Array,
  error?: { readonly code: number; readonly description: string },
): void => {
  const headers =
    error === undefined
      ? undefined
      : rawHeaders({ 'Nats-Service-Error-Code': error.code, 'Nats-Service-Error': error.description });
  const fault = slots.publish(replySubject, data, headers);
  if (fault === undefined) return;
  log.warn({ err: fault }, 'reply could not be sent');
  if (fault.code !== 'JS_TOO_LARGE') return;
  // Silence would be taken for a service that is not there.
  const failure = { code: 'ANSWER_TOO_LARGE', message: fault.message, isRetryable: false };
  const sorry = { 'Nats-Service-Error-Code': 413, 'Nats-Service-Error': failure.code };
  slots.publish(replySubject, encodeJson({ failure }), rawHeaders(sorry));
};

export const createServiceHost = (connection: JetStreamConnection, log: Log): ServiceHost => ({
  serve: async ({ name, version, description, endpoints, stats, onRequest }) => {
    const { nc } = connection;
    let forbiddenReplies = 0;
    let loggedMs = Number.NEGATIVE_INFINITY;
    const errors = new Map<string, { count: number; last: string }>();
    const countError = (endpoint: string, what: string): void => {
      const known = errors.get(endpoint);
      errors.set(endpoint, { count: (known?.count ?? 0) + 1, last: what });
    };
    // Asked once for each endpoint; what the whole program has to say is said once. The library only counts what a handler throws, so refusals
    // and faults are put into its record of the endpoint here, which is what it answers next.
    const statsHandler = async (endpoint: KeptEndpoint): Promise<unknown> => {
      const known = errors.get(endpoint.name ?? endpoint.subject);
      if (endpoint.stats !== undefined) {
        endpoint.stats.num_errors = known?.count ?? 0;
        endpoint.stats.last_error = known?.last ?? '';
      }
      const own = endpoint.subject === endpoints[0]?.subject ? await stats?.() : undefined;
      return { forbiddenReplies, ...own };
    };
    const service = await nc.services.add({ name, version, description, queue: name, statsHandler });
    const handler = (endpoint: string, error: Error | null, message: ServiceMsg): void => {
      if (error !== null) {
        log.warn({ service: name, err: error }, 'request could not be received');
        return;
      }
      const replySubject = message.reply;
      if (!isInbox(replySubject)) {
        forbiddenReplies += 1;
        countError(endpoint, '403:FORBIDDEN_REPLY');
        if (performance.now() - loggedMs < LOG_EVERY_MS) return;
        loggedMs = performance.now();
        log.warn(
          { service: name, subject: message.subject, code: 'FORBIDDEN_REPLY', count: forbiddenReplies },
          'request without an inbox is not served',
        );
        return;
      }
      onRequest({
        subject: message.subject,
        data: message.data,
        replySubject,
        maxReplyBytes: (nc.info?.max_payload ?? DEFAULT_MAX_PAYLOAD_BYTES) - HEADER_ROOM_BYTES,
        header: headerReader(message),
        respond: (data, failure) => {
          if (failure !== undefined) countError(endpoint, `${failure.code}:${failure.description}`);
          respond(connection, replySubject, data, failure);
        },
      });
    };
    for (const { name: endpoint, subject } of endpoints) {
      service.addEndpoint(endpoint, { subject, handler: (error, message) => handler(endpoint, error, message) });
    }
    await nc.flush();
    return {
      stop: async () => {
        if (!nc.isClosed()) await service.stop();
      },
    };
  },
});
