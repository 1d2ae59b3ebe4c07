// What supervising components needs of the world, as interfaces. `compute/` implements the drivers (local processes, containers);
// unit tests implement them in memory. An instance is one running copy of one revision of one component of one operator.

import type { RollParts } from '../../messages/entity.ts';

export type InstancePort = { readonly name: string; readonly servicePort: number; readonly targetPort: number };

/** A file that an instance finds in its folder for secrets; `name` is a plain file name. `content` is never logged. */
export type InstanceFile = { readonly name: string; readonly content: string };

/** Everything that a driver needs to start an instance; it looks nothing up. `environment` and `files` may hold secrets: never log them. */
export type InstanceSpec = {
  /** `<operator>.<component>.<replica>.<revision>`: unique, and tokens of a subject. */
  readonly id: string;
  readonly operator: string;
  readonly component: string;
  /** From 0. */
  readonly replica: number;
  /** Short hash of all below, so that a change of the manifest or of a secret makes a new revision. */
  readonly revision: string;
  /** Of the revision, to say later what changed. Absent: it never changes. */
  readonly parts?: RollParts;
  readonly type: 'worker' | 'service';
  /** Undefined: `command` names the program, and the driver needs no image. */
  readonly image: string | undefined;
  /** Empty: what the image starts by itself. */
  readonly command: readonly string[];
  readonly arguments: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly files: readonly InstanceFile[];
  readonly ports: readonly InstancePort[];
  /** Secret texts that must not be seen in its log. */
  readonly hidden?: readonly string[];
  /** Credentials of the registry, from `imagePullSecret`: a docker `config.json`, or undefined. */
  readonly registryConfig?: string;
};

export type InstanceState = {
  readonly id: string;
  readonly state: 'starting' | 'running' | 'exited';
  /** Asked of `/readyz` on the metrics port where it has one, else: it has been running for two seconds. */
  readonly isReady: boolean;
  /** How often in a row `/healthz` on its metrics port has failed or was not answered; absent: none, or it has no such port. */
  readonly failedChecks?: number;
  readonly startedMs: number;
  readonly exitCode?: number;
  readonly exitSignal?: string;
  /** Of one that has exited: what it worked on then, and whether it says, or its engine says, that it had no memory left. */
  readonly atWork?: readonly string[];
  readonly isOutOfMemory?: true;
  /** Process id, or id of the container: what a person would look for. */
  readonly handle: string;
  /** Where its ports can be reached, by name: `127.0.0.1:30001`. */
  readonly addresses: Readonly<Record<string, string>>;
};

/** A line that an instance wrote. `position` grows, is stable over restarts of the runtime, and starts a later `followLog`. */
export type LogLine = {
  readonly position: string;
  readonly output: 'stdout' | 'stderr';
  readonly timeMs: number;
  readonly text: string;
};

/**
 * A kind of place where instances run. Instances outlive the runtime that started them (it may be killed): `list` also tells of those
 * that an earlier runtime started on this host, so that they are adopted or stopped; it never tells of another instance prefix's.
 */
export interface ComputeDriver {
  readonly name: string;
  /**
   * Starts it; resolves when the operating system (or the engine) has it. Starting an id that runs already changes nothing.
   * Faults: COMPONENT_NOT_STARTABLE (program or image not there; retry `later`), COMPUTE_UNAVAILABLE (no engine).
   */
  start(spec: InstanceSpec): Promise<InstanceState>;
  list(): Promise<readonly InstanceState[]>;
  /** SIGTERM, after `graceMs` SIGKILL; resolves when it is gone and its files with secrets are removed. Unknown ids: nothing. */
  stop(id: string, graceMs: number): Promise<void>;
  /** Calls `listener` when an instance has ended, or may have: `list` then tells. Until the returned function is called. Optional. */
  onChange?(listener: () => void): () => void;
  /** Lines after `after` (absent: all that are kept), then new ones, until `signal` aborts or the instance is gone and all was read. */
  followLog(id: string, after: string | undefined, signal: AbortSignal): AsyncIterable<LogLine>;
}

/** A secret in the clear, as the runtime hands it to components. Never logged, stored or put into a status. */
export type SecretContent = {
  readonly workspace: string;
  readonly name: string;
  readonly type: 'key-value' | 'key-value-properties' | 'certificate' | 'cloud-kernel-image-pull' | 'cloud-kernel';
  readonly data: Readonly<Record<string, string>>;
  /** Sequence of its last event: a new one rolls the components that use it. */
  readonly sequence: number;
};

export interface SecretReader {
  /** Undefined: there is no such secret. Faults: SECRET_UNREADABLE (its key is not in the key ring). */
  read(workspace: string, name: string): Promise<SecretContent | undefined>;
}
