// The bodies of queries: a small JSON or YAML object, with defaults for nearly everything. Called by the query-responder. `list` takes an
// empty body, `outcome` a bare command id, so that both are easy with the nats CLI.

import { decodeText } from '../../core/decode.ts';
import type { JsonObject } from '../../core/json.ts';
import { ok, type Result } from '../../core/result.ts';
import { DEFAULT_WORKSPACE } from '../commands.ts';
import { isToken, NO_WORKSPACE } from '../names.ts';
import {
  MAX_PAGE_SIZE,
  type GetQuery,
  type HistoryQuery,
  type ListQuery,
  type OutcomeQuery,
  type QueryVerb,
  type StatusQuery,
} from '../queries.ts';
import { positioned } from '../manifest/document.ts';
import { COUNT, readBody, refuseBody, TOKEN, tokenProblem, TYPES } from './body.ts';
import { parseSelector } from '../selector.ts';
import { shapeOf, type Shape } from './shape.ts';

/** The longest that a query may ask to wait. */
export const MAX_QUERY_WAIT_MS = 30_000;

export type ParsedQuery =
  | { readonly verb: 'get'; readonly query: GetQuery }
  | { readonly verb: 'list'; readonly query: ListQuery }
  | { readonly verb: 'status'; readonly query: StatusQuery }
  | { readonly verb: 'history'; readonly query: HistoryQuery }
  | { readonly verb: 'outcome'; readonly query: OutcomeQuery };

const waitMs: JsonObject = { type: 'integer', minimum: 0, maximum: MAX_QUERY_WAIT_MS };
const limit: JsonObject = { type: 'integer', minimum: 1, maximum: MAX_PAGE_SIZE };
const freshness: JsonObject = { minSequence: COUNT, waitMs };
const filter: JsonObject = { type: 'string', minLength: 1, maxLength: 512 };

const shapeFor = (properties: JsonObject, required: readonly string[]): Shape =>
  shapeOf({ type: 'object', properties, required, additionalProperties: false });

const targeted = (own: JsonObject): Shape =>
  shapeFor({ ...freshness, type: TYPES, workspace: { type: 'string' }, name: TOKEN, ...own }, ['name']);

const shapes: Readonly<Record<QueryVerb, Shape>> = {
  get: targeted({}),
  status: targeted({ refresh: { type: 'boolean' } }),
  history: targeted({ fromSequence: COUNT, limit }),
  outcome: shapeFor({ commandId: TOKEN, waitMs }, ['commandId']),
  list: shapeFor(
    {
      ...freshness,
      type: TYPES,
      workspace: TOKEN,
      operator: TOKEN,
      resourceType: TOKEN,
      owner: filter,
      tag: filter,
      label: filter,
      tags: { type: 'array', minItems: 1, maxItems: 100, items: filter },
      selector: { type: 'string', minLength: 1, maxLength: 4096 },
      layer: { enum: ['user', 'system'] },
      secret: filter,
      orphaned: { type: 'boolean' },
      limit,
      cursor: { type: 'string', minLength: 1, maxLength: 1024 },
    },
    [],
  ),
};

const bareCommandId = (data: Uint8Array): string | undefined => {
  if (data.byteLength > 80) return undefined;
  const text = decodeText(data)?.trim();
  return isToken(text) ? text : undefined;
};

type Target = GetQuery & { readonly type?: GetQuery['type']; readonly workspace?: string };

/**
 * The query in `data`. For get, status and history: `type` defaults to resource, `workspace` to `public` (an operator has `_`).
 * Errors: QUERY_INVALID with pointers into the body; MANIFEST_TOO_LARGE.
 */
export const parseQuery = (verb: QueryVerb, data: Uint8Array): Result<ParsedQuery> => {
  if (verb === 'outcome') {
    const commandId = bareCommandId(data);
    if (commandId !== undefined) return ok({ verb, query: { commandId } });
  }
  const what = `the query ${verb}`;
  const body = readBody(data, 'QUERY_INVALID', what, shapes[verb]);
  if (!body.ok) return body;
  const { value, document } = body.value;
  if (verb === 'list') {
    const query = value as unknown as ListQuery;
    const selector = query.selector === undefined ? ok([]) : parseSelector(query.selector);
    if (selector.ok) return ok({ verb, query });
    return refuseBody('QUERY_INVALID', what, [positioned({ message: selector.error, pointer: '/selector' }, document)]);
  }
  if (verb === 'outcome') return ok({ verb, query: value as unknown as OutcomeQuery });

  const given = value as unknown as Target;
  const type = given.type ?? 'resource';
  const workspace = given.workspace ?? (type === 'operator' ? NO_WORKSPACE : DEFAULT_WORKSPACE);
  const problem =
    type === 'operator'
      ? workspace === NO_WORKSPACE
        ? undefined
        : {
            message: 'an operator is instance-level and lives in no workspace; leave the field out',
            pointer: '/workspace',
          }
      : tokenProblem(workspace, 'a workspace', '/workspace');
  if (problem !== undefined) return refuseBody('QUERY_INVALID', what, [positioned(problem, document)]);
  return ok({ verb, query: { ...given, type, workspace } } as ParsedQuery);
};
