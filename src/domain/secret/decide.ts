// Decides commands on one secret. Pure. Manifests come in with sealed values; a value that is the same as before comes in as the very text
// that is stored, so that equal secrets are equal here. Who uses the secret is found out by the engine.

import { err, ok } from '../../core/result.ts';
import { reject } from '../../core/rejection.ts';
import { diff } from '../../messages/patch.ts';
import type { JsonValue } from '../../core/json.ts';
import type { NewSecretEvent } from '../../messages/events.ts';
import type { SecretManifest } from '../../messages/manifest-types.ts';
import type { Ref } from '../../messages/subjects.ts';
import { versionConflict } from '../operator/decide.ts';
import type { Decision, DecisionContext } from '../decision.ts';
import type { SecretState } from './state.ts';

export type SecretCommand =
  | {
      readonly type: 'apply';
      readonly manifest: SecretManifest;
      readonly mustBeNew: boolean;
      readonly expectedGeneration?: number;
    }
  /** `manifest`: the stored one with all values sealed anew, where their key is not the current one. */
  | { readonly type: 'reseal'; readonly manifest: SecretManifest }
  | {
      readonly type: 'delete';
      /** Names of the operators that refer to it. */
      readonly users: { readonly total: number; readonly operators: readonly string[] };
      /** Although operators refer to it. */
      readonly force: boolean;
      readonly expectedGeneration?: number;
    };

const json = (manifest: SecretManifest): JsonValue => manifest as unknown as JsonValue;

/** Listed in a refusal, at most. */
const MAX_LISTED = 20;

const inUse = ({ workspace, name }: Ref, { total, operators }: Extract<SecretCommand, { type: 'delete' }>['users']) => {
  const listed = operators.slice(0, MAX_LISTED).map((operator) => ({ message: `operator ${operator}` }));
  const more = total > listed.length ? [{ message: `and ${total - listed.length} more` }] : [];
  const message = `secret "${name}" in workspace "${workspace}" is referred to by components of ${total} operator(s); take the references out first (with force it goes, and the components miss it when they start)`;
  return err(reject('SECRET_IN_USE', message, [...listed, ...more]));
};

const decideApply = (
  { manifest, mustBeNew, expectedGeneration }: Extract<SecretCommand, { type: 'apply' }>,
  { secret, generation }: SecretState,
  context: DecisionContext,
): Decision<NewSecretEvent> => {
  const found = secret?.generation ?? 0;
  if (expectedGeneration !== undefined && expectedGeneration !== found)
    return versionConflict(expectedGeneration, found);
  if (secret === undefined) {
    const data = { uid: context.eventId, manifest };
    return ok([{ type: 'io.opstream.secret.declared.v1', generation: generation + 1, data }]);
  }
  if (mustBeNew) {
    const message = `secret "${manifest.name}" exists already in workspace "${manifest.workspace}"; use apply to change it`;
    return err(reject('ALREADY_EXISTS', message));
  }
  const patch = diff(json(secret.manifest), json(manifest));
  return patch.length === 0
    ? ok([])
    : ok([{ type: 'io.opstream.secret.changed.v1', generation: generation + 1, data: { patch } }]);
};

export const decideSecret = (
  command: SecretCommand,
  state: SecretState,
  context: DecisionContext,
  where: Ref,
): Decision<NewSecretEvent> => {
  if (command.type === 'apply') return decideApply(command, state, context);
  const { secret, generation } = state;
  if (secret === undefined) {
    const message = `there is no secret "${where.name}" in workspace "${where.workspace}"; "opstream get -t secret -a" lists what is there`;
    return err(reject('NOT_FOUND', message));
  }
  if (command.type === 'reseal') {
    const patch = diff(json(secret.manifest), json(command.manifest));
    return patch.length === 0 ? ok([]) : ok([{ type: 'io.opstream.secret.resealed.v1', generation, data: { patch } }]);
  }
  if (command.expectedGeneration !== undefined && command.expectedGeneration !== secret.generation) {
    return versionConflict(command.expectedGeneration, secret.generation);
  }
  if (!command.force && command.users.total > 0) return inUse(where, command.users);
  return ok([{ type: 'io.opstream.secret.deleted.v1', generation, data: {} }]);
};
