// Requests and plain publishes for the rooms that know no NATS.

import { rawHeaders } from './raw-headers.ts';
import type { JetStreamConnection } from './connection.ts';
import type { Publisher, Requester } from '../engine/ports.ts';

export const createRequester = (connection: JetStreamConnection): Requester => ({
  request: async (subject, data, options = {}) => {
    const message = await connection.slots.request(subject, data, {
      ...(options.headers === undefined ? {} : { headers: rawHeaders(options.headers) }),
      ...(options.timeoutMs === undefined ? {} : { timeoutMs: options.timeoutMs }),
    });
    const { headers } = message;
    return { data: message.data, header: (name) => (headers?.has(name) === true ? headers.get(name) : undefined) };
  },
});

export const createPublisher = (connection: JetStreamConnection): Publisher => ({
  publish: (subject, data, headers) => {
    connection.nc.publish(subject, data, headers === undefined ? {} : { headers: rawHeaders(headers) });
  },
});
