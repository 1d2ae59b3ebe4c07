// Decides commands on one operator. Pure. Whether resources still need the operator is not in its own events: the engine finds
// that out and passes it in as `dependents` (see src/README.md, "deleting an operator").

import { isDeepStrictEqual } from '../../core/equal.ts';
import { diff } from '../../messages/patch.ts';
import { err, ok } from '../../core/result.ts';
import { reject } from '../../core/rejection.ts';
import type { NewOperatorEvent } from '../../messages/events.ts';
import type { LeftBehind, LeftStorage } from '../../messages/left-behind.ts';
import type { OperatorManifest } from '../../messages/manifest-types.ts';
import type { JsonValue } from '../../core/json.ts';
import { nearestName } from '../../json-schema/nearest.ts';
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
  | {
      readonly type: 'delete';
      readonly dependents: LeftBehind;
      /** Although resources need it: they are left behind. */
      readonly force?: boolean;
      readonly expectedGeneration?: number;
    }
  /** `manifest`: the stored one with its credentials under another key. No change to anybody: the generation stays. */
  | { readonly type: 'reseal'; readonly manifest: OperatorManifest }
  | { readonly type: 'restart'; readonly component?: string; readonly expectedGeneration?: number }
  | {
      readonly type: 'finalize';
      readonly uid: string;
      readonly dependents: LeftBehind;
      /** The streams and buckets that stay. */
      readonly storage?: readonly LeftStorage[];
    };

/** Listed in a refusal, at most. */
const MAX_LISTED = 20;

const notFound = (name: string) =>
  err(reject('NOT_FOUND', `there is no operator "${name}"; "opstream get -t operator -a" lists what is there`));

const hasResources = (name: string, { total, items }: LeftBehind) => {
  const listed = items.slice(0, MAX_LISTED).map((item) => `resource ${item.workspace}/${item.name}`);
  const more = total > listed.length ? [`and ${total - listed.length} more`] : [];
  return err(
    reject(
      'OPERATOR_HAS_RESOURCES',
      `operator "${name}" still has resources; delete them first (with force it goes without them, and what they have outside is left there)`,
      [...listed, ...more].map((message) => ({ message })),
    ),
  );
};

const left = (dependents: LeftBehind, storage: readonly LeftStorage[] = []) => {
  if (dependents.total === 0 && storage.length === 0) return {};
  return { leftBehind: storage.length === 0 ? dependents : { ...dependents, storage } };
};

const decideDelete = (
  command: Extract<OperatorCommand, { type: 'delete' }>,
  state: OperatorState,
  name: string,
): Decision<NewOperatorEvent> => {
  const { operator } = state;
  const { dependents, force = false } = command;
  if (operator === undefined) return notFound(name);
  if (command.expectedGeneration !== undefined && command.expectedGeneration !== operator.generation) {
    return versionConflict(command.expectedGeneration, operator.generation);
  }
  if (!force && dependents.total > 0) return hasResources(name, dependents);
  const isAsked = operator.deletionRequestedAt !== undefined && (!force || operator.deletionForced === true);
  if (isAsked) return ok([]);
  const data = force ? ({ force: true, ...left(dependents) } as const) : {};
  return ok([{ type: 'io.opstream.operator.deletion-requested.v1', generation: state.generation, data }]);
};

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

const decideRestart = (
  command: Extract<OperatorCommand, { type: 'restart' }>,
  { operator, generation }: OperatorState,
  name: string,
): Decision<NewOperatorEvent> => {
  const { component, expectedGeneration } = command;
  if (operator === undefined) return notFound(name);
  if (expectedGeneration !== undefined && expectedGeneration !== operator.generation)
    return versionConflict(expectedGeneration, operator.generation);
  if (operator.deletionRequestedAt !== undefined)
    return err(reject('OPERATOR_DELETING', `operator "${name}" is being deleted; its components are stopped then`));
  const names = operator.manifest.operator.components.map((one) => one.name);
  if (component !== undefined && !names.includes(component)) {
    const nearest = nearestName(component, names);
    const hint = nearest === undefined ? `it has ${names.join(', ')}` : `did you mean "${nearest}"?`;
    const message = `operator "${name}" has no component "${component}"; ${hint}`;
    return err(reject('NOT_FOUND', message, [{ message, pointer: '/component' }]));
  }
  const data = component === undefined ? {} : { component };
  return ok([{ type: 'io.opstream.operator.restart-requested.v1', generation, data }]);
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
      return decideDelete(command, state, name);
    case 'restart':
      return decideRestart(command, state, name);
    case 'reseal': {
      if (operator === undefined) return notFound(name);
      const patch = diff(operator.manifest as unknown as JsonValue, command.manifest as unknown as JsonValue);
      return patch.length === 0
        ? ok([])
        : ok([{ type: 'io.opstream.operator.changed.v1', generation: state.generation, data: { patch } }]);
    }
    case 'finalize':
      if (operator === undefined || operator.uid !== command.uid) return ok([]);
      if (operator.deletionRequestedAt === undefined) {
        return err(reject('COMMAND_INVALID', `operator "${name}" cannot be finalized: nobody asked for its deletion`));
      }
      if (operator.deletionForced !== true && command.dependents.total > 0)
        return hasResources(name, command.dependents);
      return ok([
        {
          type: 'io.opstream.operator.deleted.v1',
          generation: state.generation,
          data: left(command.dependents, command.storage),
        },
      ]);
  }
};
