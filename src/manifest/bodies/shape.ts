// Our own shapes (manifests, command bodies, queries), compiled by ajv. Two validators for each: one that stops at the first problem
// and costs about a microsecond, and one that finds all of them, which runs only when the first has said no.

import { Ajv2020 } from 'ajv/dist/2020.js';
import type { JsonObject, JsonValue } from '../../core/json.ts';
import type { RejectionDetail } from '../../core/rejection.ts';
import { MAX_PROBLEMS } from '../../json-schema/limits.ts';
import { detailsOf } from '../../json-schema/problems.ts';

export type Shape = {
  /** Nothing when the value fits; otherwise every problem, with pointers from the value's root. */
  readonly problems: (value: JsonValue) => readonly RejectionDetail[];
};

const OPTIONS = { strict: false, validateFormats: false, logger: false } as const;
const first = new Ajv2020(OPTIONS);
const all = new Ajv2020({ ...OPTIONS, allErrors: true, verbose: true });
const NONE: readonly RejectionDetail[] = [];

/** `schema` is one of ours: an error in it is a bug and throws. Compiled when first used. */
export const shapeOf = (schema: JsonObject): Shape => {
  let isValid: ((value: JsonValue) => boolean) | undefined;
  let explain: ReturnType<typeof all.compile> | undefined;
  return {
    problems: (value) => {
      isValid ??= first.compile(schema) as (value: JsonValue) => boolean;
      if (isValid(value)) return NONE;
      explain ??= all.compile(schema);
      void explain(value);
      return detailsOf(explain.errors ?? [], '', MAX_PROBLEMS, true);
    },
  };
};
