// The keywords of the two drafts of JSON Schema that operators may use, and where subschemas stand in them. Used by the survey of a schema
// (survey.ts), by what compiles it (compile.ts) and by the lint.

import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.ts';
import { err, ok, type Result } from '../core/result.ts';
import { printable } from '../core/names.ts';

export const DRAFTS = {
  'https://json-schema.org/draft/2020-12/schema': '2020-12',
  'http://json-schema.org/draft-07/schema': '07',
} as const;
export type Draft = (typeof DRAFTS)[keyof typeof DRAFTS];

export type Vocabulary = {
  /** One subschema; in draft-07 `items` may be a list of them. */
  readonly single: ReadonlySet<string>;
  readonly lists: ReadonlySet<string>;
  /** Subschemas by name. Those in `dependencies` may also be lists of names. */
  readonly maps: ReadonlySet<string>;
  readonly literals: ReadonlySet<string>;
  readonly rules: ReadonlySet<string>;
  /** Say nothing about validity (`nullable`, which no draft has, is honoured); nothing in them can be referred to. */
  readonly annotations: ReadonlySet<string>;
};

const LITERALS = new Set(['enum', 'const']);
const BOTH_SINGLE = ['not', 'if', 'then', 'else', 'items', 'contains', 'additionalProperties', 'propertyNames'];
const BOTH_MAPS = ['properties', 'patternProperties', '$defs', 'definitions', 'dependencies'];
const BOTH_RULES = [
  ...['$ref', '$id', 'type', 'required', 'minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf'],
  ...['minLength', 'maxLength', 'pattern', 'format', 'minItems', 'maxItems', 'uniqueItems'],
  ...['minProperties', 'maxProperties'],
];
const BOTH_ANNOTATIONS = [
  ...['$schema', '$comment', 'title', 'description', 'default', 'examples', 'readOnly', 'writeOnly', 'nullable'],
  ...['contentMediaType', 'contentEncoding'],
];

export const VOCABULARIES: Readonly<Record<Draft, Vocabulary>> = {
  '2020-12': {
    single: new Set([...BOTH_SINGLE, 'unevaluatedItems', 'unevaluatedProperties', 'contentSchema']),
    lists: new Set(['allOf', 'anyOf', 'oneOf', 'prefixItems']),
    maps: new Set([...BOTH_MAPS, 'dependentSchemas']),
    literals: LITERALS,
    rules: new Set([
      ...[...BOTH_RULES, '$anchor', '$dynamicRef', '$dynamicAnchor', 'dependentRequired', 'minContains', 'maxContains'],
    ]),
    annotations: new Set([...BOTH_ANNOTATIONS, '$vocabulary', 'deprecated']),
  },
  '07': {
    single: new Set([...BOTH_SINGLE, 'additionalItems']),
    lists: new Set(['allOf', 'anyOf', 'oneOf']),
    maps: new Set(BOTH_MAPS),
    literals: LITERALS,
    rules: new Set(BOTH_RULES),
    annotations: new Set(BOTH_ANNOTATIONS),
  },
};

/** The draft that `$schema` names, 2020-12 without one; or what is wrong with it. */
export const draftOf = (schema: JsonValue): Result<Draft, string> => {
  const uri = isJsonObject(schema) ? schema['$schema'] : undefined;
  if (uri === undefined) return ok('2020-12');
  const plain = typeof uri === 'string' ? uri.replace(/#$/, '') : '';
  if (Object.hasOwn(DRAFTS, plain)) return ok(DRAFTS[plain as keyof typeof DRAFTS]);
  return err(`expected ${Object.keys(DRAFTS).join(' or ')}, found "${printable(uri)}"`);
};

/** Draft-07 ignores what stands beside a `$ref`. */
export const isOnlyReference = (schema: JsonObject, draft: Draft): boolean =>
  draft === '07' && typeof schema['$ref'] === 'string';
