// The manifests as they are stored: validated, defaults filled in, `natsApi` moved into each resource type.
// Field names are those of the seed's operator page. parse.ts makes them from bytes.

import type { IfRunning } from './if-running.ts';
import type { JsonObject } from '../core/json.ts';
import type { HttpTypeSpec } from './http-types.ts';

export type Scalar = string | number | boolean;

export type SecretReference = {
  readonly name: string;
  readonly workspace?: string;
  readonly key?: string;
  readonly keys?: readonly string[];
  readonly allKeys?: boolean;
  readonly consumptionType?: 'envVars' | 'propFile' | 'propfile' | 'file';
};

export type ComponentSpec = {
  readonly name: string;
  readonly type: 'worker' | 'service';
  readonly compute: string;
  readonly runAsUser?: string;
  readonly runAsApiKey?: string;
  /** Absent: `command` says all. */
  readonly image?: string;
  readonly imagePullSecret?: string;
  readonly command?: readonly string[];
  readonly arguments?: readonly string[];
  readonly replicas: number;
  readonly environmentVars?: Readonly<Record<string, Scalar>>;
  readonly secrets?: readonly SecretReference[];
  readonly dataosSecrets?: readonly SecretReference[];
  readonly ports?: readonly { readonly name: string; readonly servicePort: number; readonly targetPort: number }[];
};

/** The channel between the operator-runtime and the components of one resource type. */
export type NatsApi = {
  readonly command: { readonly stream: string; readonly subject: string };
  readonly query: { readonly subject: string; readonly replySubject: string };
};

/** What can be done with a resource of the type beside its normal run: backup, restore, scale. */
export type ActionSpec = {
  readonly name: string;
  readonly description?: string;
  /** Of the action's parameters; without it any object is taken. */
  readonly specSchema?: { readonly jsonSchema: string };
};

export type ResourceTypeSpec = {
  readonly name: string;
  readonly nameJqFilter?: string;
  readonly isRunnable: boolean;
  /** What becomes of a run that is wanted while one goes on; a request may say otherwise. Default `queue`. */
  readonly ifRunning?: IfRunning;
  /** `jsonSchema` is a string holding a JSON Schema document, draft 2020-12. */
  readonly specSchema?: { readonly jsonSchema: string };
  readonly actions?: readonly ActionSpec[];
  /** For the component that needs no code. */
  readonly http?: HttpTypeSpec;
  readonly natsApi: NatsApi;
};

export type OperatorSpec = {
  readonly natsClusterConfig?: {
    readonly name: string;
    readonly compute: string;
    readonly runAsUser?: string;
    readonly runAsApiKey?: string;
  };
  readonly components: readonly ComponentSpec[];
  readonly resources: readonly ResourceTypeSpec[];
  readonly enabledWorkspaces: readonly string[];
};

type Meta = {
  readonly name: string;
  readonly version: string;
  readonly layer: 'user' | 'system';
  readonly description?: string;
  readonly tags: readonly string[];
  readonly labels?: Readonly<Record<string, string>>;
  readonly owner: string;
};

export type OperatorManifest = Meta & { readonly type: 'operator'; readonly operator: OperatorSpec };

export type ResourceManifest = Meta & {
  readonly type: 'resource';
  readonly workspace: string;
  readonly resource: { readonly operator: string; readonly type: string; readonly spec: JsonObject };
};

export type SecretType =
  'key-value' | 'key-value-properties' | 'certificate' | 'cloud-kernel' | 'cloud-kernel-image-pull';

export type SecretManifest = Meta & {
  readonly type: 'secret';
  readonly workspace: string;
  /** The values are sealed (sealed.ts) in everything that is stored; only what a command has just brought holds them in the clear. */
  readonly secret: {
    readonly type: SecretType;
    readonly acl: 'r' | 'rw';
    readonly data: Readonly<Record<string, string>>;
  };
};

export type Manifest = OperatorManifest | ResourceManifest | SecretManifest;
