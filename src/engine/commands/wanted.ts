// The manifest that a thing shall have after a command: the applied one, or the stored one with a patch or under another key; with every value
// sealed that must not be stored in the clear. Called by gather.ts before anything is decided, so that deciders see sealed manifests only.

import type { JsonValue } from '../../core/json.ts';
import { reject } from '../../core/rejection.ts';
import { err, ok, type Result } from '../../core/result.ts';
import { documentFromValue } from '../../manifest/document.ts';
import { validateManifest } from '../../manifest/validate.ts';
import type { Manifest } from '../../messages/manifest-types.ts';
import { applyPatch } from '../../messages/sent-patch.ts';
import { refKey } from '../../messages/subjects.ts';
import type { Vault } from '../ports/vault.ts';
import type { Aggregate } from './aggregates.ts';
import type { Wanted } from './case.ts';
import type { CommandRequest } from './command-request.ts';
import { refOf, type Intent, type TargetIntent } from './intent.ts';
import { resealManifest, sealManifest } from './sealing.ts';

export type WantedOptions = {
  readonly request: Pick<CommandRequest, 'actor'>;
  readonly prefix: string;
  readonly vault: Vault;
  /** The command lies in a stream: what must not be stored in the clear is refused. */
  readonly isStored: boolean;
};

const manifestOf = ({ ref, resource, operator, secret }: Aggregate): Manifest | undefined =>
  ref.kind === 'resource' ? resource.entity?.manifest : (operator.operator?.manifest ?? secret.secret?.manifest);

/** The manifest that a patch makes of the stored one, validated as if it had been applied. */
const patched = (intent: TargetIntent, before: Manifest | undefined, options: WantedOptions): Result<Wanted> => {
  if (before === undefined)
    return err(reject('NOT_FOUND', `there is no ${intent.ref.kind} "${intent.ref.name}" to patch`));
  const after = applyPatch(before as unknown as JsonValue, intent.command.patch);
  if (!after.ok) return after;
  const document = documentFromValue(after.value);
  if (!document.ok) return document;
  const { request, prefix } = options;
  const validated = validateManifest(document.value, {
    defaultWorkspace: intent.ref.workspace,
    actor: request.actor,
    prefix,
  });
  if (!validated.ok) return validated;
  if (refKey(refOf(validated.value)) !== refKey(intent.ref)) {
    return err(
      reject('PATCH_INVALID', 'a patch must not change type, workspace or name', [
        { message: 'identity changed', pointer: '/patch' },
      ]),
    );
  }
  return ok({ manifest: validated.value, patched: document.value });
};

/** The same values under the current key. */
const resealed = ({ ref }: Aggregate, before: Manifest | undefined, vault: Vault): Result<Wanted> => {
  if (before === undefined) {
    const where = ref.kind === 'operator' ? '' : ` in workspace "${ref.workspace}"`;
    return err(reject('NOT_FOUND', `there is no ${ref.kind} "${ref.name}"${where}`));
  }
  const manifest = resealManifest(before, vault);
  return manifest.ok ? ok({ manifest: manifest.value }) : manifest;
};

const keepOwner = (manifest: Manifest, before: Manifest | undefined): Manifest =>
  before === undefined || before.owner === manifest.owner ? manifest : { ...manifest, owner: before.owner };

/** Undefined: the verb changes no manifest. Faults: those of the vault. */
export const wantedBy = (intent: Intent, aggregate: Aggregate, options: WantedOptions): Result<Wanted> | undefined => {
  const before = manifestOf(aggregate);
  if (intent.kind === 'target') {
    if (intent.command.verb === 'reseal') return resealed(aggregate, before, options.vault);
    if (intent.command.verb !== 'patch') return undefined;
  }
  const given: Result<Wanted> =
    intent.kind === 'target'
      ? patched(intent, before, options)
      : ok({ manifest: intent.isOwnerDefaulted ? keepOwner(intent.manifest, before) : intent.manifest });
  if (!given.ok || given.value.manifest.type === 'resource') return given;
  const sealed = sealManifest(given.value.manifest, before, options.vault, options.isStored);
  return sealed.ok ? ok({ ...given.value, manifest: sealed.value }) : sealed;
};
