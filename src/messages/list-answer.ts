// The answer of the query-responder to `list`, for who decides on it: the command-handler, on operators and secrets.

import { decodeJson } from '../core/decode.ts';
import { isJsonObject } from '../core/json.ts';
import { faultOfFailure } from './fault-of-failure.ts';
import type { ListAnswer } from './queries.ts';

/** Undefined: the views cannot tell at the moment. Faults: VIEW_DAMAGED, which does not pass by itself. */
export const listAnswerIn = (data: Uint8Array): ListAnswer | undefined => {
  const answer = decodeJson(data);
  if (!isJsonObject(answer)) return undefined;
  const { failure, items } = answer;
  if (isJsonObject(failure) && failure['code'] === 'VIEW_DAMAGED') throw faultOfFailure(failure);
  return Array.isArray(items) ? (answer as unknown as ListAnswer) : undefined;
};
