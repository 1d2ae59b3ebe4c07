// The JSON Schemas of operators, which come from anybody and are run on specs that come from anybody. Draft 2020-12 (and draft-07 when the
// schema says so), `nullable` as the operator page uses it, `format` as annotation. Nothing here can hang, overflow or reach outside.

import { Ajv, type AnySchema, type ErrorObject, type Options } from 'ajv';
import { _, Name, MissingRefError } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { isJsonObject, type JsonValue } from '../../core/json.ts';
import { reject, type Rejection, type RejectionDetail } from '../../core/rejection.ts';
import { err, ok, type Result } from '../../core/result.ts';
import { capped } from '../manifest/document.ts';
import { countKeys, readJson, scanJson } from '../manifest/json-text.ts';
import { MAX_DEPTH, MAX_PROBLEMS } from '../manifest/limits.ts';
import { printable } from '../names.ts';
import { BudgetExceeded, createBudget, type Budget } from './budget.ts';
import { areUnique, oneOfThese } from './canonical.ts';
import { createPatterns, type Patterns } from './patterns.ts';
import { detailsOf } from './problems.ts';
import { prepare, TICK } from './schema-preparation.ts';

const MAX_SCHEMA_BYTES = 64 * 1024;
/** Steps of one evaluation; a step is at most about a microsecond. A spec of 256 KiB under a plain schema takes some ten thousand. */
const MAX_STEPS = 500_000;
/** Steps for finding all problems of a spec that has one: fewer, because each may leave an error behind. */
const MAX_EXPLAIN_STEPS = 20_000;

const DRAFTS = {
  'https://json-schema.org/draft/2020-12/schema': '2020-12',
  'http://json-schema.org/draft-07/schema': '07',
} as const;
type Draft = (typeof DRAFTS)[keyof typeof DRAFTS];

export type SpecValidator = {
  /**
   * Nothing when the spec fits, else its problems, at most 100. Pointers are `basePointer` plus the place in the spec. A spec that
   * cannot be checked within the steps gives one problem with code SCHEMA_INVALID. Never throws.
   */
  readonly validate: (spec: JsonValue, basePointer: string) => readonly RejectionDetail[];
  /** What in the schema has no effect, for people to read. */
  readonly warnings: readonly string[];
};

const metaSchemas = new Map<Draft, Ajv | Ajv2020>();
/** Checks a schema against the schema of its draft. */
const metaSchemaOf = (draft: Draft): Ajv | Ajv2020 => {
  const known = metaSchemas.get(draft);
  if (known !== undefined) return known;
  const options = { strict: false, validateFormats: false, allErrors: true, verbose: true, logger: false } as const;
  const created = draft === '07' ? new Ajv(options) : new Ajv2020(options);
  metaSchemas.set(draft, created);
  return created;
};

const addTick = (ajv: Ajv | Ajv2020, budget: Budget): void => {
  const tick = (data: unknown, weight: number, factor: number, errors: number): void => {
    let steps = weight + errors / 64;
    if (typeof data === 'string') steps += data.length / 64;
    else if (Array.isArray(data)) steps += data.length / 8;
    else if (factor > 0 && typeof data === 'object' && data !== null) steps += (Object.keys(data).length * factor) / 8;
    budget.charge(steps);
  };
  ajv.addKeyword({
    keyword: TICK,
    schemaType: 'array',
    // First in its group, so that it also runs for each reference that fails.
    before: '$ref',
    code: ({ gen, data, schema }) => {
      const [weight, factor] = schema as readonly [number, number];
      // `errors` is the count of the generated function; ajv copies that many for each failing reference.
      gen.code(_`${gen.scopeValue('func', { ref: tick })}(${data}, ${weight}, ${factor}, ${new Name('errors')})`);
    },
  });
};

const addComparisons = (ajv: Ajv | Ajv2020, budget: Budget): void => {
  for (const keyword of ['enum', 'const', 'uniqueItems']) ajv.removeKeyword(keyword);
  ajv.addKeyword({
    keyword: 'enum',
    schemaType: 'array',
    compile: (allowed: readonly JsonValue[]) => oneOfThese(allowed, budget.charge),
  });
  ajv.addKeyword({ keyword: 'const', compile: (value: JsonValue) => oneOfThese([value], budget.charge) });
  ajv.addKeyword({
    keyword: 'uniqueItems',
    type: 'array',
    schemaType: 'boolean',
    compile: (isWanted: boolean) => (items: readonly JsonValue[]) => !isWanted || areUnique(items, budget.charge),
  });
};

type Check = { (value: unknown): unknown; errors?: ErrorObject[] | null };

const compileWith = (
  schema: JsonValue,
  draft: Draft,
  allErrors: boolean,
  patterns: Patterns,
  budget: Budget,
): Check => {
  const options: Options = {
    strict: false,
    meta: false,
    validateSchema: false,
    validateFormats: false,
    logger: false,
    inlineRefs: false,
    allErrors,
    verbose: true,
    // Optimizing the generated code takes longer than it saves, and grows with the square of the schema.
    code: {
      optimize: false,
      regExp: Object.assign((source: string) => patterns.get(source), { code: 'patterns.get' }),
    },
  };
  const ajv = draft === '07' ? new Ajv(options) : new Ajv2020(options);
  addTick(ajv, budget);
  addComparisons(ajv, budget);
  return ajv.compile(schema as AnySchema);
};

const TOO_COMPLEX: RejectionDetail = {
  message:
    "the operator's schema is too complex to evaluate on this spec; simplify the schema (recursion, nested alternatives) or the spec",
  code: 'SCHEMA_INVALID',
};

/** `undefined` when the schema overflowed the stack or used up its steps. */
const run = (check: Check, value: JsonValue, budget: Budget, steps: number): readonly ErrorObject[] | undefined => {
  budget.refill(steps);
  try {
    return check(value) === true ? [] : (check.errors ?? []);
  } catch (error) {
    if (error instanceof BudgetExceeded || error instanceof RangeError) return undefined;
    throw error;
  }
};

const schemaInvalid = (pointer: string, messages: readonly string[]): Rejection =>
  reject(
    'SCHEMA_INVALID',
    `the jsonSchema cannot be used: ${messages[0] ?? ''}${messages.length > 1 ? ` (and ${messages.length - 1} more)` : ''}`,
    capped(messages.map((message) => ({ message, pointer, code: 'SCHEMA_INVALID' }))),
  );

/** The schema as a value, or what is wrong with the text. */
const readSchema = (text: string): Result<JsonValue, readonly string[]> => {
  const size = Buffer.byteLength(text);
  if (size > MAX_SCHEMA_BYTES) {
    return err([`expected at most ${MAX_SCHEMA_BYTES / 1024} KiB of schema, found ${Math.ceil(size / 1024)} KiB`]);
  }
  const scan = scanJson(text, MAX_DEPTH);
  if (scan.deepestOffset !== -1) return err([`the schema is nested deeper than ${MAX_DEPTH} levels`]);
  const { value, problems } = readJson(text);
  if (problems.length > 0 || Number.isNaN(countKeys(value))) {
    return err(
      problems.map(
        ({ message, line, column }) => `line ${line ?? 1}, column ${column ?? 1} of the schema's text: ${message}`,
      ),
    );
  }
  if (!isJsonObject(value) && typeof value !== 'boolean')
    return err(['expected a JSON Schema: an object, true or false']);
  return ok(value);
};

const draftOf = (schema: JsonValue): Result<Draft, readonly string[]> => {
  const uri = isJsonObject(schema) ? schema['$schema'] : undefined;
  if (uri === undefined) return ok('2020-12');
  const plain = typeof uri === 'string' ? uri.replace(/#$/, '') : '';
  if (Object.hasOwn(DRAFTS, plain)) return ok(DRAFTS[plain as keyof typeof DRAFTS]);
  return err([`$schema: expected ${Object.keys(DRAFTS).join(' or ')}, found "${printable(uri)}"`]);
};

const metaProblems = (schema: JsonValue, draft: Draft): readonly string[] => {
  const ajv = metaSchemaOf(draft);
  const uri = Object.entries(DRAFTS).find(([, name]) => name === draft)?.[0] ?? '';
  const check: Check | undefined = ajv.getSchema(uri);
  if (check === undefined) throw new Error(`ajv has no meta-schema ${uri}`);
  if (check(schema) === true) return [];
  return detailsOf(check.errors ?? [], '#', MAX_PROBLEMS, false).map(
    (detail) => `${detail.pointer ?? '#'}: ${detail.message}`,
  );
};

const compileProblem = (error: Error): string => {
  if (error instanceof RangeError) return 'the schema is too complex to compile; use fewer alternatives and references';
  if (error instanceof MissingRefError) {
    return `the reference "${printable(error.missingRef)}" leads to nothing in this schema; schemas are never fetched, so bring it in under "$defs"`;
  }
  return `the schema does not compile: ${printable(error.message)}`;
};

/** Ajv throws plain errors for schemas that it cannot compile. */
const tryCompile = (compile: () => Check): Result<Check, string> => {
  try {
    return ok(compile());
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return err(compileProblem(error));
  }
};

/**
 * Compiles the text of a `jsonSchema` field (at most 64 KiB, 64 levels, 1000 subschemas; takes some milliseconds, so callers keep the result).
 * `pointer` is where the text stands in the manifest.
 * Errors: SCHEMA_INVALID, all problems at once, each with `pointer` and, in its message, the place inside the schema.
 */
export const compileSpecSchema = (jsonSchemaText: string, pointer: string): Result<SpecValidator> => {
  const read = readSchema(jsonSchemaText);
  if (!read.ok) return err(schemaInvalid(pointer, read.error));
  const draft = draftOf(read.value);
  if (!draft.ok) return err(schemaInvalid(pointer, draft.error));

  const budget = createBudget();
  const patterns = createPatterns(budget.charge);
  const prepared = prepare(read.value, patterns);
  const problems = [...metaProblems(read.value, draft.value), ...prepared.problems];
  if (problems.length > 0) return err(schemaInvalid(pointer, problems));
  const compiled = tryCompile(() => compileWith(prepared.schema, draft.value, false, patterns, budget));
  if (!compiled.ok) return err(schemaInvalid(pointer, [compiled.error]));
  const first = compiled.value;
  let all: Check | undefined;

  const validate = (spec: JsonValue, basePointer: string): readonly RejectionDetail[] => {
    const errors = run(first, spec, budget, MAX_STEPS);
    if (errors?.length === 0) return [];
    // Ajv nests one block for each property when it stops at the first error: very wide schemas overflow there, and only there.
    all ??= compileWith(prepared.schema, draft.value, true, patterns, budget);
    const everything = run(all, spec, budget, MAX_EXPLAIN_STEPS) ?? errors;
    if (everything === undefined) return [{ ...TOO_COMPLEX, pointer: basePointer }];
    return capped(detailsOf(everything, basePointer, MAX_PROBLEMS, false));
  };
  return ok({ validate, warnings: prepared.warnings });
};
