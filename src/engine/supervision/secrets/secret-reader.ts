// Secrets in the clear for the supervisor: folded from OPSTREAM_EVENTS, opened with the vault at each read. Nothing in the clear is kept.

import { takeIn } from '../../../domain/take-in.ts';
import { initialSecretState, type SecretState } from '../../../domain/secret/state.ts';
import { componentApiKeyPlace, clusterApiKeyPlace, secretValuePlace } from '../../../manifest/sealable.ts';
import { isSealed } from '../../../manifest/sealed.ts';
import { createOwnEvents, type OwnEvents } from '../../../messages/own-events.ts';
import { secretRef, type Names } from '../../../messages/subjects.ts';
import type { StreamReader } from '../../ports/streams.ts';
import type { Vault } from '../../ports/vault.ts';
import type { SecretReader } from '../ports.ts';

const MAX_KNOWN = 1000;

/** `reader` reads OPSTREAM_EVENTS. One look at the last event per read when the secret has not changed. */
export const createSecretReader = (options: {
  readonly names: Names;
  readonly reader: StreamReader;
  readonly vault: Vault;
  /** Default: those of `names`. */
  readonly own?: OwnEvents;
}): SecretReader => {
  const { names, reader, vault, own = createOwnEvents(names) } = options;
  const known = new Map<string, { readonly state: SecretState; readonly sequence: number }>();

  const fold = async (subject: string): Promise<SecretState> => {
    let state = initialSecretState;
    let sequence = 0;
    for (const message of await reader.readSubject(subject)) {
      const taken = takeIn('secret', own.event(message), state, message.sequence);
      if ('state' in taken) state = taken.state;
      ({ sequence } = message);
    }
    if (known.size >= MAX_KNOWN) known.clear();
    known.set(subject, { state, sequence });
    return state;
  };

  return {
    read: async (workspace, name) => {
      const subject = names.event(secretRef(workspace, name));
      const last = await reader.readLast(subject);
      if (last === undefined) return undefined;
      const before = known.get(subject);
      const { secret } = before?.sequence === last.sequence ? before.state : await fold(subject);
      if (secret === undefined) return undefined;
      const { type, data } = secret.manifest.secret;
      const opened = Object.entries(data).map(
        ([key, sealed]) => [key, vault.open(sealed, secretValuePlace(workspace, name, key))] as const,
      );
      return { workspace, name, type, data: Object.fromEntries(opened), sequence: secret.contentSequence };
    },
  };
};

/**
 * `runAsApiKey` of a component, or with `component` undefined of the operator's natsClusterConfig, in the clear. `text` as the manifest has it;
 * manifests that were stored before credentials were sealed have it in the clear. Faults: SECRET_UNREADABLE.
 */
export const openApiKey = (vault: Vault, operator: string, component: string | undefined, text: string): string => {
  if (!isSealed(text)) return text;
  return vault.open(
    text,
    component === undefined ? clusterApiKeyPlace(operator) : componentApiKeyPlace(operator, component),
  );
};
