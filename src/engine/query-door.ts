// The door of the query-responder: a request in, an answer or a rejection out. Whatever a client sends, the process goes on.

import { isFault } from '../core/fault.ts';
import type { createAnswerer } from './answer-query.ts';
import type { Clock, Log, ServiceRequest } from './ports.ts';

const STATUS_OF_CODE: Readonly<Record<string, number>> = { NOT_FOUND: 404 };

export const createQueryDoor = (options: {
  readonly answerer: ReturnType<typeof createAnswerer>;
  readonly log: Log;
  readonly clock: Clock;
  encode(value: unknown): Uint8Array;
}) => {
  const { answerer, log, clock, encode } = options;
  const answer = async (request: ServiceRequest): Promise<void> => {
    const startedMs = clock.nowMs();
    const verb = request.subject.split('.').at(-1) ?? '';
    try {
      const result = await answerer.answer(verb, request.data);
      if (result.ok) {
        request.respond(encode(result.value));
      } else {
        const { code } = result.error;
        request.respond(encode({ error: result.error }), { code: STATUS_OF_CODE[code] ?? 400, description: code });
      }
      log.debug(
        { verb, code: result.ok ? undefined : result.error.code, durationMs: clock.nowMs() - startedMs },
        'query answered',
      );
    } catch (error) {
      const failure = isFault(error)
        ? { code: error.code, message: error.message, isRetryable: error.retry !== 'never' }
        : { code: 'INTERNAL', message: 'the query-responder has a bug; its log says more', isRetryable: false };
      request.respond(encode({ failure }), { code: failure.isRetryable ? 503 : 500, description: failure.code });
      log[isFault(error) ? 'warn' : 'error']({ verb, err: error }, 'query failed');
    }
  };
  return (request: ServiceRequest): void => {
    answer(request).catch((error: unknown) => log.error({ err: error }, 'query could not be answered'));
  };
};
