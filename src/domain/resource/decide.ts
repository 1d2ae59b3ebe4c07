// Decides commands on one resource. Pure. What the resource's operator says comes in as `host`: the engine reads it, and checks the
// spec against the operator's schema with it.

import { isDeepStrictEqual } from '../../core/equal.ts';
import { diff } from '../../messages/patch.ts';
import { err, ok, type Result } from '../../core/result.ts';
import { reject, type RejectionDetail } from '../../core/rejection.ts';
import { nearestName } from '../../json-schema/nearest.ts';
import { versionConflict } from '../operator/decide.ts';
import type { JsonObject, JsonValue } from '../../core/json.ts';
import type { NewResourceEvent } from '../../messages/events.ts';
import type { IfRunning } from '../../messages/if-running.ts';
import type { ResourceManifest } from '../../messages/manifest-types.ts';
import type { OperatorDocument } from '../../messages/queries.ts';
import type { Entity, EntityStatus } from '../../messages/entity.ts';
import type { Decision, DecisionContext } from '../decision.ts';
import { decideCancel, decideSettle, runOfSpec, type SettleCommand } from './run-course.ts';
import { decideRun, NO_WISH, nextRun, type RunWish } from './run.ts';
import { decideRelease, type ReleaseCommand } from './release.ts';
import type { ResourceState } from './state.ts';

/** An operator as resources see it: one that is stored, or one that the same command brings. */
export type HostOperator = Pick<OperatorDocument, 'name' | 'manifest' | 'deletionRequestedAt'>;

/** What the decider needs to know of the operator that the manifest names. */
export type Host = {
  readonly operator: HostOperator | undefined;
  /** Problems of the spec by the type's schema; pointers are into the manifest. */
  checkSpec(resourceType: string, spec: JsonObject): readonly RejectionDetail[];
  /** When there is no such operator: those that there are, for a hint. */
  readonly otherOperators?: readonly string[];
  /** What the type's `nameJqFilter` makes of the manifest, or why it does not; undefined: the type has none. */
  readonly externalName?: Result<string>;
};

type SteeringCommand =
  | { readonly type: 'cancel'; readonly all?: boolean; readonly expectedGeneration?: number }
  | { readonly type: 'suspend' | 'resume'; readonly expectedGeneration?: number };

export type ResourceCommand =
  | {
      readonly type: 'apply';
      readonly manifest: ResourceManifest;
      readonly host: Host;
      readonly mustBeNew: boolean;
      readonly expectedGeneration?: number;
    }
  | { readonly type: 'delete'; readonly expectedGeneration?: number }
  | { readonly type: 'reconcile'; readonly expectedGeneration?: number }
  | SteeringCommand
  | { readonly type: 'run'; readonly wish?: RunWish; readonly expectedGeneration?: number }
  | ReleaseCommand
  /** `lastStatus`: the last one that is stored of the resource, whoever reported it about whatever incarnation. */
  | { readonly type: 'finalize'; readonly uid: string; readonly lastStatus: EntityStatus | undefined }
  | SettleCommand;

/** Operators named in a refusal, at most. */
const MAX_NAMED = 5;

/** The type's declaration when the operator takes this manifest, else why not: every reason at once. */
const admit = (
  manifest: ResourceManifest,
  host: Host,
): Result<{ readonly isRunnable: boolean; readonly ifRunning?: IfRunning }> => {
  const { operator: operatorName, type: typeName, spec } = manifest.resource;
  const { operator } = host;
  if (operator === undefined) {
    const { otherOperators = [] } = host;
    const nearest = nearestName(operatorName, otherOperators);
    const some = otherOperators.slice(0, MAX_NAMED).join(', ');
    const registered =
      some === '' ? '' : ` (registered are ${some}${otherOperators.length > MAX_NAMED ? ', ...' : ''})`;
    const hint =
      nearest === undefined ? `apply its manifest first, or name another${registered}` : `did you mean "${nearest}"?`;
    const message = `operator "${operatorName}" is not registered; ${hint}`;
    return err(reject('OPERATOR_NOT_FOUND', message, [{ message, pointer: '/resource/operator' }]));
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
    const typeNames = resources.map(({ name }) => name);
    const nearest = nearestName(typeName, typeNames);
    const message = `operator "${operatorName}" has the types ${typeNames.join(', ')}; found "${typeName}"${nearest === undefined ? '' : `; did you mean "${nearest}"?`}`;
    details.push({ code: 'TYPE_NOT_FOUND', message, pointer: '/resource/type' });
  } else {
    details.push(...host.checkSpec(typeName, spec).map((detail) => ({ code: 'SPEC_INVALID', ...detail })));
  }
  const [first] = details;
  if (first === undefined) {
    const { isRunnable = false, ifRunning } = resourceType ?? {};
    return ok(ifRunning === undefined ? { isRunnable } : { isRunnable, ifRunning });
  }
  const code = first.code === 'WORKSPACE_NOT_ENABLED' || first.code === 'TYPE_NOT_FOUND' ? first.code : 'SPEC_INVALID';
  const message =
    code === 'SPEC_INVALID'
      ? `the spec breaks the schema of ${operatorName}/${typeName} in ${details.length} place(s)`
      : first.message;
  return err(reject(code, message, details));
};

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
  if (host.externalName?.ok === false) return host.externalName;
  const externalName = host.externalName?.value;
  const generation = state.generation + 1;
  if (entity === undefined) {
    const runnable = admitted.value.isRunnable;
    const run = runnable ? { run: nextRun(undefined, context) } : {};
    const named = externalName === undefined ? {} : { externalName };
    const data = { uid: context.eventId, manifest, runnable, ...run, ...named };
    return ok([{ type: 'io.opstream.resource.declared.v1', generation, data }]);
  }
  const isRenamed = entity.externalName !== externalName;
  if (!isRenamed && isDeepStrictEqual(entity.manifest, manifest)) return ok([]);
  const patch = diff(entity.manifest as unknown as JsonValue, manifest as unknown as JsonValue);
  const isNewRun = entity.runnable && !isDeepStrictEqual(entity.manifest.resource.spec, manifest.resource.spec);
  const named = isRenamed ? { externalName: externalName ?? null } : {};
  const wanted = isNewRun ? runOfSpec(entity, admitted.value.ifRunning ?? 'queue', context) : ok({});
  if (!wanted.ok) return wanted;
  const data = { patch, ...wanted.value, ...named };
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
  if (command.type === 'settle') return decideSettle(command, state);
  if (command.type === 'finalize') {
    if (entity === undefined || entity.uid !== command.uid) return ok([]);
    if (entity.deletionRequestedAt === undefined) {
      return err(
        reject('COMMAND_INVALID', `resource "${where.name}" cannot be finalized: nobody asked for its deletion`),
      );
    }
    const { lastStatus } = command;
    const isTold = lastStatus?.uid === entity.uid && lastStatus.operator === entity.manifest.resource.operator;
    if (!isTold || lastStatus.status !== 'deleted') {
      const last = isTold ? `it last reported "${lastStatus.status}"` : 'it has reported nothing about it';
      const message = `resource "${where.name}" cannot be finalized: its component has not reported "deleted"; ${last}`;
      return err(reject('COMMAND_INVALID', message));
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
  if (command.type === 'release') return decideRelease(command, entity, generation);
  if (command.type === 'delete') {
    return entity.deletionRequestedAt === undefined
      ? ok([{ type: 'io.opstream.resource.deletion-requested.v1', generation, data: {} }])
      : ok([]);
  }
  if (command.type === 'reconcile')
    return ok([{ type: 'io.opstream.resource.reconcile-requested.v1', generation, data: {} }]);
  // A suspension holds a deletion up as well, and ends like any other.
  const isHolding = command.type === 'suspend' || command.type === 'resume';
  if (entity.deletionRequestedAt !== undefined && !isHolding) return beingDeleted(entity);
  return command.type === 'run'
    ? decideRun(command.wish ?? NO_WISH, entity, generation, context)
    : decideSteering(command, entity, generation);
};

/** cancel, suspend, resume: on a resource that is there to stay. */
const decideSteering = (command: SteeringCommand, entity: Entity, generation: number): Decision<NewResourceEvent> => {
  switch (command.type) {
    case 'cancel':
      return decideCancel(entity, command.all === true, generation);
    case 'suspend':
      return entity.suspended ? ok([]) : ok([{ type: 'io.opstream.resource.suspended.v1', generation, data: {} }]);
    case 'resume':
      return entity.suspended ? ok([{ type: 'io.opstream.resource.resumed.v1', generation, data: {} }]) : ok([]);
  }
};
