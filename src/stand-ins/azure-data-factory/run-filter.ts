// RunFilterParameters, the body of both queries: checked as strictly as the API describes it, then applied to rows.
// Pages are cut with a continuation token that belongs to one query: sent with another filter it is refused.

import { createHash } from 'node:crypto';
import { badRequest, isJsonObject, type JsonObject } from './errors.ts';
import { parseTimestamp } from './timestamps.ts';

export type Row = {
  /** By operand name, as the API spells it. */
  readonly fields: Readonly<Record<string, string | null>>;
  readonly lastUpdatedMs: number;
  readonly view: JsonObject;
};

export type QuerySubject = {
  readonly operands: readonly string[];
  readonly orderable: readonly string[];
};

export const pipelineRunSubject: QuerySubject = {
  operands: ['PipelineName', 'Status', 'RunStart', 'RunEnd', 'RunGroupId', 'LatestOnly'],
  orderable: ['RunStart', 'RunEnd', 'PipelineName', 'Status'],
};

export const activityRunSubject: QuerySubject = {
  operands: ['ActivityName', 'ActivityType', 'ActivityRunStart', 'ActivityRunEnd', 'Status'],
  orderable: ['ActivityName', 'ActivityRunStart', 'ActivityRunEnd', 'Status'],
};

type Filter = { readonly operand: string; readonly negated: boolean; readonly values: readonly string[] };
type Order = { readonly field: string; readonly descending: boolean };

type RunQuery = {
  readonly afterMs: number;
  readonly beforeMs: number;
  readonly filters: readonly Filter[];
  readonly orders: readonly Order[];
  readonly offset: number;
  readonly fingerprint: string;
};

const invalid = (detail: string): Error =>
  badRequest('InvalidRequestContent', `The request content was invalid: ${detail}`, 'body-invalid');

const onlyKeys = (value: JsonObject, where: string, known: readonly string[]): void => {
  const unknownKey = Object.keys(value).find((key) => !known.includes(key));
  if (unknownKey !== undefined) throw invalid(`could not find member '${unknownKey}' on ${where}.`);
};

const parseTime = (body: JsonObject, key: string): number => {
  const text = body[key];
  const timeMs = typeof text === 'string' ? parseTimestamp(text) : undefined;
  if (timeMs === undefined) throw invalid(`'${key}' is required and is a time in ISO 8601 format.`);
  return timeMs;
};

const parseList = (body: JsonObject, key: string): readonly unknown[] => {
  const list = body[key] ?? [];
  if (!Array.isArray(list)) throw invalid(`'${key}' must be a list.`);
  return list;
};

const parseFilter = (subject: QuerySubject, value: unknown, index: number): Filter => {
  const where = `filters[${index}]`;
  if (!isJsonObject(value)) throw invalid(`${where} must be an object.`);
  onlyKeys(value, where, ['operand', 'operator', 'values']);
  const { operand, operator, values } = value;
  if (typeof operand !== 'string' || !subject.operands.includes(operand)) {
    throw invalid(`${where}.operand must be one of ${subject.operands.join(', ')}.`);
  }
  if (operator !== 'Equals' && operator !== 'NotEquals' && operator !== 'In' && operator !== 'NotIn') {
    throw invalid(`${where}.operator must be one of Equals, NotEquals, In, NotIn.`);
  }
  if (!Array.isArray(values) || values.length === 0 || !values.every((one): one is string => typeof one === 'string')) {
    throw invalid(`${where}.values must be a list of strings, and not empty.`);
  }
  if ((operator === 'Equals' || operator === 'NotEquals') && values.length !== 1) {
    throw invalid(`${where}.values must have exactly one value for ${operator}.`);
  }
  return { operand, negated: operator.startsWith('Not'), values };
};

const parseOrder = (subject: QuerySubject, value: unknown, index: number): Order => {
  const where = `orderBy[${index}]`;
  if (!isJsonObject(value)) throw invalid(`${where} must be an object.`);
  onlyKeys(value, where, ['orderBy', 'order']);
  const { orderBy, order } = value;
  if (typeof orderBy !== 'string' || !subject.orderable.includes(orderBy)) {
    throw invalid(`${where}.orderBy must be one of ${subject.orderable.join(', ')}.`);
  }
  if (order !== 'ASC' && order !== 'DESC') throw invalid(`${where}.order must be ASC or DESC.`);
  return { field: orderBy, descending: order === 'DESC' };
};

const encodeToken = (fingerprint: string, offset: number): string =>
  Buffer.from(JSON.stringify({ fingerprint, offset })).toString('base64url');

const decodeToken = (token: unknown, fingerprint: string): number => {
  if (token === undefined || token === null || token === '') return 0;
  if (typeof token === 'string') {
    try {
      const decoded: unknown = JSON.parse(Buffer.from(token, 'base64url').toString('utf8'));
      if (isJsonObject(decoded) && decoded['fingerprint'] === fingerprint && typeof decoded['offset'] === 'number') {
        return decoded['offset'];
      }
    } catch {
      // Falls through to the refusal below: what does not decode is not a token of ours.
    }
  }
  throw invalid("'continuationToken' is not one that this query returned.");
};

const parseQuery = (subject: QuerySubject, body: unknown): RunQuery => {
  if (!isJsonObject(body)) throw invalid('expected a JSON object.');
  const known = ['lastUpdatedAfter', 'lastUpdatedBefore', 'filters', 'orderBy', 'continuationToken'];
  onlyKeys(body, 'RunFilterParameters', known);
  const afterMs = parseTime(body, 'lastUpdatedAfter');
  const beforeMs = parseTime(body, 'lastUpdatedBefore');
  if (afterMs > beforeMs) throw invalid("'lastUpdatedAfter' must not be later than 'lastUpdatedBefore'.");
  const filters = parseList(body, 'filters').map((filter, index) => parseFilter(subject, filter, index));
  const orders = parseList(body, 'orderBy').map((order, index) => parseOrder(subject, order, index));
  const fingerprint = createHash('sha256')
    .update(JSON.stringify([afterMs, beforeMs, filters, orders]))
    .digest('hex');
  return {
    afterMs,
    beforeMs,
    filters,
    orders,
    fingerprint,
    offset: decodeToken(body['continuationToken'], fingerprint),
  };
};

const sameValue = (operand: string, actual: string, wanted: string): boolean => {
  if (operand.endsWith('Start') || operand.endsWith('End')) return parseTimestamp(actual) === parseTimestamp(wanted);
  return actual.toLowerCase() === wanted.toLowerCase();
};

const passes = (filter: Filter, row: Row): boolean => {
  const actual = row.fields[filter.operand] ?? null;
  // `LatestOnly: false` asks for all runs, not for the ones that are not the latest.
  if (filter.operand === 'LatestOnly' && !filter.negated && filter.values.includes('false')) return true;
  const found = actual !== null && filter.values.some((wanted) => sameValue(filter.operand, actual, wanted));
  return found !== filter.negated;
};

const compare =
  (orders: readonly Order[]) =>
  (left: Row, right: Row): number => {
    for (const { field, descending } of orders) {
      const a = left.fields[field] ?? '';
      const b = right.fields[field] ?? '';
      if (a !== b) return a < b === descending ? 1 : -1;
    }
    return 0;
  };

/**
 * One page: `{ value, continuationToken? }`. Rows keep their order unless the query orders them.
 * @throws Refusal when the body is not a RunFilterParameters for this subject
 */
export const answerQuery = (
  subject: QuerySubject,
  body: unknown,
  rows: readonly Row[],
  pageSize: number,
): JsonObject => {
  const query = parseQuery(subject, body);
  const matching = rows
    .filter((row) => row.lastUpdatedMs >= query.afterMs && row.lastUpdatedMs <= query.beforeMs)
    .filter((row) => query.filters.every((filter) => passes(filter, row)))
    .toSorted(compare(query.orders));
  const end = query.offset + pageSize;
  return {
    value: matching.slice(query.offset, end).map((row) => row.view),
    ...(end < matching.length ? { continuationToken: encodeToken(query.fingerprint, end) } : {}),
  };
};
