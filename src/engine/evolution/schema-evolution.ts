// Which resources an operator would no longer accept if its manifest became another: their type or workspace is gone from it, or their spec
// breaks the type's new schema. Asked before a change of an operator is accepted, also for a dry run.

import { storedSpecSchema, type SpecValidator } from '../../manifest/spec-schema.ts';
import { reject, type Rejection, type RejectionDetail } from '../../core/rejection.ts';
import type { JsonObject } from '../../core/json.ts';
import type { Entity } from '../../messages/entity.ts';
import type { OperatorManifest, ResourceTypeSpec } from '../../messages/manifest-types.ts';
import type { Census } from './census.ts';

/** Problems listed in a refusal, of all resources together. */
const MAX_LISTED = 50;

type Changed = { readonly index: number; readonly validator: SpecValidator | undefined };

const schemaOf = (type: ResourceTypeSpec | undefined): string | undefined => type?.specSchema?.jsonSchema;

/** By type: the validator of a schema that differs from the one before; undefined where it does not. */
const changedSchemas = (before: OperatorManifest, after: OperatorManifest): ReadonlyMap<string, Changed> => {
  const earlier = new Map(before.operator.resources.map((type) => [type.name, type]));
  return new Map(
    after.operator.resources.flatMap((type, index) => {
      const schema = schemaOf(type);
      if (!earlier.has(type.name) || schema === undefined || schema === schemaOf(earlier.get(type.name))) return [];
      const validator = storedSpecSchema(schema, `/operator/resources/${index}/specSchema/jsonSchema`);
      return [[type.name, { index, validator }]];
    }),
  );
};

const removedFrom = (before: readonly string[], after: readonly string[]): ReadonlySet<string> =>
  new Set(before.filter((one) => !after.includes(one)));

/**
 * Which NATS server the channel is in. While it changes, the old components and the new ones each lead on theirs, and nothing fences one from
 * the other: so not while there is a resource.
 */
const serverOf = ({ operator }: OperatorManifest): string => {
  const { name, compute } = operator.natsClusterConfig ?? {};
  return `${name ?? ''}/${compute ?? ''}`;
};

const typeNames = ({ operator }: OperatorManifest): readonly string[] => operator.resources.map(({ name }) => name);

const specDetails = (who: string, spec: JsonObject, schema: Changed | undefined): readonly RejectionDetail[] =>
  (schema?.validator?.validate(spec, '/resource/spec') ?? []).map(({ code = 'SPEC_INVALID', ...problem }) => ({
    code,
    message: `${who}: ${problem.pointer ?? '/resource/spec'}: ${problem.message}`,
    pointer: `/operator/resources/${schema?.index ?? 0}/specSchema/jsonSchema`,
  }));

/** Whether a change of an operator can make a resource unfit: a schema differs, a type or a workspace is gone. */
export const canBreak = (before: OperatorManifest, after: OperatorManifest): boolean =>
  changedSchemas(before, after).size > 0 ||
  removedFrom(typeNames(before), typeNames(after)).size > 0 ||
  removedFrom(before.operator.enabledWorkspaces, after.operator.enabledWorkspaces).size > 0;

/** What does not fit of a resource, held against the whole manifest; undefined: all does. For resources that are stored already. */
export const misfitJudge = (manifest: OperatorManifest) => {
  const schemas = new Map(
    manifest.operator.resources.map((type, index) => {
      const schema = schemaOf(type);
      const pointer = `/operator/resources/${index}/specSchema/jsonSchema`;
      return [type.name, { index, validator: schema === undefined ? undefined : storedSpecSchema(schema, pointer) }];
    }),
  );
  return (entity: Entity): readonly RejectionDetail[] | undefined => {
    const { workspace, name, resource } = entity.manifest;
    if (entity.deletionRequestedAt !== undefined) return undefined;
    const who = `resource ${workspace}/${name}`;
    const schema = schemas.get(resource.type);
    if (schema === undefined)
      return [{ code: 'TYPE_NOT_FOUND', message: `${who} is of type "${resource.type}", which is gone` }];
    const isEnabled = manifest.operator.enabledWorkspaces.includes(workspace);
    const message = `${who} is in workspace "${workspace}", which is not enabled`;
    const details = [
      ...(isEnabled ? [] : [{ code: 'WORKSPACE_NOT_ENABLED', message }]),
      ...specDetails(who, resource.spec, schema),
    ];
    return details.length === 0 ? undefined : details;
  };
};

/**
 * The refusal, or undefined when every resource stays acceptable. `isReplaced`: the same command brings that resource anew, and it is judged
 * by itself. Details name resource, place in the spec and problem; their pointers are into the operator's manifest. Only a change that can
 * break something costs a look at the resources. Faults: those of the census.
 */
export const breakagesOf = async (
  before: OperatorManifest,
  after: OperatorManifest,
  census: Census,
  isReplaced: (entity: Entity) => boolean,
): Promise<Rejection | undefined> => {
  const changed = changedSchemas(before, after);
  const removedTypes = removedFrom(typeNames(before), typeNames(after));
  const removedWorkspaces = removedFrom(before.operator.enabledWorkspaces, after.operator.enabledWorkspaces);
  const moves = serverOf(before) !== serverOf(after);
  if (!moves && changed.size + removedTypes.size + removedWorkspaces.size === 0) return undefined;

  const judge = (entity: Entity): readonly RejectionDetail[] | undefined => {
    const { workspace, name, resource } = entity.manifest;
    const who = `resource ${workspace}/${name}`;
    if (moves) {
      const message = `${who} is looked after on the NATS server that the operator has now`;
      return [{ code: 'OPERATOR_HAS_RESOURCES', message, pointer: '/operator/natsClusterConfig' }];
    }
    if (isReplaced(entity)) return undefined;
    // Its component must still be told to remove it; what its spec says matters no more.
    if (removedTypes.has(resource.type)) {
      const message = `${who} is of type "${resource.type}", which would be gone`;
      return [{ code: 'TYPE_NOT_FOUND', message, pointer: '/operator/resources' }];
    }
    if (entity.deletionRequestedAt !== undefined) return undefined;
    const details: RejectionDetail[] = [];
    if (removedWorkspaces.has(workspace)) {
      const message = `${who} is in workspace "${workspace}", which would not be enabled any more`;
      details.push({ code: 'WORKSPACE_NOT_ENABLED', message, pointer: '/operator/enabledWorkspaces' });
    }
    details.push(...specDetails(who, resource.spec, changed.get(resource.type)));
    return details.length === 0 ? undefined : details;
  };

  const broken = await census.judgeAll(before.name, judge);
  if (broken.length === 0) return undefined;
  const all = broken.flatMap(({ found }) => found);
  const rest = all.length - MAX_LISTED;
  const more = rest > 0 ? [{ message: `and ${rest} more problem(s); ${broken.length} resources in all` }] : [];
  if (moves) {
    const message = `operator "${before.name}" has ${broken.length} resource(s); its natsClusterConfig can only change while it has none: delete or release them first`;
    return reject('OPERATOR_HAS_RESOURCES', message, [...all.slice(0, MAX_LISTED), ...more]);
  }
  const message = `operator "${before.name}" has ${broken.length} resource(s) that it would no longer accept; change or delete them first`;
  return reject('SCHEMA_BREAKS_RESOURCES', message, [...all.slice(0, MAX_LISTED), ...more]);
};
