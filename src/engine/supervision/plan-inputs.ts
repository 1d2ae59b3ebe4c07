// What a plan is made of beside the manifest: secrets that were read, and the way to the server.

import type { InstanceFile } from './ports.ts';

/** What a component's references to secrets come to. All but `version` is secret. */
export type ComponentSecrets = {
  readonly environment: Readonly<Record<string, string>>;
  readonly files: readonly InstanceFile[];
  /** From `imagePullSecret`: a docker `config.json`. */
  readonly registryConfig?: string;
  /** Changes when a secret does: their names and sequences. */
  readonly version: string;
  /** By `workspace/name`. Absent: of none. */
  readonly sequences?: Readonly<Record<string, number>>;
};

export const noSecrets: ComponentSecrets = { environment: {}, files: [], version: '' };

/** How the components of an operator reach their server. */
export type ServerAccess = {
  /** In the clear and part of the revision: OPSTREAM_NATS_URL and the like. */
  readonly environment: Readonly<Record<string, string>>;
  /** Credentials; only their version is part of the revision. */
  readonly credentials: Readonly<Record<string, string>>;
  /** Changes when they do, and does not tell them. Absent: a change of them rolls nothing. */
  readonly credentialsVersion?: string;
};
