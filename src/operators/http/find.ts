// Looks for what is there already, page by page. Called by rest-client.ts. What is not what the manifest says (no list where one is expected) is
// an error and never "nothing found": something would be made a second time.

import {
  Fault,
  isJsonObject,
  type HttpFind,
  type HttpOperation,
  type JsonObject,
  type JsonValue,
} from '../../sdk/index.ts';
import { idOf } from './record.ts';
import type { Answer } from './answer.ts';
import type { Evaluate } from './template.ts';

const MAX_PAGES = 50;
const MAX_KEYS = 10;

export type Found = { readonly externalId: string; readonly item: JsonValue };

export type FindParts = {
  readonly evaluate: Evaluate;
  send(operation: HttpOperation, input: JsonObject): Promise<Answer>;
  read(program: string, input: JsonObject, answer: Answer): Promise<JsonValue>;
};

/** What kind of thing a value is, in words that help to find a typo. */
const kindOf = (value: JsonValue): string => {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  if (!isJsonObject(value)) return `a ${typeof value}`;
  const keys = Object.keys(value);
  return `an object with ${keys.slice(0, MAX_KEYS).join(', ')}${keys.length > MAX_KEYS ? ', …' : ''}`;
};

const unlike = (message: string): Fault => new Fault('COMPONENT_RETRYABLE', message, { details: { outcome: 'none' } });

const matching = async (
  { evaluate }: FindParts,
  find: HttpFind,
  page: JsonObject,
  items: readonly JsonValue[],
): Promise<readonly Found[]> => {
  if (items.length === 0) return [];
  // One program for all items of the page.
  const id = `(if . == true then $seen | [limit(1; (${find.externalId}\n))][0] else null end)`;
  const verdict = `($all.context + {item: $item}) as $seen | $seen | [limit(1; (${find.match}\n))][0] | [., ${id}]`;
  const [verdicts] = await evaluate([`. as $all | [$all.items[] | . as $item | ${verdict}]`], { items, context: page });
  return (verdicts as readonly (readonly [JsonValue, JsonValue])[]).flatMap(([isMatch, externalId], index) =>
    isMatch === true ? [{ externalId: idOf(externalId, 'find'), item: items[index] ?? null }] : [],
  );
};

const over = (find: HttpFind, next: JsonObject): HttpOperation => {
  const query = isJsonObject(next['query']) ? { query: { ...find.query, ...next['query'] } } : {};
  const body = isJsonObject(next['body'])
    ? { body: { ...(isJsonObject(find.body) ? find.body : {}), ...next['body'] } }
    : {};
  return { ...find, ...query, ...body };
};

/**
 * What matches and is wanted, on all pages. Faults: those of `send`; COMPONENT_RETRYABLE when an answer is not what the manifest says;
 * COMPONENT_TERMINAL when there are too many pages to be sure of none.
 */
export const findAll = async (
  parts: FindParts,
  find: HttpFind,
  input: JsonObject,
  isWanted: (externalId: string) => boolean,
): Promise<readonly Found[]> => {
  const found: Found[] = [];
  let next: JsonObject = {};
  for (let page = 0; page < MAX_PAGES; page += 1) {
    const answer = await parts.send(over(find, next), input);
    const seen = { ...input, page };
    const items = await parts.read(find.items, seen, answer);
    if (!Array.isArray(items)) {
      const body = kindOf(answer.response.body);
      throw unlike(
        `${answer.what}: expected a list from items (${find.items}), found ${kindOf(items)}; the answer is ${body}`,
      );
    }
    const matches = await matching(parts, find, seen, items as readonly JsonValue[]);
    found.push(...matches.filter((one) => isWanted(one.externalId)));
    const said = find.next === undefined ? null : await parts.read(find.next, seen, answer);
    if (said === null) return found;
    if (!isJsonObject(said)) {
      throw unlike(`${answer.what}: expected {query, body} or null from next (${find.next}), found ${kindOf(said)}`);
    }
    next = said;
  }
  if (found.length > 0) return found;
  // Not found is not known: what is looked for may be on a later page.
  const message = `the operator's manifest: find at ${find.url} gives more than ${MAX_PAGES} pages; narrow its query`;
  throw new Fault('COMPONENT_TERMINAL', message, { retry: 'never', details: { outcome: 'none' } });
};
