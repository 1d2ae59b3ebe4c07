// The rules of lists. Draft-07 has a list of schemas in `items` and the rest in `additionalItems` where 2020-12 has `prefixItems` and `items`.

import type { JsonObject, JsonValue } from '../core/json.ts';
import { areUnique } from './canonical.ts';
import { attempt, below, fail, quietly, type Check, type Link } from './evaluation.ts';
import { linkAt, linksAt, numberAt, type Maker, type MakeRules } from './rule.ts';

type Items = { readonly first: readonly Link[]; readonly rest: Link | undefined };

const itemsOf = (schema: JsonObject, maker: Maker): Items => {
  if (maker.draft === '2020-12') {
    return { first: linksAt(schema, 'prefixItems', maker) ?? [], rest: linkAt(schema, 'items', maker) };
  }
  const first = linksAt(schema, 'items', maker);
  return first === undefined
    ? { first: [], rest: linkAt(schema, 'items', maker) }
    : { first, rest: linkAt(schema, 'additionalItems', maker) };
};

const itemsRule =
  ({ first, rest }: Items): Check =>
  (data, at, seen, run) => {
    const list = data as readonly JsonValue[];
    const looked = rest === undefined ? Math.min(first.length, list.length) : list.length;
    let passed = true;
    for (let index = 0; index < looked; index += 1) {
      const link = first[index] ?? rest;
      if (link === undefined || link.check(list[index] as JsonValue, below(run, at, index), undefined, run)) continue;
      passed = false;
      if (!run.all) return false;
    }
    if (seen !== undefined) seen.items = Math.max(seen.items, looked);
    return passed;
  };

const containsRule = (schema: JsonObject, link: Link, draft: Maker['draft']): Check => {
  const isNew = draft === '2020-12';
  const least = (isNew ? numberAt(schema, 'minContains') : undefined) ?? 1;
  const most = (isNew ? numberAt(schema, 'maxContains') : undefined) ?? Number.POSITIVE_INFINITY;
  return (data, at, seen, run) => {
    let count = 0;
    for (const [index, item] of (data as readonly JsonValue[]).entries()) {
      if (seen === undefined && count >= least && most === Number.POSITIVE_INFINITY) break;
      if (!quietly(link, item, undefined, run)) continue;
      count += 1;
      if (isNew) seen?.indexes.add(index);
    }
    return (count >= least && count <= most) || fail(run, at, 'contains', data, schema);
  };
};

const unevaluatedRule =
  (schema: JsonObject, link: Link): Check =>
  (data, at, seen, run) => {
    const list = data as readonly JsonValue[];
    let passed = true;
    for (let index = seen?.items ?? 0; index < list.length; index += 1) {
      if (seen?.indexes.has(index) === true) continue;
      const place = below(run, at, index);
      const item = list[index] as JsonValue;
      const isAccepted =
        schema['unevaluatedItems'] === false
          ? fail(run, place, 'unevaluatedItems', item, schema)
          : attempt(link, item, place, undefined, run);
      if (isAccepted) continue;
      passed = false;
      if (!run.all) return false;
    }
    if (seen !== undefined) seen.items = Math.max(seen.items, list.length);
    return passed;
  };

export const arrayRules: MakeRules = (schema, maker, rules) => {
  const fewest = numberAt(schema, 'minItems');
  const most = numberAt(schema, 'maxItems');
  const sizeOf = (data: JsonValue): number => (data as readonly JsonValue[]).length;
  if (fewest !== undefined) {
    rules.array.push((data, at, _seen, run) => sizeOf(data) >= fewest || fail(run, at, 'minItems', data, schema));
  }
  if (most !== undefined) {
    rules.array.push((data, at, _seen, run) => sizeOf(data) <= most || fail(run, at, 'maxItems', data, schema));
  }
  if (schema['uniqueItems'] === true) {
    rules.array.push(
      (data, at, _seen, run) =>
        areUnique(data as readonly JsonValue[], maker.charge) || fail(run, at, 'uniqueItems', data, schema),
    );
  }
  const items = itemsOf(schema, maker);
  if (items.first.length > 0 || items.rest !== undefined) rules.array.push(itemsRule(items));
  const contains = linkAt(schema, 'contains', maker);
  if (contains !== undefined) rules.array.push(containsRule(schema, contains, maker.draft));
  const unevaluated = maker.draft === '2020-12' ? linkAt(schema, 'unevaluatedItems', maker) : undefined;
  if (unevaluated === undefined) return;
  const rule = unevaluatedRule(schema, unevaluated);
  rules.last.push((data, at, seen, run) => !Array.isArray(data) || rule(data, at, seen, run));
};
