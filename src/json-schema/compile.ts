// A surveyed schema, made into functions: one check for each subschema, linked by what refers to what. No code is generated from what operators
// write. Every check charges the budget first, so that no schema can run for longer than it may.

import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.ts';
import type { Patterns } from './patterns.ts';
import { applicatorRules, referenceRules } from './applicator-rules.ts';
import { arrayRules } from './array-rules.ts';
import { Evaluated, fail, type At, type Check, type Link, type Run } from './evaluation.ts';
import { objectRules } from './object-rules.ts';
import type { Resource, Target } from './resources.ts';
import type { Maker, ReferenceLink, Rules } from './rule.ts';
import { anyRules, numberRules, textRules } from './scalar-rules.ts';
import type { Survey } from './survey.ts';
import { isOnlyReference } from './vocabulary.ts';

const PASSES: Link = { check: () => true };
const FAILS: Link = { check: (data, at, _seen, run) => fail(run, at, 'false schema', data) };
const NOT_THERE: Check = () => {
  throw new Error('a subschema was used before it was compiled');
};

const sizeOf = (value: JsonValue | undefined): number =>
  typeof value !== 'object' || value === null ? 1 : Array.isArray(value) ? value.length : Object.keys(value).length;

/** Steps of one subschema whatever the value. */
const weightOf = (schema: JsonObject): number =>
  Math.ceil(Object.keys(schema).reduce((sum, key) => sum + sizeOf(schema[key]) / 8, 1));

const rulesOf = (schema: JsonObject, maker: Maker): Rules => {
  const rules: Rules = { any: [], object: [], array: [], string: [], number: [], last: [] };
  if (isOnlyReference(schema, maker.draft)) {
    referenceRules(schema, maker, rules);
    return rules;
  }
  for (const make of [anyRules, textRules, numberRules, referenceRules, applicatorRules, objectRules, arrayRules]) {
    make(schema, maker, rules);
  }
  return rules;
};

const runRules = (
  checks: readonly Check[],
  data: JsonValue,
  at: At,
  seen: Evaluated | undefined,
  run: Run,
): boolean => {
  let passed = true;
  for (const check of checks) {
    if (check(data, at, seen, run)) continue;
    passed = false;
    if (!run.all) return false;
  }
  return passed;
};

/** The check of one subschema, but for its part in the dynamic scope. */
const checkOf = (schema: JsonObject, maker: Maker): Check => {
  const { any, object, array, string, number, last } = rulesOf(schema, maker);
  const weight = weightOf(schema);
  const isNullable = schema['nullable'] === true;
  const forObject = [...any, ...object];
  const forArray = [...any, ...array];
  const forString = [...any, ...string];
  const forNumber = [...any, ...number];
  const rulesFor = (data: JsonValue, run: Run): readonly Check[] => {
    if (typeof data === 'string') {
      run.charge(weight + data.length / 64);
      return forString;
    }
    if (Array.isArray(data)) {
      run.charge(weight + data.length / 8);
      return forArray;
    }
    run.charge(weight);
    if (typeof data === 'number') return forNumber;
    return typeof data === 'object' && data !== null ? forObject : any;
  };
  if (last.length === 0) {
    return (data, at, seen, run) => {
      const rules = rulesFor(data, run);
      return (isNullable && data === null) || runRules(rules, data, at, seen, run);
    };
  }
  return (data, at, seen, run) => {
    const rules = rulesFor(data, run);
    if (isNullable && data === null) return true;
    // `unevaluated*` sees what stands beside it and below, and nothing of what is around.
    const own = new Evaluated();
    const passed = runRules(rules, data, at, own, run) && runRules(last, data, at, own, run);
    if (passed) seen?.add(own, run.charge);
    return passed;
  };
};

/** Keeps the dynamic scope: a resource is in it while anything of it is evaluated. */
const scoped =
  (resource: Resource, check: Check): Check =>
  (data, at, seen, run) => {
    if (run.scope.at(-1) === resource) return check(data, at, seen, run);
    run.scope.push(resource);
    const passed = check(data, at, seen, run);
    run.scope.pop();
    return passed;
  };

/** The check of the whole schema, whose survey found no problems. `patterns` has accepted its patterns. */
export const compileSchema = (survey: Survey, patterns: Patterns, charge: Run['charge']): Check => {
  const links = new Map<JsonObject, Link>();
  const waiting: { readonly schema: JsonObject; readonly link: Link }[] = [];
  const hasDynamicScope = [...survey.resources.values()].some(({ dynamicAnchors }) => dynamicAnchors.size > 0);

  const link = (schema: JsonValue): Link => {
    if (!isJsonObject(schema)) return schema === false ? FAILS : PASSES;
    const known = links.get(schema);
    if (known !== undefined) return known;
    const made: Link = { check: NOT_THERE };
    links.set(schema, made);
    waiting.push({ schema, link: made });
    return made;
  };

  const reference = ({ schema, dynamicName }: Target): ReferenceLink => {
    if (dynamicName === undefined) return { link: link(schema) };
    const byScope = new Map<Resource, Link>();
    for (const resource of survey.resources.values()) {
      const first = resource.dynamicAnchors.get(dynamicName);
      if (first !== undefined) byScope.set(resource, link(first));
    }
    return { link: link(schema), byScope };
  };

  const root = link(survey.root.schema);
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const { schema } = next;
    const resource = survey.resourceOf(schema);
    const check = checkOf(schema, {
      draft: survey.draft,
      link,
      reference: (text) => reference(survey.target(text, resource)),
      pattern: patterns.get,
      charge,
    });
    next.link.check = hasDynamicScope ? scoped(resource, check) : check;
  }
  return (data, at, seen, run) => root.check(data, at, seen, run);
};
