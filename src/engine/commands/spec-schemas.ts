// The compiled spec schemas of operators, by operator version: compiling takes milliseconds, validating microseconds.

import { storedSpecSchema, type SpecValidator } from '../../manifest/spec-schema.ts';
import type { JsonObject } from '../../core/json.ts';
import type { RejectionDetail } from '../../core/rejection.ts';
import type { OperatorDocument } from '../../messages/queries.ts';

const SPEC_POINTER = '/resource/spec';

const schemaPointer = (index: number): string => `/operator/resources/${index}/specSchema/jsonSchema`;

type Compiled = {
  readonly uid: string;
  readonly generation: number;
  readonly validators: Map<string, SpecValidator | undefined>;
};

export const createSpecSchemas = () => {
  const byOperator = new Map<string, Compiled>();

  const compiledFor = (operator: OperatorDocument): Compiled => {
    const known = byOperator.get(operator.name);
    if (known !== undefined && known.uid === operator.uid && known.generation === operator.generation) return known;
    const validators = new Map<string, SpecValidator | undefined>();
    for (const [index, { name, specSchema }] of operator.manifest.operator.resources.entries()) {
      validators.set(
        name,
        specSchema === undefined ? undefined : storedSpecSchema(specSchema.jsonSchema, schemaPointer(index)),
      );
    }
    const entry = { uid: operator.uid, generation: operator.generation, validators };
    byOperator.set(operator.name, entry);
    return entry;
  };

  return {
    /** Problems of `spec` by the schema of the type; none when the type has no schema. */
    check: (operator: OperatorDocument, resourceType: string, spec: JsonObject): readonly RejectionDetail[] =>
      compiledFor(operator).validators.get(resourceType)?.validate(spec, SPEC_POINTER) ?? [],
  };
};

export type SpecSchemas = ReturnType<typeof createSpecSchemas>;
