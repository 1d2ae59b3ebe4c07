// The rules that apply other schemas to the same value: references, alternatives, conditions.

import type { JsonObject } from '../core/json.ts';
import { attempt, fail, quietly, type Check, type Link } from './evaluation.ts';
import { linkAt, linksAt, type MakeRules, type ReferenceLink } from './rule.ts';

const referenceRule =
  ({ link, byScope }: ReferenceLink): Check =>
  (data, at, seen, run) => {
    if (byScope === undefined) return link.check(data, at, seen, run);
    for (const resource of run.scope) {
      const first = byScope.get(resource);
      if (first !== undefined) return first.check(data, at, seen, run);
    }
    return link.check(data, at, seen, run);
  };

const allOfRule =
  (links: readonly Link[]): Check =>
  (data, at, seen, run) => {
    let passed = true;
    for (const link of links) {
      if (link.check(data, at, seen, run)) continue;
      passed = false;
      if (!run.all) return false;
    }
    return passed;
  };

/** Takes back the errors of alternatives that did not count in the end. */
const forget = (errors: unknown[] | undefined, kept: number): void => {
  if (errors !== undefined) errors.length = kept;
};

const anyOfRule =
  (schema: JsonObject, links: readonly Link[]): Check =>
  (data, at, seen, run) => {
    const kept = run.errors?.length ?? 0;
    let passed = false;
    for (const link of links) {
      if (!attempt(link, data, at, seen, run)) continue;
      passed = true;
      // The others are only of interest for what they evaluate.
      if (seen === undefined) break;
    }
    if (!passed) return fail(run, at, 'anyOf', data, schema);
    forget(run.errors, kept);
    return true;
  };

const oneOfRule =
  (schema: JsonObject, links: readonly Link[]): Check =>
  (data, at, seen, run) => {
    const kept = run.errors?.length ?? 0;
    let passing = 0;
    for (const link of links) {
      if (attempt(link, data, at, seen, run)) passing += 1;
      if (passing > 1) break;
    }
    if (passing > 0) forget(run.errors, kept);
    return passing === 1 || fail(run, at, 'oneOf', data, schema);
  };

const conditionRule =
  (condition: Link, then: Link | undefined, otherwise: Link | undefined): Check =>
  (data, at, seen, run) => {
    const branch = quietly(condition, data, seen, run) ? then : otherwise;
    return branch === undefined || branch.check(data, at, seen, run);
  };

export const referenceRules: MakeRules = (schema, maker, { any }) => {
  for (const key of ['$ref', '$dynamicRef']) {
    const reference = schema[key];
    if (typeof reference !== 'string' || (key === '$dynamicRef' && maker.draft === '07')) continue;
    const { link, byScope } = maker.reference(reference);
    any.push(referenceRule(key === '$ref' || byScope === undefined ? { link } : { link, byScope }));
  }
};

export const applicatorRules: MakeRules = (schema, maker, { any }) => {
  const allOf = linksAt(schema, 'allOf', maker);
  if (allOf !== undefined) any.push(allOfRule(allOf));
  const anyOf = linksAt(schema, 'anyOf', maker);
  if (anyOf !== undefined) any.push(anyOfRule(schema, anyOf));
  const oneOf = linksAt(schema, 'oneOf', maker);
  if (oneOf !== undefined) any.push(oneOfRule(schema, oneOf));
  const excluded = linkAt(schema, 'not', maker);
  if (excluded !== undefined) {
    any.push((data, at, _seen, run) => !quietly(excluded, data, undefined, run) || fail(run, at, 'not', data, schema));
  }
  const condition = linkAt(schema, 'if', maker);
  if (condition === undefined) return;
  any.push(conditionRule(condition, linkAt(schema, 'then', maker), linkAt(schema, 'else', maker)));
};
