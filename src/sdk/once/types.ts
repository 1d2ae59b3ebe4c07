// The words of "runs that are started once": what is kept of a run in its resource's status, what an author's hooks are given and what they
// answer. The rules are in start.ts and follow.ts, the order in plan.ts; create-once.ts puts them together.

import type { Fault } from '../../core/fault.ts';
import type { JsonObject } from '../../core/json.ts';
import type {
  Entity,
  EntityKey,
  EntityStatus,
  LifecycleStatus,
  ObservedRun,
  RuntimeStatus,
} from '../../messages/entity.ts';
import type { ChangeReason, ExternalChange } from '../external-change.ts';
import type { ReconcileContext, ReportedCondition, StatusUpdate } from '../types.ts';
import type { Ledger } from './ledger.ts';

/** Property `intent` of a status: a run is about to be started. As long as the run has no external id, it may have been. */
export type Intent = {
  /** Of the run that was wanted. */
  readonly runId: string;
  /** When the start was about to be called, by this program's clock. RFC 3339. */
  readonly at: string;
  /** `at` of the first intent for this run: a search goes back to there. */
  readonly since: string;
  /** Fencing token of the component that intended it. */
  readonly fence: number;
  /** External ids of runs that were there before: none of them is the one that is looked for. */
  readonly earlierRunIds: readonly string[];
  /** Nothing was started for it, and that is certain: there is nothing to look for. */
  readonly isWithdrawn?: true;
};

/** The run that was last reported of a resource. */
export type RunRecord<TIntent extends Intent = Intent> = {
  readonly id: string;
  readonly state: RuntimeStatus;
  readonly externalId?: string;
  readonly intent?: TIntent;
  /** Since when a run that was started is looked for in vain. RFC 3339. */
  readonly unseenSince?: string;
};

/** A run that was started. */
export type StartedRun<TIntent extends Intent = Intent> = RunRecord<TIntent> & { readonly externalId: string };

/** One reconcile. An author's own may have more in it. */
export type OnceWork<TIntent extends Intent = Intent> = {
  readonly entity: Entity;
  /** What was reported of this very resource, not of an earlier one of its name. */
  readonly status: EntityStatus | undefined;
  readonly record: RunRecord<TIntent> | undefined;
  readonly context: ReconcileContext;
};

/** What becomes of a run that was intended, was looked for and is not there. */
export type OnMissing = 'start' | 'wait' | 'call-off';

/** `later`: looked at again then, and nothing is said. `wait`: the same, and it is said why. */
export type Prepared<TIntent extends Intent, TWork> =
  | { readonly kind: 'go'; readonly work: TWork; readonly intent?: Partial<TIntent> }
  | { readonly kind: 'refuse'; readonly work: TWork; readonly message: string }
  | {
      readonly kind: 'wait';
      readonly work: TWork;
      readonly reason: string;
      readonly message: string;
      readonly afterMs: number;
    }
  | { readonly kind: 'later'; readonly afterMs: number };

export type Search = {
  /** Nobody else has it, and it was not there before. */
  isFree(externalId: string): boolean;
  /** The grace is over: what is not found now was not started. */
  readonly isLast: boolean;
  readonly onMissing: OnMissing;
};

/**
 * `ids`: runs that may be the one, the likeliest first. `isCertain`: the run itself says whose it is, so nobody else is waited for. `mayTake` false:
 * looked for again. `absent`: the place of the runs is not there, so nobody knows of them. `unsearchable`: there is no way to look for it at all.
 */
export type Found =
  | { readonly ids: readonly string[]; readonly isCertain?: boolean; readonly mayTake?: boolean }
  | 'absent'
  | 'unsearchable';

/** What the API says of a run. `properties` are synchronized into the status. */
export type Described = {
  readonly run?: Partial<Omit<ObservedRun, 'id' | 'state'>>;
  readonly properties?: JsonObject;
  /** Default: those that follow from its state. */
  readonly conditions?: readonly ReportedCondition[];
};

export type Seen = Described & {
  readonly state: RuntimeStatus;
  /** A cancel was accepted already: none is sent. */
  readonly isEnding?: boolean;
  /** Asked when the rest is to be reported, for what takes further calls. */
  describe?(): Promise<Described>;
};

/** How a run that was started is to be looked at. */
export type FollowStep<TIntent extends Intent = Intent> = {
  readonly kind: 'follow';
  readonly record: StartedRun<TIntent>;
  /** Somebody has asked for it. */
  readonly cancelRequested: boolean;
  /** It has to end: somebody has asked for it, or its resource is deleted. */
  readonly isToEnd: boolean;
  /** Something waits for its end: a deletion, or a newer run. */
  readonly isInTheWay: boolean;
};

/** What is said of a run in a status. */
export type Said<TIntent extends Intent = Intent> = {
  readonly kind:
    | ('waiting' | 'intended' | 'delayed' | 'looking' | 'started')
    | ('refused' | 'unconfirmed' | 'called-off')
    | ('seen' | 'unseen' | 'lost');
  readonly status: LifecycleStatus;
  readonly run: ObservedRun;
  readonly conditions: readonly ReportedCondition[];
  readonly intent: TIntent | undefined;
  readonly unseenSince?: string;
  readonly properties?: JsonObject;
  readonly change?: ExternalChange;
};

export type OnceOptions<TIntent extends Intent = Intent, TWork extends OnceWork<TIntent> = OnceWork<TIntent>> = {
  /** What a run is called in messages. Default: run. */
  readonly noun?: string;
  /** Whose runs they are, in messages. */
  readonly platform: string;
  /**
   * How long an intent holds: half for the start to be answered or given up, half for the API to list the run. A run whose start was not
   * confirmed is looked for so long before it is started again.
   */
  readonly graceMs: number | ((work: TWork, intent: TIntent) => number);
  /** How often a run under way is looked at. */
  readonly pollIntervalMs: number;
  /** For so long a run that was started and is not to be seen is waited for. Default: a minute. */
  readonly settleMs?: number;
  /** Milliseconds since the epoch. Default: the system's clock. */
  readonly now?: () => number;
  /** Default: an own one. */
  readonly ledger?: Ledger;
  /** Names of properties, beside `intent` and `unseenSince`, that a later start relies on. */
  readonly recorded?: readonly string[];
  /** What the author keeps beside the SDK's fields in an intent comes back from a status by this. Default: nothing. */
  readIntent?(intent: Intent, stored: JsonObject): TIntent | undefined;
  /** An author's own work of the SDK's. Needed when it has more in it. */
  work?(base: OnceWork<TIntent>): TWork | Promise<TWork>;

  /** Before anything is intended: what the start needs, and what its intent is to say. A fault of it is one of the reconcile: the run waits. */
  prepare?(work: TWork, runId: string): Promise<Prepared<TIntent, TWork>>;
  /**
   * Starts the run, which is intended in the status by then; its id. undefined: it has none, and has ended well with the answer. Faults:
   * `details.outcome` `none` when certainly nothing was started; anything else means that it may have been. Within `timeoutMs`.
   */
  start(work: TWork, intent: TIntent, timeoutMs: number): Promise<string | undefined>;
  /** The start was refused because something is not to be seen yet that was made a moment ago: it is tried again. */
  notYet?(
    work: TWork,
    intent: TIntent,
    fault: Fault,
  ): { readonly message: string; readonly afterMs: number } | undefined;
  /** Whether a fault of a start is about the run, which has failed then. Default: the API refuses it for good, and not for who asks. */
  isRefusal?(error: unknown): boolean;
  /** Looks for the run that a start without an answer may have made, since `intent.since`. Left out: such a start ends as unconfirmed. */
  search?(work: TWork, intent: TIntent, search: Search): Promise<Found>;
  /** Starts with the same text give runs that a search cannot tell apart. Default: all do. */
  alike?(work: TWork, intent: TIntent): string;
  /** Why a start that was not confirmed cannot be looked for, in words. */
  unconfirmed?(work: TWork, intent: TIntent): string;

  /** undefined: the API does not know it (any more). `unchanged`: it is as it was last reported. */
  look(work: TWork, step: FollowStep<TIntent>): Promise<Seen | 'unchanged' | undefined>;
  /** Left out: the API cannot. Then a deletion does not wait for the end of the run. */
  cancel?(work: TWork, step: FollowStep<TIntent>): Promise<void>;
  /** Whether the run has ever been seen. Default: it was reported to be beyond pending. */
  wasSeen?(work: TWork): boolean;
  /** Whatever is kept in memory of the run is of no use: it has ended, or looking at it failed. */
  forgetRun?(work: TWork, step: FollowStep<TIntent>): void;

  /** Called in place of reporting the same again, when the run has ended; what is returned is reported. */
  settled?(work: TWork): Promise<TWork>;
  /** Removes what the resource has outside. Default: nothing is left, or a run that cannot be cancelled. */
  remove?(work: TWork): Promise<{ readonly requeueAfterMs?: number }>;
  /** The resource is known no more. */
  forget?(key: EntityKey): void;

  /** The properties of a status. Default: what is synchronized, and what the next start needs. */
  properties?(work: TWork, said: Said<TIntent>): JsonObject;
  /** Of an intent, once it is known what became of it. Default: all of it. */
  keptOf?(intent: TIntent): TIntent;
  /** How the start of a run is said as the last change outside. undefined: it is not. */
  change?(
    work: TWork,
    what: Extract<ChangeReason, 'Created' | 'Adopted'>,
    externalId: string,
  ): ExternalChange | undefined;
  /** The last word on what is reported. undefined: nothing is. */
  say?(work: TWork, said: Said<TIntent>, update: StatusUpdate): StatusUpdate | undefined;
};
