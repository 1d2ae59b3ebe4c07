// What a client is told of an error instead of an answer: the fault's own code and its retry hint. Used by the doors of commands and queries.

import { Fault } from '../core/fault.ts';
import type { CommandFailure } from './commands.ts';

export const failureOf = (error: unknown, process: string): CommandFailure['failure'] => {
  if (!(error instanceof Fault))
    return { code: 'INTERNAL', message: `the ${process} has a bug; its log says more`, isRetryable: false };
  const { code, message, retry } = error;
  return {
    code,
    message,
    isRetryable: retry !== 'never',
    ...(typeof retry === 'object' ? { retryAfterMs: retry.afterMs } : {}),
  };
};
