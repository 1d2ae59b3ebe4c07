// Decides commands on one operator. Pure. Whether resources still need the operator is not in its own events: the engine finds
// that out and passes it in as `dependents` (see src/README.md, "deleting an operator").

import { isDeepStrictEqual } from '../equal.ts';
import { diff } from '../../messages/patch.ts';
import { err, ok } from '../../core/result.ts';
import { reject } from '../../core/rejection.ts';
import type { NewOperatorEvent } from '../../messages/events.ts';
import type { OperatorManifest } from '../../messages/manifest/types.ts';
import type { JsonValue } from '../../core/json.ts';
import type { Decision } from '../decision.ts';
import type { OperatorState } from './state.ts';

export type OperatorCommand =
  | {
      readonly type: 'apply';
      readonly manifest: OperatorManifest;
      /** Refuse when it exists. */
      readonly mustBeNew: boolean;
      readonly expectedGeneration?: number;
    }
  | { readonly type: 'delete'; readonly dependents: readonly string[]; readonly expectedGeneration?: number }
  | { readonly type: 'finalize'; readonly uid: string; readonly dependents: readonly string[] };

const notFound = (name: string) =>
  err(reject('NOT_FOUND', `there is no operator "${name}"; "opstream get -t operator -a" lists what is there`));

const hasResources = (name: string, dependents: readonly string[]) =>
  err(
    reject(
      'OPERATOR_HAS_RESOURCES',
      `operator "${name}" still has resources; delete them first`,
      dependents.map((dependent) => ({ message: dependent })),
    ),
  );

export const versionConflict = (expected: number, found: number) =>
  err(reject('VERSION_CONFLICT', `expected generation ${expected}, found ${found}; read it again and decide anew`));

const decideApply = (
  command: Extract<OperatorCommand, { type: 'apply' }>,
  state: OperatorState,
): Decision<NewOperatorEvent> => {
  const { operator } = state;
  const { manifest } = command;
  if (operator === undefined) {
    if (command.expectedGeneration !== undefined && command.expectedGeneration !== 0) {
      return versionConflict(command.expectedGeneration, 0);
    }
    return ok([{ type: 'io.opstream.operator.registered.v1', generation: state.generation + 1, data: { manifest } }]);
  }
  if (command.mustBeNew)
    return err(reject('ALREADY_EXISTS', `operator "${manifest.name}" exists already; use apply to change it`));
  if (operator.deletionRequestedAt !== undefined) {
    return err(
      reject('OPERATOR_DELETING', `operator "${manifest.name}" is being deleted; apply it again when it is gone`),
    );
  }
  if (command.expectedGeneration !== undefined && command.expectedGeneration !== operator.generation) {
    return versionConflict(command.expectedGeneration, operator.generation);
  }
  if (isDeepStrictEqual(operator.manifest, manifest)) return ok([]);
  const patch = diff(operator.manifest as unknown as JsonValue, manifest as unknown as JsonValue);
  return ok([{ type: 'io.opstream.operator.changed.v1', generation: state.generation + 1, data: { patch } }]);
};

export const decideOperator = (
  command: OperatorCommand,
  state: OperatorState,
  name: string,
): Decision<NewOperatorEvent> => {
  const { operator } = state;
  switch (command.type) {
    case 'apply':
      return decideApply(command, state);
    case 'delete':
      if (operator === undefined) return notFound(name);
      if (command.expectedGeneration !== undefined && command.expectedGeneration !== operator.generation) {
        return versionConflict(command.expectedGeneration, operator.generation);
      }
      if (command.dependents.length > 0) return hasResources(name, command.dependents);
      if (operator.deletionRequestedAt !== undefined) return ok([]);
      return ok([{ type: 'io.opstream.operator.deletion-requested.v1', generation: state.generation, data: {} }]);
    case 'finalize':
      if (operator === undefined || operator.uid !== command.uid) return ok([]);
      if (operator.deletionRequestedAt === undefined) {
        return err(reject('COMMAND_INVALID', `operator "${name}" cannot be finalized: nobody asked for its deletion`));
      }
      if (command.dependents.length > 0) return hasResources(name, command.dependents);
      return ok([{ type: 'io.opstream.operator.deleted.v1', generation: state.generation, data: {} }]);
  }
};
