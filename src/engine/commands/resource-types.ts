// What a resource type says beyond its schema: how its resources are called outside (`nameJqFilter`) and what can be done with them beside
// the normal run (`actions`). Types that declare neither pay nothing.

import { storedSpecSchema, type SpecValidator } from '../../manifest/spec-schema.ts';
import { found } from '../../json-schema/problems.ts';
import { reject, type RejectionDetail } from '../../core/rejection.ts';
import { err, ok, type Result } from '../../core/result.ts';
import type { HostOperator } from '../../domain/resource/decide.ts';
import type { RunWish } from '../../domain/resource/run.ts';
import { toPointer, type JsonObject, type JsonValue } from '../../core/json.ts';
import { expressionsOf } from '../../manifest/http-schema.ts';
import type { TargetCommand } from '../../messages/commands.ts';
import type { OperatorManifest, ResourceManifest, ResourceTypeSpec } from '../../messages/manifest-types.ts';
import type { JqRunner } from '../ports/jq.ts';

const MAX_NAME_LENGTH = 512;
const SPEC = '/resource/spec';

const unnamed = (message: string): Result<never> => err(reject('JQ_INVALID', message, [{ message, pointer: SPEC }]));

const typeOf = (operator: HostOperator | undefined, name: string): ResourceTypeSpec | undefined =>
  operator?.manifest.operator.resources.find((type) => type.name === name);

/** The name that a filter makes of the manifest. Errors: JQ_INVALID at the spec. */
export const nameBy = async (
  filter: string,
  manifest: ResourceManifest,
  jq: Pick<JqRunner, 'run'>,
): Promise<Result<string>> => {
  const outputs = await jq.run(filter, manifest as unknown as JsonValue);
  if (!outputs.ok) return unnamed(`the external name cannot be made (nameJqFilter): ${outputs.error.message}`);
  const [name, ...others] = outputs.value;
  const isName = typeof name === 'string' && name.trim() !== '' && name.length <= MAX_NAME_LENGTH;
  if (isName && others.length === 0) return ok(name);
  const what =
    outputs.value.length !== 1
      ? `${outputs.value.length} outputs`
      : typeof name === 'string'
        ? `text of ${name.length} characters`
        : found(name as JsonValue, SPEC);
  return unnamed(
    `nameJqFilter must give one name of 1 to ${MAX_NAME_LENGTH} characters for this manifest; found ${what}`,
  );
};

/** The filter that names the resources of the manifest's type, if the type has one. */
export const nameFilterOf = ({ resource }: ResourceManifest, operator: HostOperator | undefined): string | undefined =>
  typeOf(operator, resource.type)?.nameJqFilter;

type Program = { readonly program: string; readonly pointer: string };

/** Every jq program of the operator with its place in the manifest. */
const programsOf = (manifest: OperatorManifest): readonly Program[] =>
  manifest.operator.resources.flatMap(({ nameJqFilter, http }, index) => [
    ...(nameJqFilter === undefined
      ? []
      : [{ program: nameJqFilter, pointer: `/operator/resources/${index}/nameJqFilter` }]),
    ...expressionsOf((http ?? {}) as unknown as JsonObject).map(({ program, path }) => ({
      program,
      pointer: toPointer(['operator', 'resources', index, 'http', ...path]),
    })),
  ]);

/** Problems of the jq programs that are new in `after`. */
export const filterProblems = async (
  before: OperatorManifest | undefined,
  after: OperatorManifest,
  jq: Pick<JqRunner, 'check'>,
): Promise<readonly RejectionDetail[]> => {
  const known = new Set(before === undefined ? [] : programsOf(before).map(({ program }) => program));
  const fresh = programsOf(after).filter(({ program }) => !known.has(program));
  const checked = fresh.map(async ({ program, pointer }): Promise<readonly RejectionDetail[]> => {
    const compiled = await jq.check(program);
    return compiled.ok ? [] : [{ code: 'JQ_INVALID', message: compiled.error.message, pointer }];
  });
  return (await Promise.all(checked)).flat();
};

/** Compiled schemas of actions, by their text: they are few, and asked for again. */
const validators = new Map<string, SpecValidator>();
const MAX_VALIDATORS = 200;

const validatorOf = (schema: string): SpecValidator => {
  const known = validators.get(schema);
  if (known !== undefined) return known;
  if (validators.size >= MAX_VALIDATORS) validators.clear();
  const validator = storedSpecSchema(schema, '/parameters');
  validators.set(schema, validator);
  return validator;
};

/** What the command `run` asks for, seen with what the type declares. */
export const runWishOf = (
  { action, parameters, ifRunning }: TargetCommand,
  operator: HostOperator | undefined,
  resourceType: string,
): RunWish => {
  const type = typeOf(operator, resourceType);
  const declared = type?.actions ?? [];
  const policy = ifRunning ?? type?.ifRunning;
  const schema = declared.find(({ name }) => name === action)?.specSchema?.jsonSchema;
  return {
    ...(policy === undefined ? {} : { ifRunning: policy }),
    ...(action === undefined ? {} : { action }),
    ...(parameters === undefined ? {} : { parameters }),
    actions: declared.map(({ name }) => name),
    problems: schema === undefined ? [] : validatorOf(schema).validate(parameters ?? {}, '/parameters'),
  };
};
