// Questions to a component, on the manifest's query subject: the answer goes to the manifest's reply subject, and to the inbox of
// whoever asked as a request. A malformed question gets an answer too.

import { encodeJson } from '../core/decode.ts';
import { isFault } from '../core/fault.ts';
import { reject } from '../core/rejection.ts';
import type { Log } from '../engine/ports/log.ts';
import type { Publisher, ReceivedMessage } from '../engine/ports/services.ts';
import type { EntityAnswer } from '../messages/entity.ts';
import { parseEntityQuery } from './entity-command.ts';
import type { ComponentMetrics } from './metrics.ts';
import type { EntityStatusStore, EntityStore, MessageHandler } from './types.ts';

export type QueryDeskOptions = {
  readonly handler: MessageHandler;
  readonly entities: EntityStore;
  readonly statuses: EntityStatusStore;
  readonly publisher: Publisher;
  readonly replySubject: string | undefined;
  readonly log: Log;
  readonly metrics: ComponentMetrics;
};

const INBOX = '_INBOX.';

export const createQueryDesk = (options: QueryDeskOptions): ((question: ReceivedMessage) => void) => {
  const { handler, entities, statuses, publisher, replySubject, log, metrics } = options;

  /** What is larger than a message is answered with why: who asked would take silence for a component that is away. */
  const publish = (subject: string | undefined, answer: EntityAnswer): void => {
    if (subject === undefined) return;
    try {
      publisher.publish(subject, encodeJson(answer));
    } catch (error) {
      if (!isFault(error, 'JS_TOO_LARGE')) throw error;
      const { id, key } = answer;
      publisher.publish(
        subject,
        encodeJson({ id, key, found: false, error: reject('ANSWER_TOO_LARGE', error.message) }),
      );
    }
  };

  const reply = (question: ReceivedMessage, answer: EntityAnswer): void => {
    publish(replySubject, answer);
    // A reply subject that is no inbox could be any subject of ours.
    if (question.replySubject?.startsWith(INBOX) === true) publish(question.replySubject, answer);
  };

  const answer = async (question: ReceivedMessage): Promise<void> => {
    const parsed = parseEntityQuery(question.data);
    if (!parsed.ok) {
      const { id, key, rejection } = parsed.error;
      metrics.query('refused');
      reply(question, { id, key, found: false, error: rejection });
      return;
    }
    reply(question, await handler.handleQuery(parsed.value, entities, statuses));
    metrics.query('answered');
  };

  return (question) => {
    // Whoever asked runs into the timeout: there is no honest answer.
    answer(question).catch((error: unknown) => {
      metrics.query('failed');
      log.warn({ subject: question.subject, err: error }, 'query failed');
    });
  };
};
