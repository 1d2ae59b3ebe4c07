// Folds secret events. Total, but for a patch that does not fit (Fault DOCUMENT_INVALID: a damaged event).

import { applyStored, type Operation } from '../../messages/patch.ts';
import { secretManifestProblem } from '../../messages/stored-shape.ts';
import type { SecretEvent } from '../../messages/events.ts';
import type { SecretState } from './state.ts';

const touchesContent = (patch: readonly Operation[]): boolean =>
  patch.some(({ path }) => path === '' || path.startsWith('/secret'));

export const evolveSecret = (state: SecretState, event: SecretEvent, sequence: number): SecretState => {
  const { generation } = event;
  const { secret } = state;
  switch (event.type) {
    case 'io.opstream.secret.declared.v1': {
      const { manifest, uid } = event.data;
      const { workspace, name } = manifest;
      const made = { createdAt: event.time, updatedAt: event.time, createdBy: event.actor, updatedBy: event.actor };
      return {
        generation,
        secret: { workspace, name, uid, generation, ...made, manifest, contentSequence: sequence, sequence },
      };
    }
    case 'io.opstream.secret.changed.v1':
    case 'io.opstream.secret.resealed.v1': {
      if (secret === undefined) return state;
      const { patch } = event.data;
      const isNewContent = event.type === 'io.opstream.secret.changed.v1' && touchesContent(patch);
      return {
        generation,
        secret: {
          ...secret,
          generation,
          updatedAt: event.time,
          updatedBy: event.actor,
          manifest: applyStored(secret.manifest, patch, secretManifestProblem),
          contentSequence: isNewContent ? sequence : secret.contentSequence,
          sequence,
        },
      };
    }
    case 'io.opstream.secret.deleted.v1':
      return { generation };
  }
};
