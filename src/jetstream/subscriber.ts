// Plain core subscriptions for the rooms that know no NATS: for messages that need no answer, which a micro service does not take. A server that
// does not answer, because it is frozen or away, keeps neither a start nor a stop waiting for long.

import type { Subscriber } from '../engine/ports/services.ts';
import type { JetStreamConnection } from './connection.ts';
import { timedOut, toFault } from './faults.ts';
import { headerReader } from './message-headers.ts';
import { pause } from './pause.ts';

/** How long the server may take to say that it knows of a subscription, or of its end. */
const ANSWER_MS = 5000;
const DRAIN_MS = 1000;

/** Whether `work` ends in time. */
const endsWithin = async (work: Promise<unknown>, timeoutMs: number): Promise<boolean> => {
  const enough = new AbortController();
  try {
    return await Promise.race([work.then(() => true), pause(timeoutMs, enough.signal).then(() => false)]);
  } finally {
    enough.abort();
  }
};

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
        // The client says "" for none.
        const replySubject = reply === '' ? undefined : reply;
        onMessage({ subject: receivedOn, data, replySubject, header: headerReader(message) });
      },
    });
    /** Nothing is heard of it any more, whether the server knows or not. */
    const end = (): void => {
      if (!nc.isClosed() && !subscription.isClosed()) subscription.unsubscribe();
    };
    try {
      if (!(await endsWithin(nc.flush(), ANSWER_MS))) throw timedOut(`subscription to ${subject}`, ANSWER_MS);
    } catch (error) {
      end();
      throw toFault(error, `subscription to ${subject}`);
    }
    return {
      stop: async () => {
        if (nc.isClosed() || subscription.isClosed()) return;
        await endsWithin(subscription.drain(), DRAIN_MS);
        end();
      },
    };
  },
});
