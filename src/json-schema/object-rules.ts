// The rules of mappings. Only a mapping's own fields count: `toString` is missing where nobody wrote it.

import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.ts';
import type { Pattern } from './patterns.ts';
import { below, fail, type At, type Check, type Evaluated, type Link, type Run } from './evaluation.ts';
import { linkAt, numberAt, type Maker, type MakeRules } from './rule.ts';

type Mapping = { readonly [key: string]: JsonValue };

const entriesAt = (schema: JsonObject, key: string): readonly (readonly [string, JsonValue])[] => {
  const value = schema[key];
  return isJsonObject(value) ? (Object.entries(value) as [string, JsonValue][]) : [];
};

const namesIn = (value: JsonValue | undefined): readonly string[] =>
  Array.isArray(value) ? (value as readonly JsonValue[]).filter((name) => typeof name === 'string') : [];

/** `properties` alone: the schema's fields are few, the mapping's may be many. */
const propertiesRule =
  (properties: ReadonlyMap<string, Link>): Check =>
  (data, at, seen, run) => {
    let passed = true;
    for (const [name, link] of properties) {
      if (!Object.hasOwn(data as Mapping, name)) continue;
      seen?.fields.add(name);
      if (link.check((data as Mapping)[name] as JsonValue, below(run, at, name), undefined, run)) continue;
      passed = false;
      if (!run.all) return false;
    }
    return passed;
  };

type Fields = {
  readonly properties: ReadonlyMap<string, Link>;
  readonly patterns: readonly (readonly [Pattern, Link])[];
  readonly additional: Link | undefined;
  /** Set when `additionalProperties` is false. */
  readonly isClosed: boolean;
};

const fieldsRule = (schema: JsonObject, { properties, patterns, additional, isClosed }: Fields): Check => {
  /** A field that neither `properties` nor a pattern names. */
  const checkOther = (link: Link, name: string, value: JsonValue, at: At, run: Run): boolean =>
    isClosed
      ? fail(run, at, 'additionalProperties', value, schema, { additionalProperty: name })
      : link.check(value, below(run, at, name), undefined, run);

  const checkField = (name: string, value: JsonValue, at: At, seen: Evaluated | undefined, run: Run): boolean => {
    const place = below(run, at, name);
    const property = properties.get(name);
    let isKnown = property !== undefined;
    let passed = property === undefined || property.check(value, place, undefined, run);
    for (const [pattern, link] of patterns) {
      if (!passed && !run.all) return false;
      if (!pattern.test(name)) continue;
      isKnown = true;
      passed = link.check(value, place, undefined, run) && passed;
    }
    if (!isKnown && additional === undefined) return passed;
    seen?.fields.add(name);
    return isKnown || additional === undefined ? passed : checkOther(additional, name, value, at, run);
  };
  return (data, at, seen, run) => {
    const names = Object.keys(data as Mapping);
    run.charge((names.length * (1 + patterns.length)) / 8);
    let passed = true;
    for (const name of names) {
      if (checkField(name, (data as Mapping)[name] as JsonValue, at, seen, run)) continue;
      passed = false;
      if (!run.all) return false;
    }
    return passed;
  };
};

const missingRule =
  (schema: JsonObject, keyword: string, needed: readonly string[], unless?: string): Check =>
  (data, at, _seen, run) => {
    if (unless !== undefined && !Object.hasOwn(data as Mapping, unless)) return true;
    let passed = true;
    for (const missingProperty of needed) {
      if (Object.hasOwn(data as Mapping, missingProperty)) continue;
      passed = fail(run, at, keyword, data, schema, { missingProperty });
      if (!run.all) return false;
    }
    return passed;
  };

const namesRule =
  (link: Link): Check =>
  (data, at, _seen, run) => {
    const names = Object.keys(data as Mapping);
    run.charge(names.length / 8);
    let passed = true;
    for (const name of names) {
      const { propertyName } = run;
      run.propertyName = name;
      const isAccepted = link.check(name, at, undefined, run);
      run.propertyName = propertyName;
      if (isAccepted) continue;
      passed = false;
      if (!run.all) return false;
    }
    return passed;
  };

const unevaluatedRule =
  (schema: JsonObject, link: Link): Check =>
  (data, at, seen, run) => {
    const names = Object.keys(data as Mapping);
    run.charge(names.length / 8);
    let passed = true;
    for (const name of names) {
      if (seen?.fields.has(name) === true) continue;
      const value = (data as Mapping)[name] as JsonValue;
      const isAccepted =
        schema['unevaluatedProperties'] === false
          ? fail(run, at, 'unevaluatedProperties', value, schema, { unevaluatedProperty: name })
          : link.check(value, below(run, at, name), undefined, run);
      seen?.fields.add(name);
      if (isAccepted) continue;
      passed = false;
      if (!run.all) return false;
    }
    return passed;
  };

const addFields = (schema: JsonObject, maker: Maker, object: Check[]): void => {
  const properties = new Map(entriesAt(schema, 'properties').map(([name, sub]) => [name, maker.link(sub)]));
  const patterns = entriesAt(schema, 'patternProperties').map(
    ([source, sub]) => [maker.pattern(source), maker.link(sub)] as const,
  );
  const additional = linkAt(schema, 'additionalProperties', maker);
  const isClosed = schema['additionalProperties'] === false;
  if (patterns.length > 0 || additional !== undefined) {
    object.push(fieldsRule(schema, { properties, patterns, additional, isClosed }));
  } else if (properties.size > 0) object.push(propertiesRule(properties));
};

/** A field that asks for others, or for a schema of the whole mapping. */
const addDependencies = (schema: JsonObject, maker: Maker, object: Check[]): void => {
  const isNew = maker.draft === '2020-12';
  for (const [name, needed] of isNew ? entriesAt(schema, 'dependentRequired') : []) {
    object.push(missingRule(schema, 'dependentRequired', namesIn(needed), name));
  }
  const subschemas = [
    ...(isNew ? entriesAt(schema, 'dependentSchemas') : []),
    ...entriesAt(schema, 'dependencies').filter(([, value]) => !Array.isArray(value)),
  ];
  for (const [name, needed] of entriesAt(schema, 'dependencies')) {
    if (Array.isArray(needed)) object.push(missingRule(schema, 'dependencies', namesIn(needed), name));
  }
  for (const [name, sub] of subschemas) {
    const link = maker.link(sub);
    object.push((data, at, seen, run) => !Object.hasOwn(data as Mapping, name) || link.check(data, at, seen, run));
  }
};

const addCounts = (schema: JsonObject, object: Check[]): void => {
  const fewest = numberAt(schema, 'minProperties');
  const most = numberAt(schema, 'maxProperties');
  const countOf = (data: JsonValue, run: Run): number => {
    const { length } = Object.keys(data as Mapping);
    run.charge(length / 8);
    return length;
  };
  if (fewest !== undefined) {
    object.push((data, at, _seen, run) => countOf(data, run) >= fewest || fail(run, at, 'minProperties', data, schema));
  }
  if (most !== undefined) {
    object.push((data, at, _seen, run) => countOf(data, run) <= most || fail(run, at, 'maxProperties', data, schema));
  }
};

export const objectRules: MakeRules = (schema, maker, { object, last }) => {
  const required = namesIn(schema['required']);
  if (required.length > 0) object.push(missingRule(schema, 'required', required));
  addCounts(schema, object);
  addFields(schema, maker, object);
  addDependencies(schema, maker, object);
  const names = linkAt(schema, 'propertyNames', maker);
  if (names !== undefined) object.push(namesRule(names));
  const unevaluated = maker.draft === '2020-12' ? linkAt(schema, 'unevaluatedProperties', maker) : undefined;
  if (unevaluated === undefined) return;
  const rule = unevaluatedRule(schema, unevaluated);
  last.push((data, at, seen, run) => !isJsonObject(data) || rule(data, at, seen, run));
};
