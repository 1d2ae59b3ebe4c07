// What doctor says of one thing, and how it asks the server. A request that is not answered is a finding, no failure.

import { decodeJson, encodeJson } from '../../core/decode.ts';
import { isFault } from '../../core/fault.ts';
import { isJsonObject, type JsonObject } from '../../core/json.ts';
import type { Client } from '../../client/types.ts';

/** `isWarning`: something is not as it should be, and nothing stands still for it. */
export type Finding = {
  readonly what: string;
  readonly isGood: boolean;
  readonly isWarning?: true;
  readonly text: string;
};

export const good = (what: string, text: string): Finding => ({ what, isGood: true, text });
export const warning = (what: string, text: string): Finding => ({ what, isGood: true, isWarning: true, text });
export const bad = (what: string, text: string): Finding => ({ what, isGood: false, text });

export const ask = async (client: Client, subject: string, body: JsonObject = {}): Promise<JsonObject | undefined> => {
  try {
    const reply = decodeJson(await client.request(subject, encodeJson(body)));
    return isJsonObject(reply) ? reply : undefined;
  } catch (error) {
    if (isFault(error)) return undefined;
    throw error;
  }
};

/** 0 when there is no number. */
export const numberIn = (value: unknown, ...path: readonly string[]): number => {
  const [field, ...rest] = path;
  if (field === undefined) return typeof value === 'number' ? value : 0;
  return isJsonObject(value) ? numberIn(value[field], ...rest) : 0;
};
