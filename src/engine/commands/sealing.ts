// Between what somebody sent and what is decided: every value that must not be stored in the clear is sealed, before any event, receipt or
// preview is made of the manifest. Called by wanted.ts for secrets, and for operators that hold a credential.

import { isFault } from '../../core/fault.ts';
import { reject, type RejectionDetail } from '../../core/rejection.ts';
import { err, ok, type Result } from '../../core/result.ts';
import { changeSealables, sealablesOf, type Sealable } from '../../manifest/sealable.ts';
import { isMask, parseSealed, SEALED_START } from '../../manifest/sealed.ts';
import type { Manifest } from '../../messages/manifest-types.ts';
import type { Vault } from '../ports/vault.ts';

const NO_KEY =
  'there is no key to seal it with; give the command-handler OPSTREAM_SECRET_KEYS_FILE (or OPSTREAM_SECRET_KEYS): `<id>:<base64 of 32 bytes>`, as `openssl rand -base64 32` makes them';
const STORED =
  'values in the clear are not accepted on the cmd subjects, whose messages are stored: the message was erased; send it on the rpc subject (`opstream apply` does), or with sealed values';
const MASKED =
  'this is what is shown in place of a sealed value; write the value itself, or change other fields with a patch';

const unreadableProblem = (open: () => unknown): string | undefined => {
  try {
    open();
    return undefined;
  } catch (error) {
    if (isFault(error, 'SECRET_UNREADABLE')) return error.message;
    throw error;
  }
};

/** Why the value cannot be taken; undefined: it can. */
const problemOf = (
  { value, place }: Sealable,
  old: string | undefined,
  vault: Vault,
  isStored: boolean,
): string | undefined => {
  if (value === old) return undefined;
  if (isMask(value)) return MASKED;
  if (value.startsWith(SEALED_START)) return unreadableProblem(() => vault.open(value, place));
  if (isStored) return STORED;
  return vault.currentKeyId() === undefined ? NO_KEY : undefined;
};

const refuse = (manifest: Manifest, details: readonly RejectionDetail[]): Result<never> => {
  const more = details.length > 1 ? ` (and ${details.length - 1} more)` : '';
  const message = `${manifest.type} "${manifest.name}": ${details[0]?.pointer ?? ''}: ${details[0]?.message ?? ''}${more}`;
  return err(reject('SECRET_INVALID', message, details));
};

/**
 * The manifest with sealed values; values that are as in `before` keep the text that they have there. `isStored`: the command lies in a stream.
 * Errors: SECRET_INVALID for values that cannot be sealed or opened. Faults: CONFIG_INVALID (the key ring cannot be read any more).
 */
export const sealManifest = (
  manifest: Manifest,
  before: Manifest | undefined,
  vault: Vault,
  isStored: boolean,
): Result<Manifest> => {
  if (manifest.type === 'resource') return ok(manifest);
  const sealables = sealablesOf(manifest);
  if (sealables.length === 0) return ok(manifest);
  const known = new Map(before === undefined ? [] : sealablesOf(before).map(({ place, value }) => [place, value]));
  const details = sealables.flatMap((sealable): readonly RejectionDetail[] => {
    const message = problemOf(sealable, known.get(sealable.place), vault, isStored);
    return message === undefined ? [] : [{ message, pointer: sealable.pointer, code: 'SECRET_INVALID' }];
  });
  if (details.length > 0) return refuse(manifest, details);
  return ok(
    changeSealables(manifest, ({ value, place }) =>
      value.startsWith(SEALED_START) ? value : vault.seal(value, place, known.get(place)),
    ),
  );
};

/** The stored manifest with every value under the current key. Errors: SECRET_INVALID (no current key; a value does not open). */
export const resealManifest = (manifest: Manifest, vault: Vault): Result<Manifest> => {
  const current = vault.currentKeyId();
  const details = sealablesOf(manifest).flatMap(({ value, place, pointer }): readonly RejectionDetail[] => {
    const message = current === undefined ? NO_KEY : unreadableProblem(() => vault.open(value, place));
    return message === undefined ? [] : [{ message, pointer, code: 'SECRET_INVALID' }];
  });
  if (details.length > 0) return refuse(manifest, details);
  return ok(
    changeSealables(manifest, ({ value, place }) =>
      parseSealed(value)?.keyId === current ? value : vault.seal(vault.open(value, place), place),
    ),
  );
};

export const noVault: Vault = {
  currentKeyId: () => undefined,
  seal: () => {
    throw new TypeError('nothing can be sealed here');
  },
  open: () => {
    throw new TypeError('nothing can be opened here');
  },
};
