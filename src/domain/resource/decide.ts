// Decides commands on one resource. Pure. What the resource's operator says comes in as `host`: the engine reads it, and checks the
// spec against the operator's schema with it.

import { isDeepStrictEqual } from '../equal.ts';
import { diff } from '../../messages/patch.ts';
import { err, ok, type Result } from '../../core/result.ts';
import { reject, type RejectionDetail } from '../../core/rejection.ts';
import { versionConflict } from '../operator/decide.ts';
import type { JsonObject, JsonValue } from '../../core/json.ts';
import type { NewResourceEvent, RunRequest } from '../../messages/events.ts';
import type { ResourceManifest } from '../../messages/manifest/types.ts';
import type { OperatorDocument } from '../../messages/queries.ts';
import type { Entity } from '../../messages/entity.ts';
import type { Decision, DecisionContext } from '../decision.ts';
import type { ResourceState } from './state.ts';

/** What the decider needs to know of the operator that the manifest names. */
export type Host = {
  readonly operator: OperatorDocument | undefined;
  /** Problems of the spec by the type's schema; pointers are into the manifest. */
  checkSpec(resourceType: string, spec: JsonObject): readonly RejectionDetail[];
};

export type ResourceCommand =
  | {
      readonly type: 'apply';
      readonly manifest: ResourceManifest;
      readonly host: Host;
      readonly mustBeNew: boolean;
      readonly expectedGeneration?: number;
    }
  | { readonly type: 'delete' | 'run' | 'cancel' | 'suspend' | 'resume'; readonly expectedGeneration?: number }
  | { readonly type: 'finalize'; readonly uid: string };

/** The type's declaration when the operator takes this manifest, else why not: every reason at once. */
const admit = (manifest: ResourceManifest, host: Host): Result<{ readonly isRunnable: boolean }> => {
  const { operator: operatorName, type: typeName, spec } = manifest.resource;
  const { operator } = host;
  if (operator === undefined) {
    const message = `operator "${operatorName}" is not registered`;
    return err(
      reject('OPERATOR_NOT_FOUND', `${message}; apply its manifest first, or name another`, [
        { message, pointer: '/resource/operator' },
      ]),
    );
  }
  if (operator.deletionRequestedAt !== undefined) {
    return err(
      reject('OPERATOR_DELETING', `operator "${operatorName}" is being deleted and takes no resources`, [
        { message: 'this operator is being deleted', pointer: '/resource/operator' },
      ]),
    );
  }
  const { resources, enabledWorkspaces } = operator.manifest.operator;
  const details: RejectionDetail[] = [];
  if (!enabledWorkspaces.includes(manifest.workspace)) {
    const message = `operator "${operatorName}" is enabled in ${enabledWorkspaces.join(', ')}; found workspace "${manifest.workspace}"`;
    details.push({ code: 'WORKSPACE_NOT_ENABLED', message, pointer: '/workspace' });
  }
  const resourceType = resources.find(({ name }) => name === typeName);
  if (resourceType === undefined) {
    const message = `operator "${operatorName}" has the types ${resources.map(({ name }) => name).join(', ')}; found "${typeName}"`;
    details.push({ code: 'TYPE_NOT_FOUND', message, pointer: '/resource/type' });
  } else {
    details.push(...host.checkSpec(typeName, spec).map((detail) => ({ code: 'SPEC_INVALID', ...detail })));
  }
  const [first] = details;
  if (first === undefined) return ok({ isRunnable: resourceType?.isRunnable ?? false });
  const code = first.code === 'WORKSPACE_NOT_ENABLED' || first.code === 'TYPE_NOT_FOUND' ? first.code : 'SPEC_INVALID';
  const message =
    code === 'SPEC_INVALID'
      ? `the spec breaks the schema of ${operatorName}/${typeName} in ${details.length} place(s)`
      : first.message;
  return err(reject(code, message, details));
};

const nextRun = (entity: Entity | undefined, context: DecisionContext): RunRequest => ({
  id: context.eventId,
  number: (entity?.run?.number ?? 0) + 1,
  requestedAt: context.time,
});

const beingDeleted = (entity: Entity) =>
  err(
    reject(
      'BEING_DELETED',
      `resource "${entity.manifest.name}" in workspace "${entity.manifest.workspace}" is being deleted since ${entity.deletionRequestedAt ?? '?'}; try again when it is gone`,
    ),
  );

const decideApply = (
  command: Extract<ResourceCommand, { type: 'apply' }>,
  state: ResourceState,
  context: DecisionContext,
): Decision<NewResourceEvent> => {
  const { manifest, host } = command;
  const { entity } = state;
  const found = entity?.generation ?? 0;
  if (command.expectedGeneration !== undefined && command.expectedGeneration !== found) {
    return versionConflict(command.expectedGeneration, found);
  }
  if (entity !== undefined) {
    if (command.mustBeNew) {
      return err(
        reject(
          'ALREADY_EXISTS',
          `resource "${manifest.name}" exists already in workspace "${manifest.workspace}"; use apply to change it`,
        ),
      );
    }
    if (entity.deletionRequestedAt !== undefined) return beingDeleted(entity);
    const { operator, type } = entity.manifest.resource;
    if (operator !== manifest.resource.operator || type !== manifest.resource.type) {
      return err(
        reject(
          'OPERATOR_IMMUTABLE',
          `resource "${manifest.name}" belongs to ${operator}/${type}; delete it and declare it anew to move it`,
          [{ message: `expected ${operator}/${type}`, pointer: '/resource' }],
        ),
      );
    }
  }
  const admitted = admit(manifest, host);
  if (!admitted.ok) return admitted;
  const generation = state.generation + 1;
  if (entity === undefined) {
    const runnable = admitted.value.isRunnable;
    const run = runnable ? { run: nextRun(undefined, context) } : {};
    const data = { uid: context.eventId, manifest, runnable, ...run };
    return ok([{ type: 'io.opstream.resource.declared.v1', generation, data }]);
  }
  if (isDeepStrictEqual(entity.manifest, manifest)) return ok([]);
  const patch = diff(entity.manifest as unknown as JsonValue, manifest as unknown as JsonValue);
  const isNewRun = entity.runnable && !isDeepStrictEqual(entity.manifest.resource.spec, manifest.resource.spec);
  const data = { patch, ...(isNewRun ? { run: nextRun(entity, context) } : {}) };
  return ok([{ type: 'io.opstream.resource.changed.v1', generation, data }]);
};

export const decideResource = (
  command: ResourceCommand,
  state: ResourceState,
  context: DecisionContext,
  where: { readonly workspace: string; readonly name: string },
): Decision<NewResourceEvent> => {
  if (command.type === 'apply') return decideApply(command, state, context);
  const { entity } = state;
  if (command.type === 'finalize') {
    if (entity === undefined || entity.uid !== command.uid) return ok([]);
    if (entity.deletionRequestedAt === undefined) {
      return err(
        reject('COMMAND_INVALID', `resource "${where.name}" cannot be finalized: nobody asked for its deletion`),
      );
    }
    return ok([{ type: 'io.opstream.resource.deleted.v1', generation: state.generation, data: {} }]);
  }
  if (entity === undefined) {
    return err(
      reject(
        'NOT_FOUND',
        `there is no resource "${where.name}" in workspace "${where.workspace}"; "opstream get -t resource -a" lists what is there`,
      ),
    );
  }
  if (command.expectedGeneration !== undefined && command.expectedGeneration !== entity.generation) {
    return versionConflict(command.expectedGeneration, entity.generation);
  }
  const { generation } = state;
  if (command.type === 'delete') {
    return entity.deletionRequestedAt === undefined
      ? ok([{ type: 'io.opstream.resource.deletion-requested.v1', generation, data: {} }])
      : ok([]);
  }
  if (entity.deletionRequestedAt !== undefined) return beingDeleted(entity);
  return decideSteering(command.type, entity, generation, context);
};

/** run, cancel, suspend, resume: on a resource that is there to stay. */
const decideSteering = (
  type: 'run' | 'cancel' | 'suspend' | 'resume',
  entity: Entity,
  generation: number,
  context: DecisionContext,
): Decision<NewResourceEvent> => {
  switch (type) {
    case 'run':
      if (!entity.runnable) return notRunnable(entity);
      if (entity.suspended) {
        return err(reject('SUSPENDED', `resource "${entity.manifest.name}" is suspended; resume it before you run it`));
      }
      return ok([
        { type: 'io.opstream.resource.run-requested.v1', generation, data: { run: nextRun(entity, context) } },
      ]);
    case 'cancel':
      if (!entity.runnable) return notRunnable(entity);
      if (entity.run === undefined)
        return err(reject('NOT_RUNNING', `resource "${entity.manifest.name}" has no run to cancel`));
      return entity.run.cancelRequested
        ? ok([])
        : ok([{ type: 'io.opstream.resource.cancel-requested.v1', generation, data: { runId: entity.run.id } }]);
    case 'suspend':
      return entity.suspended ? ok([]) : ok([{ type: 'io.opstream.resource.suspended.v1', generation, data: {} }]);
    case 'resume':
      return entity.suspended ? ok([{ type: 'io.opstream.resource.resumed.v1', generation, data: {} }]) : ok([]);
  }
};

const notRunnable = (entity: Entity) =>
  err(
    reject(
      'NOT_RUNNABLE',
      `${entity.manifest.resource.operator}/${entity.manifest.resource.type} is not runnable (isRunnable: false in the operator's manifest)`,
    ),
  );
