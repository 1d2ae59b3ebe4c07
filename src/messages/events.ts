// The events of desired state. One declaration site: type, version, data. Names are past tense; a new version of an event is a
// new type, and the old one stays readable for ever. Stored in OPSTREAM_EVENTS by the command-handler, and by nobody else.

import { type RunRequest } from './runs.ts';
import { type IfRunning } from './if-running.ts';
import type { Operation } from './patch.ts';
import type { CloudEvent } from './envelope.ts';
import type { LeftBehind } from './left-behind.ts';
import type { OperatorManifest, ResourceManifest, SecretManifest } from './manifest-types.ts';

export type OperatorEventData = {
  /** First event of an operator, and of one that is registered again after its deletion. */
  readonly 'io.opstream.operator.registered.v1': { readonly manifest: OperatorManifest };
  /** `patch` turns the manifest before into the manifest after (RFC 6902). */
  readonly 'io.opstream.operator.changed.v1': { readonly patch: readonly Operation[] };
  /** Its components are to be started again although nothing has changed. Absent: all of them. */
  readonly 'io.opstream.operator.restart-requested.v1': { readonly component?: string };
  /** `force`: the operator goes although resources need it; they stay declared, and `leftBehind` says which they were then. */
  readonly 'io.opstream.operator.deletion-requested.v1': { readonly force?: true; readonly leftBehind?: LeftBehind };
  /** `leftBehind`: the resources that were still declared when it was gone, and the streams and buckets that stay. */
  readonly 'io.opstream.operator.deleted.v1': { readonly leftBehind?: LeftBehind };
};

export type ResourceEventData = {
  /** First event of a resource, and of one that is declared again after its deletion (then with a new uid). */
  readonly 'io.opstream.resource.declared.v1': {
    readonly uid: string;
    readonly manifest: ResourceManifest;
    /** The type's `isRunnable` when it was declared. A runnable resource starts with its first run wanted. */
    readonly runnable: boolean;
    readonly run?: RunRequest;
    /** What the type's `nameJqFilter` made of the manifest. */
    readonly externalName?: string;
  };
  /** `run` is there when the spec of a runnable resource changed: a new spec is a new run. */
  readonly 'io.opstream.resource.changed.v1': {
    readonly patch: readonly Operation[];
    readonly run?: RunRequest;
    /** Of `run`; absent in events of earlier versions, where the newest run took the place of the one before. */
    readonly ifRunning?: IfRunning;
    /** The run that the changed spec would have been, had not another gone on. */
    readonly skippedRun?: RunRequest;
    /** Null: the type has no `nameJqFilter` any more. Absent: as before. */
    readonly externalName?: string | null;
  };
  readonly 'io.opstream.resource.run-requested.v1': { readonly run: RunRequest; readonly ifRunning?: IfRunning };
  /** `all`: and none of those that wait is to be started. */
  readonly 'io.opstream.resource.cancel-requested.v1': { readonly runId: string; readonly all?: true };
  /** Its component has reported that the run has ended; the next one begins with this event. */
  readonly 'io.opstream.resource.run-ended.v1': {
    readonly runId: string;
    readonly state: 'succeeded' | 'failed' | 'cancelled';
    readonly startedAt?: string;
    readonly finishedAt?: string;
    readonly externalId?: string;
    readonly message?: string;
  };
  readonly 'io.opstream.resource.suspended.v1': Readonly<Record<string, never>>;
  readonly 'io.opstream.resource.resumed.v1': Readonly<Record<string, never>>;
  /** Its component is to look at it now. Nothing about it has changed. */
  readonly 'io.opstream.resource.reconcile-requested.v1': Readonly<Record<string, never>>;
  /** The component is told to remove the external thing; the resource stays until it says that it did. */
  readonly 'io.opstream.resource.deletion-requested.v1': Readonly<Record<string, never>>;
  readonly 'io.opstream.resource.deleted.v1': Readonly<Record<string, never>>;
  /** Taken out of opstream without the word of its component. What is outside is left as it is. */
  readonly 'io.opstream.resource.released.v1': {
    readonly releasedBy: string;
    /** Nobody had asked for its deletion before. */
    readonly forced: boolean;
    /** There was no operator whose component could have been asked. */
    readonly operatorGone: boolean;
    readonly leftBehind: LeftBehind;
  };
};

/** Values are sealed in all of them. */
export type SecretEventData = {
  readonly 'io.opstream.secret.declared.v1': { readonly uid: string; readonly manifest: SecretManifest };
  readonly 'io.opstream.secret.changed.v1': { readonly patch: readonly Operation[] };
  /** The same values under another key: for those who use the secret nothing has changed, and neither has the generation. */
  readonly 'io.opstream.secret.resealed.v1': { readonly patch: readonly Operation[] };
  readonly 'io.opstream.secret.deleted.v1': Readonly<Record<string, never>>;
};

type EventsOf<TMap> = { [TType in keyof TMap & string]: CloudEvent<TType, TMap[TType]> }[keyof TMap & string];

export type OperatorEvent = EventsOf<OperatorEventData>;
export type ResourceEvent = EventsOf<ResourceEventData>;
export type SecretEvent = EventsOf<SecretEventData>;
export type DomainEvent = OperatorEvent | ResourceEvent | SecretEvent;

/** What `decide` returns: an event before it has an id, a time and a provenance. */
export type Undated<TMap> = {
  [TType in keyof TMap & string]: { readonly type: TType; readonly generation: number; readonly data: TMap[TType] };
}[keyof TMap & string];
export type NewOperatorEvent = Undated<OperatorEventData>;
export type NewResourceEvent = Undated<ResourceEventData>;
export type NewSecretEvent = Undated<SecretEventData>;
export type NewEvent = NewOperatorEvent | NewResourceEvent | NewSecretEvent;

const types: Readonly<Record<DomainEvent['type'], true>> = {
  'io.opstream.operator.registered.v1': true,
  'io.opstream.operator.changed.v1': true,
  'io.opstream.operator.restart-requested.v1': true,
  'io.opstream.operator.deletion-requested.v1': true,
  'io.opstream.operator.deleted.v1': true,
  'io.opstream.resource.declared.v1': true,
  'io.opstream.resource.changed.v1': true,
  'io.opstream.resource.run-requested.v1': true,
  'io.opstream.resource.cancel-requested.v1': true,
  'io.opstream.resource.run-ended.v1': true,
  'io.opstream.resource.suspended.v1': true,
  'io.opstream.resource.resumed.v1': true,
  'io.opstream.resource.reconcile-requested.v1': true,
  'io.opstream.resource.deletion-requested.v1': true,
  'io.opstream.resource.deleted.v1': true,
  'io.opstream.resource.released.v1': true,
  'io.opstream.secret.declared.v1': true,
  'io.opstream.secret.changed.v1': true,
  'io.opstream.secret.resealed.v1': true,
  'io.opstream.secret.deleted.v1': true,
};

export const eventTypes = Object.keys(types) as readonly DomainEvent['type'][];
export const isEventType = (type: unknown): type is DomainEvent['type'] =>
  typeof type === 'string' && Object.hasOwn(types, type);
