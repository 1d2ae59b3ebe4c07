// The bodies of queries: a small JSON or YAML object, with defaults for nearly everything. Called by the query-responder. `list` takes an
// empty body, `outcome` a bare command id, so that both are easy with the nats CLI.

import { decodeText } from '../../core/decode.ts';
import type { JsonObject } from '../../core/json.ts';
import type { RejectionDetail } from '../../core/rejection.ts';
import { err, ok, type Result } from '../../core/result.ts';
import { DEFAULT_WORKSPACE } from '../../messages/commands.ts';
import { isToken, NO_WORKSPACE } from '../../core/names.ts';
import {
  listedRuntimes,
  listedStatuses,
  MAX_PAGE_SIZE,
  type GetQuery,
  type HistoryQuery,
  type ListQuery,
  type OutcomeQuery,
  type QueryVerb,
  type RunsQuery,
  type StatusQuery,
} from '../../messages/queries.ts';
import { positioned } from '../document.ts';
import { COUNT, readBody, refuseBody, TOKEN, tokenProblem, TYPES } from './body.ts';
import { parseSelector } from '../../messages/selector.ts';
import { shapeOf, type Shape } from './shape.ts';

/** The longest that a query may ask to wait. */
export const MAX_QUERY_WAIT_MS = 30_000;

export type ParsedQuery =
  | { readonly verb: 'get'; readonly query: GetQuery }
  | { readonly verb: 'list'; readonly query: ListQuery }
  | { readonly verb: 'status'; readonly query: StatusQuery }
  | { readonly verb: 'history'; readonly query: HistoryQuery }
  | { readonly verb: 'outcome'; readonly query: OutcomeQuery }
  | { readonly verb: 'runs'; readonly query: RunsQuery };

const waitMs: JsonObject = { type: 'integer', minimum: 0, maximum: MAX_QUERY_WAIT_MS };
const limit: JsonObject = { type: 'integer', minimum: 1, maximum: MAX_PAGE_SIZE };
const freshness: JsonObject = { minSequence: COUNT, waitMs };
const HISTORY_CURSOR: JsonObject = { type: 'string', minLength: 1, maxLength: 64 };
const filter: JsonObject = { type: 'string', minLength: 1, maxLength: 512 };

const shapeFor = (properties: JsonObject, required: readonly string[]): Shape =>
  shapeOf({ type: 'object', properties, required, additionalProperties: false });

const targeted = (own: JsonObject): Shape =>
  shapeFor({ ...freshness, type: TYPES, workspace: { type: 'string' }, name: TOKEN, ...own }, ['name']);

const shapes: Readonly<Record<QueryVerb, Shape>> = {
  get: targeted({ cursor: { enum: ['status'] } }),
  status: targeted({ refresh: { type: 'boolean' } }),
  history: targeted({ fromSequence: COUNT, limit, cursor: HISTORY_CURSOR }),
  outcome: shapeFor({ commandId: TOKEN, waitMs }, ['commandId']),
  runs: shapeFor(
    { type: { const: 'resource' }, workspace: { type: 'string' }, name: TOKEN, runId: filter, limit, before: COUNT },
    ['name'],
  ),
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
      notReady: { type: 'boolean' },
      status: { enum: [...listedStatuses] },
      runtime: { enum: [...listedRuntimes] },
      reason: filter,
      answered: { type: 'boolean' },
      limit,
      cursor: { type: 'string', minLength: 1, maxLength: 1024 },
    },
    [],
  ),
};

const bareCommandId = (data: Uint8Array): string | undefined => {
  if (data.byteLength > 80) return undefined;
  const text = decodeText(data)?.trim().toLowerCase();
  return isToken(text) ? text : undefined;
};

/** A command may have been sent under an id that cannot be one: it was refused, and this is where its outcome is. */
const ELSEWHERE =
  'a durable command that was sent under another kind of id was refused, and its outcome is that of "cmd-<sequence>": the sequence is in the acknowledgement of its publish';

type Target = GetQuery & { readonly type?: GetQuery['type']; readonly workspace?: string };

const aimed = (given: Target): Target & { readonly type: NonNullable<Target['type']>; readonly workspace: string } => {
  const type = given.type ?? 'resource';
  return { ...given, type, workspace: given.workspace ?? (type === 'operator' ? NO_WORKSPACE : DEFAULT_WORKSPACE) };
};

const INSTANCE_LEVEL = {
  message: 'an operator is instance-level and lives in no workspace; leave the field out',
  pointer: '/workspace',
};

const workspaceProblem = (given: Target): RejectionDetail | undefined => {
  const { type, workspace } = aimed(given);
  if (type !== 'operator') return tokenProblem(workspace, 'a workspace', '/workspace');
  return workspace === NO_WORKSPACE ? undefined : INSTANCE_LEVEL;
};

/** Where the next page of a history begins: in OPSTREAM_EVENTS and in OPSTREAM_STATUS. */
export type HistoryPosition = { readonly event: number; readonly status: number };

export const historyCursor = ({ event, status }: HistoryPosition): string => `${event}-${status}`;

/** Undefined for what no answer has given as `next`. */
export const parseHistoryCursor = (cursor: string): HistoryPosition | undefined => {
  const [, event, status] = /^([1-9]\d{0,15})-([1-9]\d{0,15})$/.exec(cursor) ?? [];
  return event === undefined || status === undefined ? undefined : { event: Number(event), status: Number(status) };
};

const cursorProblem = ({ cursor }: HistoryQuery): RejectionDetail | undefined =>
  cursor === undefined || parseHistoryCursor(cursor) !== undefined
    ? undefined
    : { message: 'expected the `next` of the page before', pointer: '/cursor' };

const selectorProblem = ({ selector }: ListQuery): RejectionDetail | undefined => {
  const parsed = selector === undefined ? ok([]) : parseSelector(selector);
  return parsed.ok ? undefined : { message: parsed.error, pointer: '/selector' };
};

const parseOutcome = (data: Uint8Array): Result<ParsedQuery> => {
  const commandId = bareCommandId(data);
  if (commandId !== undefined) return ok({ verb: 'outcome', query: { commandId } });
  const body = readBody(data, 'QUERY_INVALID', 'the query outcome', shapes.outcome);
  if (!body.ok) return err({ ...body.error, message: `${body.error.message}; ${ELSEWHERE}` });
  return ok({ verb: 'outcome', query: body.value.value as unknown as OutcomeQuery });
};

/**
 * The query in `data`. For get, status and history: `type` defaults to resource, `workspace` to `public` (an operator has `_`).
 * Errors: QUERY_INVALID with pointers into the body; MANIFEST_TOO_LARGE.
 */
export const parseQuery = (verb: QueryVerb, data: Uint8Array): Result<ParsedQuery> => {
  if (verb === 'outcome') return parseOutcome(data);
  const what = `the query ${verb}`;
  const body = readBody(data, 'QUERY_INVALID', what, shapes[verb]);
  if (!body.ok) return body;
  const { value, document } = body.value;
  const problem =
    verb === 'list'
      ? selectorProblem(value as ListQuery)
      : (workspaceProblem(value as Target) ?? (verb === 'history' ? cursorProblem(value as HistoryQuery) : undefined));
  if (problem !== undefined) return refuseBody('QUERY_INVALID', what, [positioned(problem, document)]);
  const query = verb === 'list' ? value : aimed(value as Target);
  return ok({ verb, query } as unknown as ParsedQuery);
};
