// The queries on opstream.query.<verb> and their answers. A query never changes anything. Every answer names the sequence that
// it reflects; with `minSequence` the responder waits for it, or says `stale: true` when it did not come in time (P7). No answer is larger
// than one message of the server: what does not fit is on the next page, which is asked for with the `next` of this one as `cursor`.

import type { JsonObject } from '../core/json.ts';
import type { Rejection } from '../core/rejection.ts';
import type { Receipt } from './commands.ts';
import type { Condition, Entity, EntityStatus, OperatorStatus, RuntimeStatus, ShownStatus } from './entity.ts';
import type { RunEnd } from './runs.ts';
import type { OperatorManifest, SecretManifest } from './manifest-types.ts';
import type { Kind } from './subjects.ts';

export const queryVerbs = ['get', 'list', 'status', 'history', 'outcome', 'runs'] as const;
export type QueryVerb = (typeof queryVerbs)[number];

/** How long a query waits for `minSequence` unless it says otherwise. */
export const DEFAULT_QUERY_WAIT_MS = 2000;
export const DEFAULT_PAGE_SIZE = 100;
export const MAX_PAGE_SIZE = 1000;

/** What a row may say under STATUS and RUNTIME. */
export const listedStatuses = [
  'pending',
  'active',
  'error',
  'deleting',
  'suspended',
] as const satisfies readonly ShownStatus[];
export const listedRuntimes = [
  'pending',
  'inprogress',
  'succeeded',
  'failed',
  'cancelled',
] as const satisfies readonly RuntimeStatus[];

type Freshness = { readonly minSequence?: number; readonly waitMs?: number };
type Target = { readonly type: Kind; readonly workspace: string; readonly name: string };

/** `cursor`: the `next` of the page before. */
export type GetQuery = Freshness & Target & { readonly cursor?: 'status' };
export type StatusQuery = Freshness &
  Target & { /** Ask the component itself over its query subject. */ readonly refresh?: boolean };
/**
 * `fromSequence`: from that event on, with the statuses since its time. `cursor` is the `next` of the page before, and takes its place.
 * `limit` counts events and statuses together.
 */
export type HistoryQuery = Freshness &
  Target & { readonly fromSequence?: number; readonly limit?: number; readonly cursor?: string };
/** `before`: the `next` of the page before. `runId`: only that run. */
export type RunsQuery = {
  readonly workspace: string;
  readonly name: string;
  readonly runId?: string;
  readonly limit?: number;
  readonly before?: number;
};
export type OutcomeQuery = { readonly commandId: string; readonly waitMs?: number };

/** All filters must hold. `cursor` is the `next` of the page before. */
export type ListQuery = Freshness & {
  readonly type?: Kind;
  readonly workspace?: string;
  readonly operator?: string;
  readonly resourceType?: string;
  readonly owner?: string;
  readonly tag?: string;
  readonly label?: string;
  /** All of them must be there. */
  readonly tags?: readonly string[];
  /** Labels as kubectl selects them: `a=b,c!=d,e in (f,g),h notin (i),j,!k`. */
  readonly selector?: string;
  readonly layer?: 'user' | 'system';
  /** `workspace/name` of a secret: only operators whose components refer to it. */
  readonly secret?: string;
  /** Only resources whose operator is gone. */
  readonly orphaned?: boolean;
  /** Only what is not ready (`ready` is not `True`), or only what is. */
  readonly notReady?: boolean;
  /** As the row shows them. */
  readonly status?: ShownStatus;
  readonly runtime?: RuntimeStatus;
  readonly reason?: string;
  /** Only resources whose component has (or has not) reported on their last event, whatever it reported. */
  readonly answered?: boolean;
  readonly limit?: number;
  readonly cursor?: string;
};

/** A row of the seed's table. */
export type Summary = {
  readonly name: string;
  readonly version: string;
  readonly type: Kind;
  readonly workspace: string;
  readonly status: ShownStatus;
  readonly runtime: RuntimeStatus | '';
  readonly owner: string;
  readonly operator?: string;
  readonly resourceType?: string;
  readonly layer?: 'user' | 'system';
  /** What the type's `nameJqFilter` calls it. */
  readonly externalName?: string;
  /** Name or id of the thing outside, as last reported. */
  readonly externalId?: string;
  /** The operator is gone: nobody looks after it. Its status is then `error`, or `deleting`. */
  readonly orphaned?: true;
  /** The condition `Ready`; `Unknown` as well when nothing was reported of it as it is now. */
  readonly ready: Condition['status'];
  /** Of that condition, or what is in its place: NothingReported, ChangeNotObserved, Deleting, OperatorGone; empty for a secret. */
  readonly reason: string;
  /** Of an operator: why it cannot work at the moment, though it is active: its condition `Ready`. */
  readonly notReady?: { readonly reason: string; readonly message: string };
  readonly tags: readonly string[];
  readonly generation: number;
  readonly observedGeneration: number;
  readonly createdAt: string;
  readonly updatedAt: string;
};

/** The KV document of an operator. */
export type OperatorDocument = {
  readonly name: string;
  readonly uid: string;
  readonly generation: number;
  readonly deletionRequestedAt?: string;
  /** It goes although resources need it. */
  readonly deletionForced?: true;
  /** By component: the sequence of the last event that asked for its restart. Of none: absent. */
  readonly restarts?: Readonly<Record<string, number>>;
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly createdBy: string;
  readonly updatedBy: string;
  readonly manifest: OperatorManifest;
  readonly sequence: number;
};

/** The KV document of a secret: its values are sealed, and masked in answers to `get`. */
export type SecretDocument = {
  readonly workspace: string;
  readonly name: string;
  readonly uid: string;
  readonly generation: number;
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly createdBy: string;
  readonly updatedBy: string;
  readonly manifest: SecretManifest;
  /** Sequence of the last event that changed type, acl or values. */
  readonly contentSequence: number;
  readonly sequence: number;
};

/** The KV documents of observed state: the last status event, with the OPSTREAM_STATUS sequence it comes from. */
export type EntityStatusDocument = EntityStatus & { readonly updatedAt: string; readonly sequence: number };
export type OperatorStatusDocument = OperatorStatus & { readonly updatedAt: string; readonly sequence: number };

/** Reason of `Ready` of a resource that waits for an operator that cannot work: the query-responder's word, not the component's. */
export const OPERATOR_NOT_READY = 'OperatorNotReady';

type AnswerBase = { readonly sequence: number; readonly stale?: boolean };
/** `next`: the status did not fit; ask again with it as `cursor` for a RestOfGet. */
export type GetAnswer = AnswerBase & { readonly next?: 'status' } & (
    | {
        readonly type: 'resource';
        readonly summary: Summary;
        readonly entity: Entity;
        readonly status?: EntityStatusDocument;
      }
    | {
        readonly type: 'operator';
        readonly summary: Summary;
        readonly operator: OperatorDocument;
        readonly status?: OperatorStatusDocument;
      }
    | { readonly type: 'secret'; readonly summary: Summary; readonly secret: SecretDocument; readonly status?: never }
  );
/** The second page of `get`. Absent: there is none (any more). */
export type RestOfGet = AnswerBase & { readonly status?: EntityStatusDocument | OperatorStatusDocument };
export type ListAnswer = AnswerBase & {
  /** So many documents of things of this type cannot be read: rows may be missing, or old. Absent: none. */
  readonly damaged?: number;
  readonly items: readonly Summary[];
  readonly total: number;
  readonly next?: string;
};
export type StatusAnswer = AnswerBase & { readonly status?: EntityStatusDocument | OperatorStatusDocument };
/** Stored events and status events of one aggregate, merged in the order of their time. */
export type HistoryEntry = {
  readonly stream: 'events' | 'status';
  readonly sequence: number;
  /** The stored CloudEvent; without its `data` when there is an `error`. */
  readonly event: JsonObject;
  /** Why the entry is not whole: by itself it is larger than an answer may be. */
  readonly error?: Rejection;
  /** Why the message is none of ours and changed nothing; `event` is then what can be shown of it, with the time it was stored. */
  readonly setAside?: string;
  /** Sequence of the status that was stored before this one and is missing, though no limit can have taken it; older ones may be missing with it. */
  readonly missingBefore?: number;
};
export type HistoryAnswer = AnswerBase & { readonly entries: readonly HistoryEntry[]; readonly next?: string };
/** One run of a resource, from the event that wanted it to its end. */
export type RunRow = {
  readonly id: string;
  readonly number: number;
  /** Of the resource; a name may have been declared several times. */
  readonly uid: string;
  readonly action?: string;
  /** `declared`: by the first apply; `spec`: by a changed spec; `run`: by the command run. */
  readonly cause: 'declared' | 'spec' | 'run';
  readonly requestedBy: string;
  readonly requestedAt: string;
  readonly commandId: string;
  /** Of the event that wanted it. */
  readonly sequence: number;
  /** `queued`: it waits for the run before it. `pending`, `inprogress`: its component is at it. The others are ends. */
  readonly state: 'queued' | 'pending' | 'inprogress' | RunEnd;
  readonly cancelRequested?: true;
  readonly startedAt?: string;
  readonly finishedAt?: string;
  readonly externalId?: string;
  readonly message?: string;
};
/** The newest run first. `sequence` is that of the last event of the resource. */
export type RunsAnswer = { readonly sequence: number; readonly items: readonly RunRow[]; readonly next?: number };
export type OutcomeAnswer = { readonly receipt?: Receipt };
export type QueryFailure = { readonly error: Rejection };
