// The events of desired state. One declaration site: type, version, data. Names are past tense; a new version of an event is a
// new type, and the old one stays readable for ever. Stored in OPSTREAM_EVENTS by the command-handler, and by nobody else.

import type { Operation } from './patch.ts';
import type { CloudEvent } from './envelope.ts';
import type { OperatorManifest, ResourceManifest } from './manifest/types.ts';

export type OperatorEventData = {
  /** First event of an operator, and of one that is registered again after its deletion. */
  readonly 'io.opstream.operator.registered.v1': { readonly manifest: OperatorManifest };
  /** `patch` turns the manifest before into the manifest after (RFC 6902). */
  readonly 'io.opstream.operator.changed.v1': { readonly patch: readonly Operation[] };
  readonly 'io.opstream.operator.deletion-requested.v1': Readonly<Record<string, never>>;
  readonly 'io.opstream.operator.deleted.v1': Readonly<Record<string, never>>;
};

/** One execution that is wanted of a runnable resource. `id` is the id of the event that asked for it. */
export type RunRequest = { readonly id: string; readonly number: number; readonly requestedAt: string };

export type ResourceEventData = {
  /** First event of a resource, and of one that is declared again after its deletion (then with a new uid). */
  readonly 'io.opstream.resource.declared.v1': {
    readonly uid: string;
    readonly manifest: ResourceManifest;
    /** The type's `isRunnable` when it was declared. A runnable resource starts with its first run wanted. */
    readonly runnable: boolean;
    readonly run?: RunRequest;
  };
  /** `run` is there when the spec of a runnable resource changed: a new spec is a new run. */
  readonly 'io.opstream.resource.changed.v1': { readonly patch: readonly Operation[]; readonly run?: RunRequest };
  readonly 'io.opstream.resource.run-requested.v1': { readonly run: RunRequest };
  readonly 'io.opstream.resource.cancel-requested.v1': { readonly runId: string };
  readonly 'io.opstream.resource.suspended.v1': Readonly<Record<string, never>>;
  readonly 'io.opstream.resource.resumed.v1': Readonly<Record<string, never>>;
  /** The component is told to remove the external thing; the resource stays until it says that it did. */
  readonly 'io.opstream.resource.deletion-requested.v1': Readonly<Record<string, never>>;
  readonly 'io.opstream.resource.deleted.v1': Readonly<Record<string, never>>;
};

type EventsOf<TMap> = { [TType in keyof TMap & string]: CloudEvent<TType, TMap[TType]> }[keyof TMap & string];

export type OperatorEvent = EventsOf<OperatorEventData>;
export type ResourceEvent = EventsOf<ResourceEventData>;
export type DomainEvent = OperatorEvent | ResourceEvent;

/** What `decide` returns: an event before it has an id, a time and a provenance. */
export type Undated<TMap> = {
  [TType in keyof TMap & string]: { readonly type: TType; readonly generation: number; readonly data: TMap[TType] };
}[keyof TMap & string];
export type NewOperatorEvent = Undated<OperatorEventData>;
export type NewResourceEvent = Undated<ResourceEventData>;
export type NewEvent = NewOperatorEvent | NewResourceEvent;

const types: Readonly<Record<DomainEvent['type'], true>> = {
  'io.opstream.operator.registered.v1': true,
  'io.opstream.operator.changed.v1': true,
  'io.opstream.operator.deletion-requested.v1': true,
  'io.opstream.operator.deleted.v1': true,
  'io.opstream.resource.declared.v1': true,
  'io.opstream.resource.changed.v1': true,
  'io.opstream.resource.run-requested.v1': true,
  'io.opstream.resource.cancel-requested.v1': true,
  'io.opstream.resource.suspended.v1': true,
  'io.opstream.resource.resumed.v1': true,
  'io.opstream.resource.deletion-requested.v1': true,
  'io.opstream.resource.deleted.v1': true,
};

export const eventTypes = Object.keys(types) as readonly DomainEvent['type'][];
export const isEventType = (type: unknown): type is DomainEvent['type'] =>
  typeof type === 'string' && Object.hasOwn(types, type);
