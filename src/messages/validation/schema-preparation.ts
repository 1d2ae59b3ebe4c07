// An operator's schema, made ready for ajv: `nullable` turned into a type, annotations dropped, and in every subschema a step that charges
// the budget. Also finds what ajv would not say well: bad patterns, references that lead nowhere or out of the schema, unknown keywords.
// A reference must lead to a subschema that was prepared here, or its evaluation would cost nothing.

import { fromPointer, isJsonObject, pointerToken, type JsonObject, type JsonValue } from '../../core/json.ts';
import { printable } from '../names.ts';
import { nearestName } from './nearest.ts';
import type { Patterns } from './patterns.ts';

/** The keyword that charges: `[weight, factor of the number of fields]`. */
export const TICK = 'opstream:tick';
const MAX_SUBSCHEMAS = 1000;

const MAPS = new Set(['properties', 'patternProperties', '$defs', 'definitions', 'dependencies', 'dependentSchemas']);
const LITERALS = new Set(['enum', 'const']);
const SUBSCHEMAS = new Set([
  ...['allOf', 'anyOf', 'oneOf', 'not', 'if', 'then', 'else', 'items', 'additionalItems', 'prefixItems', 'contains'],
  ...['additionalProperties', 'propertyNames', 'unevaluatedItems', 'unevaluatedProperties', 'contentSchema'],
]);
const RULES = new Set([
  ...[
    'type',
    'required',
    'dependentRequired',
    'minimum',
    'maximum',
    'exclusiveMinimum',
    'exclusiveMaximum',
    'multipleOf',
  ],
  ...['minLength', 'maxLength', 'pattern', 'minItems', 'maxItems', 'uniqueItems', 'minContains', 'maxContains'],
  ...[
    'minProperties',
    'maxProperties',
    '$ref',
    '$dynamicRef',
    '$recursiveRef',
    '$id',
    '$anchor',
    '$dynamicAnchor',
    '$recursiveAnchor',
  ],
]);
/** Say nothing about validity. Dropped, so that nothing in them can be referred to. */
const ANNOTATIONS = new Set([
  ...[
    '$schema',
    '$comment',
    '$vocabulary',
    'title',
    'description',
    'default',
    'examples',
    'format',
    'deprecated',
    'readOnly',
  ],
  ...['writeOnly', 'contentMediaType', 'contentEncoding', 'nullable'],
]);
const KNOWN = [...MAPS, ...LITERALS, ...SUBSCHEMAS, ...RULES, ...ANNOTATIONS];
/** Ajv gives these a meaning of its own, or stops at them. */
const AJV_ONLY = new Set(['id', '$async', '$data', 'discriminator', TICK]);
const ITERATES_FIELDS = [
  'additionalProperties',
  'unevaluatedProperties',
  'propertyNames',
  'minProperties',
  'maxProperties',
];

export type Prepared = {
  readonly schema: JsonValue;
  readonly problems: readonly string[];
  readonly warnings: readonly string[];
  /** Places of `nullable: true`, which draft 2020-12 does not know. */
  readonly nullables: readonly string[];
};

type Preparation = {
  readonly patterns: Patterns;
  readonly problems: string[];
  readonly warnings: string[];
  readonly nullables: string[];
  count: number;
};

/** Whether the segments lead from a schema to a subschema, following the same roads as `prepare`. */
const leadsToSchema = (root: JsonValue, segments: readonly string[]): boolean => {
  let at: JsonValue | undefined = root;
  let state: 'schema' | 'map' | 'list' = 'schema';
  for (const segment of segments) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, segment)) return false;
    if (state === 'schema' && (LITERALS.has(segment) || ANNOTATIONS.has(segment) || AJV_ONLY.has(segment)))
      return false;
    at = (at as { readonly [key: string]: JsonValue })[segment];
    const isMap: boolean = state === 'schema' && MAPS.has(segment);
    state = isMap ? 'map' : Array.isArray(at) ? 'list' : 'schema';
  }
  return state === 'schema' && (isJsonObject(at) || typeof at === 'boolean');
};

const decodeFragment = (fragment: string): string | undefined => {
  try {
    return decodeURIComponent(fragment);
  } catch {
    return undefined;
  }
};

/** A problem with a reference that can be seen without ajv. `resource` is the schema that "#" means. */
const referenceProblem = (reference: string, resource: JsonValue): string | undefined => {
  const hash = reference.indexOf('#');
  const fragment = hash === -1 ? '' : decodeFragment(reference.slice(hash + 1));
  if (fragment === undefined) return `the reference "${printable(reference)}" is not a URI`;
  if (!fragment.startsWith('/') || fragment === '/') return undefined;
  const isOwnId = isJsonObject(resource) && reference.slice(0, hash) === resource['$id'];
  if (hash > 0 && !isOwnId)
    return `the reference "${printable(reference)}" has both a base and a path; name the subschema with $anchor instead`;
  return leadsToSchema(resource, fromPointer(fragment))
    ? undefined
    : `the reference "${printable(reference)}" does not lead to a subschema`;
};

const sizeOf = (value: JsonValue | undefined): number =>
  typeof value !== 'object' || value === null ? 1 : Array.isArray(value) ? value.length : Object.keys(value).length;

const withNullable = (schema: JsonObject, at: string, preparation: Preparation): JsonValue | undefined => {
  const { nullable, type } = schema as { readonly nullable?: JsonValue; readonly type?: JsonValue };
  if (nullable === undefined) return type;
  if (typeof nullable !== 'boolean') preparation.warnings.push(`${at}: "nullable" is true or false; it is ignored`);
  else if (nullable && type === undefined) preparation.warnings.push(`${at}: "nullable" without "type" says nothing`);
  if (nullable !== true || type === undefined) return type;
  preparation.nullables.push(at);
  const types: readonly JsonValue[] = Array.isArray(type) ? (type as readonly JsonValue[]) : [type];
  return types.includes('null') ? type : [...types, 'null'];
};

const checkPattern = (value: JsonValue | undefined, at: string, preparation: Preparation): void => {
  if (typeof value !== 'string') return;
  const problem = preparation.patterns.problem(value);
  if (problem !== undefined) preparation.problems.push(`${at}: ${problem}`);
};

const prepareMap = (map: JsonObject, at: string, resource: JsonValue, preparation: Preparation): JsonObject =>
  Object.fromEntries(
    Object.entries(map).map(([name, entry]) => {
      if (!isJsonObject(entry) && typeof entry !== 'boolean' && !Array.isArray(entry)) {
        preparation.problems.push(`${at}/${pointerToken(name)}: expected a schema (a mapping, true or false)`);
      }
      return [name, prepareValue(entry as JsonValue, `${at}/${pointerToken(name)}`, resource, preparation)];
    }),
  );

const prepareValue = (value: JsonValue, at: string, resource: JsonValue, preparation: Preparation): JsonValue => {
  if (Array.isArray(value)) {
    return (value as readonly JsonValue[]).map((item, index) =>
      prepareValue(item, `${at}/${index}`, resource, preparation),
    );
  }
  return isJsonObject(value) ? prepareSchema(value, at, resource, preparation) : value;
};

const warnUnknown = (key: string, at: string, preparation: Preparation): void => {
  const nearest = nearestName(key, KNOWN);
  const hint = nearest === undefined ? '' : `; did you mean "${nearest}"?`;
  preparation.warnings.push(`${at}: the keyword "${printable(key)}" is not known and is ignored${hint}`);
};

const prepareSchema = (schema: JsonObject, at: string, outer: JsonValue, preparation: Preparation): JsonObject => {
  preparation.count += 1;
  if (preparation.count > MAX_SUBSCHEMAS) return {};
  // A schema with an $id of its own is what "#" means inside it.
  const resource = typeof schema['$id'] === 'string' && !schema['$id'].startsWith('#') ? schema : outer;
  const prepared: Record<string, JsonValue> = {};
  let weight = 1;
  for (const key of Object.keys(schema)) {
    const value = schema[key] as JsonValue;
    const child = `${at}/${pointerToken(key)}`;
    if (ANNOTATIONS.has(key)) continue;
    if (AJV_ONLY.has(key) || key === '__proto__') {
      warnUnknown(key, at, preparation);
      continue;
    }
    weight += sizeOf(value) / 8;
    if (key === '$ref' || key === '$dynamicRef' || key === '$recursiveRef') {
      const problem = typeof value === 'string' ? referenceProblem(value, resource) : 'expected a reference as text';
      if (problem !== undefined) preparation.problems.push(`${child}: ${problem}`);
    }
    if (key === 'pattern') checkPattern(value, child, preparation);
    if (key === 'patternProperties' && isJsonObject(value)) {
      for (const pattern of Object.keys(value)) checkPattern(pattern, child, preparation);
    }
    if (LITERALS.has(key) || RULES.has(key)) prepared[key] = value;
    else if (MAPS.has(key) && isJsonObject(value)) prepared[key] = prepareMap(value, child, resource, preparation);
    else if (MAPS.has(key) || SUBSCHEMAS.has(key)) prepared[key] = prepareValue(value, child, resource, preparation);
    else {
      warnUnknown(key, at, preparation);
      if (typeof value === 'object' && value !== null)
        prepared[key] = prepareValue(value, child, resource, preparation);
    }
  }
  const type = withNullable(schema, at, preparation);
  if (type !== undefined) prepared['type'] = type;
  const patterns = isJsonObject(schema['patternProperties']) ? Object.keys(schema['patternProperties']).length : 0;
  const factor = patterns + (ITERATES_FIELDS.some((key) => schema[key] !== undefined) ? 1 : 0);
  prepared[TICK] = [Math.ceil(weight), factor];
  return prepared;
};

/** Prepares a schema that is at most MAX_DEPTH deep. With problems the schema is not to be used. */
export const prepare = (schema: JsonValue, patterns: Patterns): Prepared => {
  const preparation: Preparation = { patterns, problems: [], warnings: [], nullables: [], count: 0 };
  const prepared = isJsonObject(schema) ? prepareSchema(schema, '#', schema, preparation) : schema;
  if (preparation.count > MAX_SUBSCHEMAS) {
    preparation.problems.push(`the schema has more than ${MAX_SUBSCHEMAS} subschemas`);
  }
  const { problems, warnings, nullables } = preparation;
  return { schema: prepared, problems, warnings, nullables };
};
