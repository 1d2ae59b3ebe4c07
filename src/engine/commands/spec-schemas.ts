// The compiled spec schemas of operators: compiling takes milliseconds, validating microseconds. They are kept by the manifest itself, which is
// one object for as long as it stays as it is. The generation would not do: a dry run and a refused command try another manifest under the same.

import { storedSpecSchema, type SpecValidator } from '../../manifest/spec-schema.ts';
import type { JsonObject } from '../../core/json.ts';
import type { RejectionDetail } from '../../core/rejection.ts';
import type { OperatorManifest } from '../../messages/manifest-types.ts';

const SPEC_POINTER = '/resource/spec';

const schemaPointer = (index: number): string => `/operator/resources/${index}/specSchema/jsonSchema`;

type Validators = ReadonlyMap<string, SpecValidator | undefined>;

const compiled = ({ operator }: OperatorManifest): Validators =>
  new Map(
    operator.resources.map(({ name, specSchema }, index) => [
      name,
      specSchema === undefined ? undefined : storedSpecSchema(specSchema.jsonSchema, schemaPointer(index)),
    ]),
  );

export const createSpecSchemas = () => {
  const byManifest = new WeakMap<OperatorManifest, Validators>();

  const validatorsOf = (manifest: OperatorManifest): Validators => {
    const known = byManifest.get(manifest);
    if (known !== undefined) return known;
    const made = compiled(manifest);
    byManifest.set(manifest, made);
    return made;
  };

  return {
    /** Problems of `spec` by the schema of the type; none when the type has no schema. */
    check: (
      { manifest }: { readonly manifest: OperatorManifest },
      resourceType: string,
      spec: JsonObject,
    ): readonly RejectionDetail[] => validatorsOf(manifest).get(resourceType)?.validate(spec, SPEC_POINTER) ?? [],
  };
};

export type SpecSchemas = ReturnType<typeof createSpecSchemas>;
