// The door of the query-responder: a request in, an answer or a rejection out. Whatever a client sends, the process goes on.

import { isFault } from '../../core/fault.ts';
import type { Rejection } from '../../core/rejection.ts';
import type { Result } from '../../core/result.ts';
import type { Answer, createAnswerer } from './answer-query.ts';
import { tooLarge } from '../../messages/answer-room.ts';
import { failureOf } from '../../messages/failure-of.ts';
import { metricCatalogue } from '../../messages/metric-catalogue.ts';
import { queryVerbs } from '../../messages/queries.ts';
import { noMetrics } from '../ports/no-metrics.ts';
import type { Clock } from '../ports/clock.ts';
import type { Counter, Histogram, Metrics } from '../ports/metrics.ts';
import type { Log } from '../ports/log.ts';
import type { ServiceRequest } from '../ports/services.ts';

const STATUS_OF_CODE: Readonly<Record<string, number>> = { NOT_FOUND: 404, ANSWER_TOO_LARGE: 413 };

/** Answers are made to fit; what is left are single documents that cannot be cut. */
const problemOf = (foundBytes: number, roomBytes: number): Rejection | undefined =>
  foundBytes <= roomBytes
    ? undefined
    : tooLarge(
        'the answer',
        foundBytes,
        roomBytes,
        'read the document from its bucket or stream, or raise max_payload',
      );

export const createQueryDoor = (options: {
  readonly answerer: ReturnType<typeof createAnswerer>;
  readonly log: Log;
  readonly clock: Clock;
  /** Default: nothing is counted. */
  readonly metrics?: Metrics;
  encode(value: unknown): Uint8Array;
}) => {
  const { answerer, log, clock, encode } = options;
  const { queries, queryDuration } = metricCatalogue;
  const metrics = options.metrics ?? noMetrics;
  const answered = new Map<string, Counter>();
  const durations = new Map<string, Histogram>();
  for (const verb of queryVerbs) {
    answered.set(verb, metrics.counter(queries, verb, 'answered', ''));
    durations.set(verb, metrics.histogram(queryDuration, verb));
  }
  const count = (verb: string, beganMs: number, problem?: { readonly result: string; readonly code: string }): void => {
    durations.get(verb)?.observe((metrics.nowMs() - beganMs) / 1000);
    if (problem === undefined) answered.get(verb)?.add();
    else metrics.counter(queries, answered.has(verb) ? verb : 'other', problem.result, problem.code).add();
  };

  /** The code of the refusal, if it is one. */
  const respond = (request: ServiceRequest, answer: Result<Answer>): string | undefined => {
    const data = answer.ok ? encode(answer.value) : undefined;
    const problem = data === undefined ? undefined : problemOf(data.byteLength, request.maxReplyBytes);
    const error = answer.ok ? problem : answer.error;
    if (error === undefined) {
      request.respond(data ?? encode({}));
      return undefined;
    }
    const { code } = error;
    request.respond(encode({ error }), { code: STATUS_OF_CODE[code] ?? 400, description: code });
    return code;
  };

  const handle = async (request: ServiceRequest): Promise<void> => {
    const startedMs = clock.nowMs();
    const beganMs = metrics.nowMs();
    const verb = request.subject.split('.').at(-1) ?? '';
    try {
      const answer = await answerer.answer(verb, request.data, request.maxReplyBytes);
      const code = respond(request, answer);
      count(verb, beganMs, code === undefined ? undefined : { result: 'refused', code });
      log.debug({ verb, code, durationMs: clock.nowMs() - startedMs }, 'query answered');
    } catch (error) {
      const failure = failureOf(error, 'query-responder');
      count(verb, beganMs, { result: 'failed', code: failure.code });
      request.respond(encode({ failure }), { code: failure.isRetryable ? 503 : 500, description: failure.code });
      log[isFault(error) ? 'warn' : 'error']({ verb, err: error }, 'query failed');
    }
  };
  return (request: ServiceRequest): void => {
    handle(request).catch((error: unknown) => log.error({ err: error }, 'query could not be answered'));
  };
};
