// Entities: the desired state of one resource as others see it (the KV document, the command to a component), and the observed
// state that a component reports. The fold that makes an Entity lives in domain/resource; here is only its shape.

import type { JsonObject } from '../core/json.ts';
import type { Rejection } from '../core/rejection.ts';
import type { CloudEvent } from './envelope.ts';
import type { RunEnd, RunRequest } from './runs.ts';
import type { ResourceManifest } from './manifest-types.ts';

/** `<workspace>.<name>`: how the SDK and the stores name an entity. */
export type EntityKey = string;
export const entityKey = (workspace: string, name: string): EntityKey => `${workspace}.${name}`;

/** Desired state. `sequence` is the OPSTREAM_EVENTS sequence of the last event in it. */
export type Entity = {
  readonly key: EntityKey;
  readonly uid: string;
  /** Counts changes of the manifest, from 1, also over a deletion and a new declaration. */
  readonly generation: number;
  readonly runnable: boolean;
  /** What the thing is to be called outside, if the type's `nameJqFilter` says so. */
  readonly externalName?: string;
  /**
   * The run that goes on, or the last one; `cancelRequested` when it should be stopped, `isReplaced` when that is for the next one, `ended`
   * when its component has reported how it ended.
   */
  readonly run?: RunRequest & {
    readonly cancelRequested: boolean;
    readonly isReplaced?: true;
    readonly ended?: RunEnd;
  };
  /** Runs that wait for the end of `run`, in their order. Components are not told of them. */
  readonly waitingRuns?: readonly RunRequest[];
  readonly suspended: boolean;
  /** Set from the moment that somebody asked for its deletion. */
  readonly deletionRequestedAt?: string;
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly createdBy: string;
  readonly updatedBy: string;
  readonly manifest: ResourceManifest;
  readonly sequence: number;
};

/** Kubernetes' vocabulary: `Ready`, `Reconciling`, `Stalled`, and what a component adds. */
export type Condition = {
  readonly type: string;
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason: string;
  readonly message: string;
  readonly lastTransitionTime: string;
  readonly observedGeneration: number;
};

/** The seed's STATUS column. `deleted` is a component's word that the external thing is gone (or was never made). */
export type LifecycleStatus = 'pending' | 'active' | 'error' | 'deleting' | 'deleted';
/** What the STATUS column says: `suspended` of a resource that is, whatever was last observed of it. */
export type ShownStatus = LifecycleStatus | 'suspended';
/** The seed's RUNTIME column; empty for what does not run. */
export type RuntimeStatus = 'pending' | 'inprogress' | 'succeeded' | 'failed' | 'cancelled';

/** One execution as observed. `id` is the id of the RunRequest it answers. */
export type ObservedRun = {
  readonly id: string;
  readonly state: RuntimeStatus;
  /** That of the RunRequest; the SDK fills it in. */
  readonly action?: string;
  readonly externalId?: string;
  readonly startedAt?: string;
  readonly finishedAt?: string;
  readonly message?: string;
};

/** Observed state, whole each time: the last status event of an entity says all. */
export type EntityStatus = {
  readonly key: EntityKey;
  readonly operator: string;
  readonly uid: string;
  /** The entity's generation and event sequence that this status answers. */
  readonly observedGeneration: number;
  readonly observedSequence: number;
  readonly status: LifecycleStatus;
  readonly runtime?: RuntimeStatus;
  readonly run?: ObservedRun;
  readonly conditions: readonly Condition[];
  /** Name or id of the thing outside. */
  readonly externalId?: string;
  readonly message?: string;
  /** What the component chose to synchronize. Any JSON. */
  readonly properties: JsonObject;
};

/** Reason of the conditions of a resource whose operator is gone. */
export const OPERATOR_GONE = 'OperatorGone';

/** Reasons of the conditions that the SDK itself reports about failed reconciles. */
export const failureReasons = { retrying: 'ReconcileFailed', terminal: 'Terminal', hung: 'ReconcileHangs' } as const;
export type FailureReason = (typeof failureReasons)[keyof typeof failureReasons];
const FAILURES: ReadonlySet<string> = new Set(Object.values(failureReasons));
export const isFailureReason = (reason: string): boolean => FAILURES.has(reason);

/** Whether it waits for its next try, or for somebody. A run that failed has ended: that is no such thing. */
export const saysStuck = ({ conditions, runtime }: Pick<EntityStatus, 'conditions' | 'runtime'>): boolean =>
  conditions.some(
    ({ type, status, reason }) =>
      isFailureReason(reason) || (type === 'Stalled' && status === 'True' && runtime !== 'failed'),
  );
/** Type of the condition of a resource that is suspended: nothing is changed outside until it is resumed. */
export const SUSPENDED = 'Suspended';

/** Reason in the last status of a resource that was released: the operator-runtime's word, not the component's. */
export const RELEASED = 'Released';
/** Whether a status says that its resource was released. */
export const saysReleased = ({ status, conditions }: Pick<EntityStatus, 'status' | 'conditions'>): boolean =>
  status === 'deleted' && conditions.some(({ reason }) => reason === RELEASED);

export const STATUS_TYPE = 'io.opstream.entity.observed.v1';
/** `fence` is the lease token of the component that wrote it: a later holder has a larger one. */
export type StatusEvent = CloudEvent<typeof STATUS_TYPE, EntityStatus & { readonly fence: number }>;

export const OPERATOR_STATUS_TYPE = 'io.opstream.operator.observed.v1';
/** One running copy of a component, for a person to find it. */
export type ComponentInstanceStatus = {
  readonly replica: number;
  /** Process id or id of the container. */
  readonly handle: string;
  readonly state: 'starting' | 'running' | 'exited' | 'ready';
  /** By name of the port: `127.0.0.1:30001`. */
  readonly addresses: Readonly<Record<string, string>>;
};

/**
 * Digests of what an instance is started with: `manifest`, `image`, `server` (how it reaches NATS), `credentials` (for NATS, and `runAsApiKey`),
 * `restart` (the last one that was asked for), and `secret <workspace>/<name>` with the sequence of that secret. None tells a value.
 */
export type RollParts = Readonly<Record<string, string>>;

/** A part that changed; `unknown`: nobody remembers what was before. */
export type RollCause = 'manifest' | 'image' | 'server' | 'credentials' | 'restart' | 'unknown' | `secret ${string}`;

/** What is remembered of one replica, so that a back-off and its counts do not begin anew with the next operator-runtime. */
export type ReplicaHistory = {
  readonly replica: number;
  readonly revision: string;
  readonly wantedSince: string;
  readonly starts: number;
  readonly restarts: number;
  /** In a row. */
  readonly failures: number;
  /** Not before then; absent: at once. */
  readonly nextStart?: string;
  /** When the instance was started that failed last. */
  readonly failedStart?: string;
  readonly lastFailure?: { readonly code: string; readonly message: string };
  /** Of the revision; absent: it was planned by an earlier version. */
  readonly parts?: RollParts;
  /** Why this revision took the place of another one; absent: it is the replica's first. */
  readonly rolledFor?: readonly RollCause[];
};

/** What the operator-runtime sees of one component. `External`: it is somebody else's to run. */
export type ComponentStatus = {
  readonly name: string;
  readonly compute: string;
  readonly desired: number;
  readonly ready: number;
  /** Starts after the first of each replica. */
  readonly restarts: number;
  readonly state: 'Running' | 'Progressing' | 'CrashLoopBackOff' | 'External' | 'Failed';
  readonly message?: string;
  readonly instances: readonly ComponentInstanceStatus[];
  /**
   * By `workspace/name`: the sequence of each secret with which its instances are wanted, and with which all of them run when it is `Running`.
   * Absent: it refers to none, or nothing can be planned.
   */
  readonly secrets?: Readonly<Record<string, number>>;
  /** Those that were started by the operator-runtime, or could not be. */
  readonly replicas?: readonly ReplicaHistory[];
};

/** Observed state of an operator, reported by the operator-runtime on `opstream.status.<shard>.<operator>._.<operator>`. */
/** Which NATS server an operator's channel is in, when its manifest has a `natsClusterConfig`. */
export type ChannelServer = {
  /** `own`: run for this operator alone, and listed among its components under `name`. */
  readonly location: 'own' | 'shared';
  readonly name: string;
  readonly compute: string;
  /** Of an own one, as components reach it. */
  readonly url?: string;
  /** Of an own one that is in use: another one means that the server began anew, and everything was sent to it again. */
  readonly incarnation?: string;
};

export type OperatorStatus = {
  readonly operator: string;
  readonly observedGeneration: number;
  readonly observedSequence: number;
  readonly status: LifecycleStatus;
  readonly conditions: readonly Condition[];
  readonly message?: string;
  /** In the order of the manifest. Absent: nobody has looked yet. */
  readonly components?: readonly ComponentStatus[];
  /** Absent: the manifest has no `natsClusterConfig`. */
  readonly nats?: ChannelServer;
};
export type OperatorStatusEvent = CloudEvent<typeof OPERATOR_STATUS_TYPE, OperatorStatus & { readonly fence: number }>;

export const COMMAND_TYPE = 'io.opstream.entity.command.v1';
/**
 * What the operator-runtime publishes on the type's `natsApi.command.subject`. It carries the whole desired state, so that a
 * lost, doubled or reordered delivery changes nothing: a component keeps the entity with the largest `sequence`.
 * `delete` means: make the external thing go away, then report status `deleted`. `release` means: forget the entity, leave the external
 * thing as it is and report nothing more about it; its `entity` is the last one, with the sequence of the release.
 */
export type EntityCommand = CloudEvent<
  typeof COMMAND_TYPE,
  { readonly command: 'apply' | 'delete' | 'release'; readonly entity: Entity; readonly fence: number }
>;

/** A question to a component on `natsApi.query.subject`; the answer goes to `replySubject` (and to the reply inbox if any). */
export type EntityQuery = { readonly id: string; readonly query: 'entity' | 'status'; readonly key: EntityKey };
export type EntityAnswer = {
  readonly id: string;
  readonly key: EntityKey;
  readonly found: boolean;
  readonly entity?: Entity;
  readonly status?: EntityStatus;
  /** Why there is no answer: the query was malformed. */
  readonly error?: Rejection;
};
