// The ports of requests and plain messages on the memory server: services and subscriptions with queue groups, requests with a time-out, inboxes.

import { encodeJson } from '../core/decode.ts';
import { Fault } from '../core/fault.ts';
import type { Publisher, Requester, ServiceHost, Subscriber } from '../engine/ports/services.ts';
import type { Link } from './link.ts';
import type { Headers, SentMessage } from './memory-server.ts';
import type { PortParts } from './memory-streams.ts';

const TIMEOUT_MS = 5000;
const MAX_REPLY_BYTES = 1024 * 1024 - 512;

/** The first try that the way carries. */
const subscribeSurely = async (
  { server, link, clock }: PortParts,
  subject: string,
  queue: string | undefined,
  onMessage: (message: SentMessage) => void,
): Promise<() => void> => {
  const receive = (message: SentMessage): void =>
    link.push({ kind: 'message', name: subject }, () => onMessage(message));
  for (;;) {
    try {
      let forget: (() => void) | undefined;
      const stop = await link.call({ kind: 'manage', name: subject }, () => {
        forget ??= server.subscribe({ subject, queue, receive });
        return forget;
      });
      link.onEnd(stop);
      return stop;
    } catch {
      await clock.sleep(100);
    }
  }
};

const answerOf = (data: Uint8Array, error?: { readonly code: number; readonly description: string }) => {
  if (data.byteLength > MAX_REPLY_BYTES) {
    const failure = { code: 'ANSWER_TOO_LARGE', message: `${data.byteLength} bytes`, isRetryable: false };
    const headers = { 'Nats-Service-Error-Code': '413', 'Nats-Service-Error': failure.code };
    return { data: encodeJson({ failure }), headers };
  }
  const headers: Headers =
    error === undefined
      ? {}
      : { 'Nats-Service-Error-Code': String(error.code), 'Nats-Service-Error': error.description };
  return { data, headers };
};

const sender =
  ({ server, link }: PortParts) =>
  (subject: string, data: Uint8Array, headers: Headers = {}): void =>
    link.send({ kind: 'message', name: subject }, () => {
      server.publish({ subject, data, headers, replySubject: undefined });
    });

export const memoryServices = (parts: PortParts): ServiceHost => {
  const publish = sender(parts);
  return {
    serve: async ({ name, endpoints, onRequest }) => {
      const stops: (() => void)[] = [];
      for (const { subject } of endpoints) {
        const stop = await subscribeSurely(parts, subject, name, ({ data, headers, replySubject, ...message }) => {
          if (replySubject === undefined) return;
          onRequest({
            ...{ subject: message.subject, data, replySubject, maxReplyBytes: MAX_REPLY_BYTES },
            header: (header) => headers[header],
            respond: (body, error) => {
              const answer = answerOf(body, error);
              publish(replySubject, answer.data, answer.headers);
            },
          });
        });
        stops.push(stop);
      }
      return {
        stop: async () => {
          for (const stop of stops) stop();
        },
      };
    },
  };
};

export const memorySubscriber = (parts: PortParts): Subscriber => ({
  subscribe: async (subject, queue, onMessage) => {
    const stop = await subscribeSurely(parts, subject, queue, ({ headers, ...message }) =>
      onMessage({ ...message, header: (header) => headers[header] }),
    );
    return {
      stop: async () => stop(),
    };
  },
});

export const memoryPublisher = (parts: PortParts): Publisher => ({ publish: sender(parts) });

type Reply = Awaited<ReturnType<Requester['request']>>;

/** Opens an inbox for one answer, at the server. */
const openInbox = (parts: PortParts, link: Link, onReply: (reply: Reply) => void) => {
  const { server } = parts;
  const subject = server.inbox();
  const close = server.subscribe({
    subject,
    queue: undefined,
    receive: ({ data, headers }) => {
      close();
      link.push({ kind: 'message', name: 'reply' }, () => onReply({ data, header: (name) => headers[name] }));
    },
  });
  return { subject, close };
};

export const memoryRequester = (parts: PortParts): Requester => ({
  request: (subject, data, { timeoutMs = TIMEOUT_MS, headers = {} } = {}) => {
    const { server, link, clock } = parts;
    return new Promise((resolve, reject) => {
      const over = new AbortController();
      const inbox = openInbox(parts, link, (reply) => {
        over.abort('over');
        resolve(reply);
      });
      const fail = (code: 'NATS_TIMEOUT' | 'NATS_NO_RESPONDERS'): void => {
        if (over.signal.aborted) return;
        over.abort('over');
        inbox.close();
        reject(
          new Fault(code, `${subject}: ${code === 'NATS_TIMEOUT' ? `no answer in ${timeoutMs} ms` : 'nobody there'}`),
        );
      };
      link.onEnd(inbox.close);
      link.send({ kind: 'request', name: subject }, () => {
        if (server.publish({ subject, data, headers, replySubject: inbox.subject })) return;
        inbox.close();
        link.push({ kind: 'message', name: 'reply' }, () => fail('NATS_NO_RESPONDERS'));
      });
      void clock.sleep(timeoutMs, over.signal).then(() => fail('NATS_TIMEOUT'));
    });
  },
});
