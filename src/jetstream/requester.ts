// Requests and plain publishes for the rooms that know no NATS.

import type { Publisher, Requester } from '../engine/ports/services.ts';
import type { JetStreamConnection } from './connection.ts';
import { headerReader } from './message-headers.ts';
import { rawHeaders } from './raw-headers.ts';

export const createRequester = (connection: Pick<JetStreamConnection, 'slots'>): Requester => ({
  request: async (subject, data, options = {}) => {
    const { headers, timeoutMs } = options;
    const reply = await connection.slots.request(subject, data, {
      ...(headers === undefined ? {} : { headers: rawHeaders(headers) }),
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
    });
    return { data: reply.data, header: headerReader(reply) };
  },
});

/** Throws JS_TOO_LARGE when the message is larger than the server takes, NATS_UNREACHABLE when the connection is closed. */
export const createPublisher = (connection: Pick<JetStreamConnection, 'slots'>): Publisher => ({
  publish: (subject, data, headers) => {
    const fault = connection.slots.publish(subject, data, headers === undefined ? undefined : rawHeaders(headers));
    if (fault !== undefined) throw fault;
  },
});
