// Where an answer may go. It is published with our rights to whatever subject the asker named: one that is no inbox could make us write into a
// stream (an event, a lease, a document of a view). So no message that comes on a subject of ours keeps such a reply subject, whoever answers:
// our services, the micro framework with its PING, INFO and STATS, a component's query desk. Called once for each connection.

import type { Msg, NatsConnection, NatsError, Subscription, SubscriptionOptions } from 'nats';

const INBOX = /^(_INBOX[._]|_R_\.)/;

export const isInbox = (subject: string | undefined): subject is string => subject !== undefined && INBOX.test(subject);

type Heard = (error: NatsError | null, message: Msg) => void;

const withoutReply = (message: Msg): Msg =>
  Object.defineProperty(message, 'reply', { value: undefined, configurable: true });

/**
 * From here on every subscription of the connection is guarded but those to inboxes, where the server's deliveries come with a reply subject
 * that acknowledges them. `onForbidden`: once for each message.
 */
export const guardReplies = (
  nc: NatsConnection,
  onForbidden: (subject: string, replySubject: string) => void,
): void => {
  const subscribe = nc.subscribe.bind(nc);
  const guarded =
    (heard: Heard): Heard =>
    (error, message) => {
      const replySubject = error === null ? message.reply : undefined;
      if (replySubject === undefined || replySubject === '' || isInbox(replySubject)) {
        heard(error, message);
        return;
      }
      onForbidden(message.subject, replySubject);
      heard(error, withoutReply(message));
    };
  nc.subscribe = (subject: string, options: SubscriptionOptions = {}): Subscription => {
    const { callback } = options;
    if (callback === undefined || isInbox(subject)) return subscribe(subject, options);
    return subscribe(subject, { ...options, callback: guarded(callback) });
  };
};
