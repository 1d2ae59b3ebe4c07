// Plain core subscriptions for the rooms that know no NATS: for messages that need no answer, which a micro service does not take.

import type { Subscriber } from '../engine/ports/services.ts';
import type { JetStreamConnection } from './connection.ts';
import { headerReader } from './message-headers.ts';

export const createSubscriber = ({ nc, log }: JetStreamConnection): Subscriber => ({
  subscribe: async (subject, queue, onMessage) => {
    const subscription = nc.subscribe(subject, {
      queue,
      callback: (error, message) => {
        if (error !== null) {
          log.warn({ subject, err: error }, 'message could not be received');
          return;
        }
        const { subject: receivedOn, data, reply } = message;
        onMessage({ subject: receivedOn, data, replySubject: reply, header: headerReader(message) });
      },
    });
    await nc.flush();
    return {
      stop: async () => {
        if (!nc.isClosed()) await subscription.drain();
      },
    };
  },
});
