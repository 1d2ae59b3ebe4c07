// Questions to components on the shared server, for an operator whose components are on a server of their own: passed on to it, and the
// answers back, to the inbox of who asked and to the manifest's reply subject. Runs in the operator-runtime that leads.

import { decodeJson, encodeJson } from '../../core/decode.ts';
import { isFault } from '../../core/fault.ts';
import { isJsonObject } from '../../core/json.ts';
import { reject } from '../../core/rejection.ts';
import type { NatsApi } from '../../messages/manifest-types.ts';
import type { Log } from '../ports/log.ts';
import type { ReceivedMessage } from '../ports/services.ts';
import type { OwnServer, ServerSide } from './ports.ts';

const QUEUE = 'operator-runtime-bridge';
const ANSWER_MS = 10_000;
const INBOX = '_INBOX.';

export const openQueryBridge = async (options: {
  readonly apis: readonly NatsApi[];
  readonly own: OwnServer;
  readonly shared: ServerSide;
  readonly log: Log;
}): Promise<() => Promise<void>> => {
  const { apis, own, shared, log } = options;

  /** The shared server may take less than the operator's own: then the answer says so. */
  const carry = (subject: string, data: Uint8Array): void => {
    try {
      shared.publisher.publish(subject, data);
    } catch (error) {
      if (!isFault(error, 'JS_TOO_LARGE')) throw error;
      const answer = decodeJson(data);
      const { id = '', key = '' } = isJsonObject(answer) ? answer : {};
      shared.publisher.publish(
        subject,
        encodeJson({ id, key, found: false, error: reject('ANSWER_TOO_LARGE', error.message) }),
      );
    }
  };

  const pass = async ({ subject, data, replySubject }: ReceivedMessage): Promise<void> => {
    if (replySubject?.startsWith(INBOX) !== true) {
      own.publisher.publish(subject, data);
      return;
    }
    const answer = await own.requester.request(subject, data, { timeoutMs: ANSWER_MS });
    carry(replySubject, answer.data);
  };

  const safely = (work: Promise<void>, subject: string): void => {
    work.catch((error: unknown) => {
      // Who asked runs into the timeout, as when there is no component.
      log[isFault(error) ? 'debug' : 'error']({ subject, err: error }, 'question to a component not passed on');
    });
  };

  const questions = new Set(apis.map(({ query }) => query.subject));
  const replies = new Set(apis.map(({ query }) => query.replySubject));
  const open = await Promise.all([
    ...[...questions].map((subject) =>
      shared.subscriber.subscribe(subject, QUEUE, (question) => safely(pass(question), subject)),
    ),
    ...[...replies].map((subject) =>
      own.subscriber.subscribe(subject, QUEUE, ({ data }) =>
        safely(
          Promise.resolve().then(() => carry(subject, data)),
          subject,
        ),
      ),
    ),
  ]);
  return async () => {
    await Promise.allSettled(open.map((one) => one.stop()));
  };
};
