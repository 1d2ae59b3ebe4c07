// The JSON Schemas of operators, which come from anybody and are run on specs that come from anybody. Draft 2020-12 (and draft-07 when the
// schema says so), `nullable` as the operator page uses it, `format` checked where it is known. Nothing here can hang, overflow or reach outside.

import { isJsonObject, type JsonValue } from '../core/json.ts';
import { reject, type Rejection, type RejectionDetail } from '../core/rejection.ts';
import { err, ok, type Result } from '../core/result.ts';
import { compileSchema } from '../json-schema/compile.ts';
import type { Check, Run, SchemaError } from '../json-schema/evaluation.ts';
import { metaProblems } from '../json-schema/meta-schema.ts';
import { surveySchema } from '../json-schema/survey.ts';
import { draftOf } from '../json-schema/vocabulary.ts';
import { capped } from './document.ts';
import { countKeys, readJson, scanJson } from './json-text.ts';
import { MAX_DEPTH, MAX_PROBLEMS } from '../json-schema/limits.ts';
import { BudgetExceeded, createBudget, type Budget } from '../json-schema/budget.ts';
import { createPatterns } from '../json-schema/patterns.ts';
import { detailsOf } from '../json-schema/problems.ts';

const MAX_SCHEMA_BYTES = 64 * 1024;
/** Steps of one evaluation; a step is at most about a microsecond. A spec of 256 KiB under a plain schema takes some ten thousand. */
const MAX_STEPS = 500_000;
/** Steps for finding all problems of a spec that has one: fewer, because each may leave an error behind. */
const MAX_EXPLAIN_STEPS = 20_000;

export type SpecValidator = {
  /**
   * Nothing when the spec fits, else its problems, at most 100. Pointers are `basePointer` plus the place in the spec. A spec that
   * cannot be checked within the steps gives one problem with code SCHEMA_INVALID. Never throws.
   */
  readonly validate: (spec: JsonValue, basePointer: string) => readonly RejectionDetail[];
  /** What in the schema has no effect, for people to read. */
  readonly warnings: readonly string[];
};

const TOO_COMPLEX: RejectionDetail = {
  message:
    "the operator's schema is too complex to evaluate on this spec; simplify the schema (recursion, nested alternatives) or the spec",
  code: 'SCHEMA_INVALID',
};

/** Whether the value fits; `undefined` when the schema overflowed the stack or used up its steps. */
const fits = (check: Check, value: JsonValue, budget: Budget, run: Run, steps: number): boolean | undefined => {
  budget.refill(steps);
  try {
    return check(value, undefined, undefined, run);
  } catch (error) {
    if (error instanceof BudgetExceeded || error instanceof RangeError) return undefined;
    throw error;
  }
};

/** All errors, or the first where that would take too many steps; undefined when that does too. */
const explain = (check: Check, value: JsonValue, budget: Budget): readonly SchemaError[] | undefined => {
  const run = (all: boolean): Run & { readonly errors: SchemaError[] } => ({
    ...{ charge: budget.charge, errors: [], all, propertyName: undefined, scope: [] },
  });
  const full = run(true);
  if (fits(check, value, budget, full, MAX_EXPLAIN_STEPS) === false) return full.errors;
  const short = run(false);
  return fits(check, value, budget, short, MAX_STEPS) === false ? short.errors : undefined;
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

/**
 * Compiles the text of a `jsonSchema` field (at most 64 KiB, 64 levels, 1000 subschemas; takes some milliseconds, so callers keep the result).
 * `pointer` is where the text stands in the manifest.
 * Errors: SCHEMA_INVALID, all problems at once, each with `pointer` and, in its message, the place inside the schema.
 */
export const compileSpecSchema = (jsonSchemaText: string, pointer: string): Result<SpecValidator> => {
  const read = readSchema(jsonSchemaText);
  if (!read.ok) return err(schemaInvalid(pointer, read.error));
  const draft = draftOf(read.value);
  if (!draft.ok) return err(schemaInvalid(pointer, [`$schema: ${draft.error}`]));

  const budget = createBudget();
  const patterns = createPatterns(budget.charge);
  const survey = surveySchema(read.value, draft.value, patterns);
  const problems = [
    ...metaProblems(read.value, draft.value, '#'),
    ...survey.hidden.flatMap(({ at, schema }) => metaProblems(schema, draft.value, at)),
    ...survey.problems,
  ];
  if (problems.length > 0) return err(schemaInvalid(pointer, problems));
  const check = compileSchema(survey, patterns, budget.charge);

  const validate = (spec: JsonValue, basePointer: string): readonly RejectionDetail[] => {
    const run: Run = { charge: budget.charge, errors: undefined, all: false, propertyName: undefined, scope: [] };
    const isFitting = fits(check, spec, budget, run, MAX_STEPS);
    if (isFitting === true) return [];
    const errors = isFitting === undefined ? undefined : explain(check, spec, budget);
    if (errors === undefined) return [{ ...TOO_COMPLEX, pointer: basePointer }];
    return capped(detailsOf(errors, basePointer, MAX_PROBLEMS, false));
  };
  return ok({ validate, warnings: survey.warnings });
};

/**
 * The schema of an operator that is stored already. One that would be refused today (it was accepted by an earlier version) accepts no spec and
 * says why: what cannot be checked is not taken for right.
 */
export const storedSpecSchema = (jsonSchemaText: string, pointer: string): SpecValidator => {
  const compiled = compileSpecSchema(jsonSchemaText, pointer);
  if (compiled.ok) return compiled.value;
  const why = compiled.error.details[0]?.message ?? compiled.error.message;
  const message = `the operator's schema cannot be used: ${why}; apply the operator with a schema that can`;
  return {
    validate: (_spec, basePointer) => [{ message, pointer: basePointer, code: 'SCHEMA_INVALID' }],
    warnings: [],
  };
};
