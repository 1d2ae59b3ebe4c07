// What differs between what a request would send and what was read. Pure. Called by object-change.ts. An API may wrap a thing in its answer, so it is
// compared with the part that looks most like what is sent.

import { differenceText, isJsonObject, type JsonObject, type JsonValue } from '../../sdk/index.ts';

const candidatesIn = (value: JsonValue, depth: number): readonly JsonObject[] => {
  if (!isJsonObject(value)) return [];
  const inner = depth === 0 ? [] : Object.values(value).flatMap((one) => candidatesIn(one, depth - 1));
  return [value, ...inner];
};

const counterpart = (sent: JsonObject, body: JsonValue): JsonObject => {
  const shared = (one: JsonObject): number => Object.keys(sent).filter((key) => Object.hasOwn(one, key)).length;
  return candidatesIn(body, 2).reduce<JsonObject>((best, one) => (shared(one) > shared(best) ? one : best), {});
};

/** As `differenceText` of the SDK; empty when nothing can be told. */
export const differenceOf = (sent: JsonValue, body: JsonValue, secrets: readonly string[]): string =>
  isJsonObject(sent) ? differenceText(sent, counterpart(sent, body), { secrets }) : '';
