// A question to the component under test, on the query subject of its type.

import { decodeJson } from '../core/decode.ts';
import { isFault } from '../core/fault.ts';
import { isJsonObject, type JsonObject } from '../core/json.ts';
import type { Bench } from './bench.ts';
import { Breach } from './breach.ts';

/** What to do about a question that is not answered. */
export const ANSWER =
  'publish {id, key, found, entity | status} on natsApi.query.replySubject, and on the reply inbox of the question when it has one';

/** The component's answer to a question. Throws a Breach when there is none. */
export const ask = async (bench: Bench, body: Uint8Array): Promise<JsonObject> => {
  const { subject } = bench.api.query;
  try {
    const answer = decodeJson(await bench.client.request(subject, body, Math.min(5000, bench.timeoutMs)));
    if (isJsonObject(answer)) return answer;
  } catch (error) {
    if (!isFault(error)) throw error;
    throw new Breach({ expected: `an answer to a request on ${subject}`, found: error.message, advice: ANSWER });
  }
  throw new Breach({
    expected: `a JSON object in answer to a request on ${subject}`,
    found: 'something else',
    advice: ANSWER,
  });
};
