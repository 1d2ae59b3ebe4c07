// What a component author implements and is given. Names are the seed's (Go: Reconciler, OController, MessageHandler,
// EntityStore, EntityStatusStore); Go's context became `ReconcileContext`. runOperator() puts the parts together.

import type { Log } from '../engine/ports/log.ts';
import type { CloudEvent, Provenance } from '../messages/envelope.ts';
import type {
  Condition,
  Entity,
  EntityAnswer,
  EntityKey,
  EntityQuery,
  EntityStatus,
  LifecycleStatus,
  ObservedRun,
  RuntimeStatus,
} from '../messages/entity.ts';
import type { JsonObject } from '../core/json.ts';
import type { ExternalChange } from './external-change.ts';
import type { TracedFetch } from './traced-fetch.ts';

/** The resource type of an entity: `resource.type` of its manifest. */
export type EntityOfInterestType = string;

/** Why a reconcile runs is not said on purpose: read the state, make the world match (level-based). */
export type ReconcileRequest = {
  readonly key: EntityKey;
  readonly type: EntityOfInterestType;
  /** The action of the run that is wanted (`entity.run`); absent for the normal run, and where no run is. */
  readonly action?: string;
  /** Of the action. */
  readonly parameters?: JsonObject;
};

/**
 * Nothing (`{}`): done until the entity changes or the next resync; what was last reported then holds for the entity as it is now
 * (and if nothing was, it is `active` and Ready). `requeueAfterMs`: look again then (polling). The back-off of earlier failures is
 * forgotten either way. A throw: `Fault` with retry `never` is terminal (condition Stalled; tried again when the entity changes, when
 * somebody asks for it, and by itself after pauses that grow up to an hour), anything else is retried with exponential back-off and
 * jitter (or after `Fault.retry.afterMs`). One that has not ended a moment after its time-out has failed: see `ReconcileContext.signal`.
 */
export type ReconcileResult = { readonly requeueAfterMs?: number };

export type ReconcileContext = {
  /**
   * Aborts on shutdown, when leadership is lost, when the resource is suspended, and after OPSTREAM_RECONCILE_TIMEOUT: stop then, and do not
   * start another external call. A reconcile that goes on after its time-out is given up on: its worker goes to other entities, what it
   * reports is refused (LEASE_LOST), its resource is Stalled (ReconcileHangs), and nothing is done for that until the promise settles or the
   * component is started again.
   */
  readonly signal: AbortSignal;
  readonly log: Log;
  /** 1 for the first try since the last success. */
  readonly attempt: number;
  /** Fencing token of the lease this process leads by. */
  readonly fence: number;
  /** Reads the state and reports, for this reconcile: nothing has to be kept from `init`. */
  readonly controller: OController;
  /**
   * No reconcile of this operator is started for `forMs` (at most an hour); those under way go on, commands are kept. For a platform that
   * throttles all callers. A thrown `Fault` with retry `{ afterMs, scope: 'operator' }` does the same.
   */
  hold(forMs: number): void;
  /** W3C trace context of the event that asked for it; `fetch` sends it along to the external API. */
  readonly traceparent?: string;
  /** What came along with `traceparent`; `fetch` sends it too. */
  readonly tracestate?: string;
  /** Calls the external API: the global fetch, counted, timed, traced, and ended with `signal`. See traced-fetch.ts. */
  readonly fetch: TracedFetch;
};

export interface Reconciler {
  /** A name for logs and metrics, e.g. `azure-data-factory`. */
  id(): string;
  /**
   * Names of properties that a later start relies on, such as a note of what is about to be made outside: a status in which one of them
   * differs is durable when `updateEntityStatus` resolves. `intent` always is.
   */
  readonly recorded?: readonly string[];
  /** Called once before the first reconcile. A reconcile finds the controller in its context. */
  init?(controller: OController): Promise<void> | void;
  reconcile(request: ReconcileRequest, context: ReconcileContext): Promise<ReconcileResult>;
  /**
   * Called in place of `reconcile` while the resource is suspended, with the same rules, and must change nothing outside: look, and report.
   * Without it a suspended resource is not looked at. A signal that aborts with a suspension ends a `reconcile` that is under way.
   */
  observe?(request: ReconcileRequest, context: ReconcileContext): Promise<ReconcileResult>;
}

/**
 * What a reconciler wants to say of an entity, whole each time: what is left out is not so any more, but for the last `change`. The SDK fills in uid,
 * generation, sequence, operator and transition times. Without `conditions` they follow from `status`: `active` is Ready, `pending`
 * and `deleting` are Reconciling, `error` is neither.
 */
export type StatusUpdate = {
  readonly key: EntityKey;
  readonly status: LifecycleStatus;
  /** With `run` it is `run.state`, and may be left out. */
  readonly runtime?: RuntimeStatus;
  readonly run?: ObservedRun;
  readonly conditions?: readonly ReportedCondition[];
  readonly externalId?: string;
  readonly message?: string;
  readonly properties?: JsonObject;
  /**
   * What was just done to the thing outside, said once, in the report after it: the condition LastChange from then on (which only the SDK
   * makes), and a line in the log.
   */
  readonly change?: ExternalChange;
};

export type ReportedCondition = Pick<Condition, 'type' | 'status' | 'reason' | 'message'>;

export interface OController {
  /** Desired state; undefined when unknown here (never declared, or deleted and purged). */
  getEntity(key: EntityKey, type: EntityOfInterestType): Promise<Entity | undefined>;
  /** What was last reported; undefined before the first report. */
  getEntityStatus(key: EntityKey, type: EntityOfInterestType): Promise<EntityStatus | undefined>;
  /**
   * Stores the status in OPSTREAM_STATUS (durable when resolved). Writes nothing when it equals the last one. One that differs from it only
   * in `properties` that are not `recorded` is kept in memory, and the last of them is stored a minute (OPSTREAM_STATUS_INTERVAL) after the last
   * stored one, or when the component stops; `getEntityStatus` gives it at once, a crash in between loses it. It answers the entity
   * as this reconcile read it, not a newer one. Faults: JS_NOT_FOUND when the entity is unknown here; JS_CONFLICT when another
   * component wrote in between (an earlier leader, or this process is no longer the leader): let it through, the reconcile runs again.
   */
  updateEntityStatus(update: StatusUpdate): Promise<void>;
}

export type MessageEnvelope<TData> = CloudEvent<string, TData>;

/** Between the channel and the stores. `runOperator` has a default that suits nearly everybody. */
export interface MessageHandler {
  /**
   * Keeps the entity of the command (the one with the larger sequence wins) and returns the request to reconcile, if any. `release`: forgets
   * the entity and leaves the external thing as it is.
   */
  handleCommand(
    message: MessageEnvelope<{ readonly command: 'apply' | 'delete' | 'release'; readonly entity: Entity }>,
    entities: EntityStore,
    statuses: EntityStatusStore,
    /** May be called before the promise resolves, once the store answers with the entity: the reconcile need not wait for the disk. */
    onAccepted?: (request: ReconcileRequest) => void,
  ): Promise<ReconcileRequest | undefined>;
  handleQuery(query: EntityQuery, entities: EntityStore, statuses: EntityStatusStore): Promise<EntityAnswer>;
}

/** Desired state as the component keeps it. */
export interface EntityStore {
  /**
   * Called when this process becomes the leader: forget what was cached, read what is kept. `signal` aborts when the term is over: stop
   * reading then, and store nothing more; who waits for this store is told so without it.
   */
  open?(signal: AbortSignal): Promise<void>;
  get(key: EntityKey): Promise<Entity | undefined>;
  /**
   * Keeps the larger `sequence` and says whether it changed anything; durable when resolved, if the store is. `provenance`: of the
   * command that brought it, for `provenance()`. `onAccepted`: called when `get` answers with it, which may be before it is durable.
   */
  put(entity: Entity, provenance?: Provenance, onAccepted?: () => void): Promise<boolean>;
  /** Where the entity came from, when the store keeps that: copied onto the status events about it. */
  provenance?(key: EntityKey): Promise<Provenance | undefined>;
  /** Removes the entity, only if its sequence is still `sequence`. */
  delete(key: EntityKey, sequence: number): Promise<void>;
  /** All keys with their types. */
  list(): AsyncIterable<ReconcileRequest>;
}

/** Observed state as last reported. */
export interface EntityStatusStore {
  /** Called when this process becomes the leader: forget what was cached. `signal` as for EntityStore. */
  open?(signal: AbortSignal): Promise<void>;
  get(key: EntityKey, operator: string): Promise<EntityStatus | undefined>;
  /** When the last status was stored, in ms since the epoch, if the store knows. */
  storedAtMs?(key: EntityKey, operator: string): Promise<number | undefined>;
  /** `provenance`: ids of the command that is answered. Faults: JS_CONFLICT when it is not based on the last status stored. */
  put(status: EntityStatus, fence: number, provenance?: Provenance): Promise<void>;
}
