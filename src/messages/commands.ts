// The commands: what users publish on opstream.rpc.<verb> (answered with a Receipt) and opstream.cmd.<verb> (kept, and
// carried out by and by). `apply` and `create` take manifests as they stand; the others a small JSON or YAML object.

import type { JsonObject, JsonValue } from '../core/json.ts';
import type { Rejection } from '../core/rejection.ts';
import type { LeftBehind } from './left-behind.ts';
import type { Finding } from './finding.ts';
import type { IfRunning } from './if-running.ts';
import type { Operation } from './patch.ts';
import type { Kind } from './subjects.ts';

export const manifestVerbs = ['apply', 'create'] as const;
export const targetVerbs = [
  'patch',
  'delete',
  'release',
  'run',
  'cancel',
  'suspend',
  'resume',
  'reconcile',
  'restart',
  'reseal',
  'finalize',
  'settle',
] as const;
/**
 * `reconcile` has a component look at a resource now, whatever it waits for. `restart` ends the components of an operator and starts them again,
 * replica by replica. `release` takes a resource out of opstream without the word of its component: what is outside stays. `finalize` is sent by the
 * operator-runtime when a component has said that the external thing is gone, `settle` when it has said that a run has ended. `reseal` puts the sealed values of a secret or an operator under
 * the current key.
 */
export const verbs = [...manifestVerbs, ...targetVerbs] as const;
export type ManifestVerb = (typeof manifestVerbs)[number];
export type TargetVerb = (typeof targetVerbs)[number];
export type Verb = (typeof verbs)[number];

export const DEFAULT_WORKSPACE = 'public';
export const DEFAULT_ACTOR = 'anonymous';
/** Documents in one apply: the most that one atomic batch takes. */
export const MAX_DOCUMENTS = 1000;

/** The body of the verbs that name their target. `type` defaults to `resource`, `workspace` to `public`. */
export type TargetCommand = {
  readonly verb: TargetVerb;
  readonly target: { readonly kind: Kind; readonly workspace: string; readonly name: string };
  /** `patch` only: RFC 6902 operations on the stored manifest. */
  readonly patch?: readonly Operation[];
  /**
   * `delete` and `release` only. Of an operator: although resources need it. Of a resource: release it, whether its deletion was asked
   * for or not. Of a secret: although operators refer to it.
   */
  readonly force?: boolean;
  /** `run` only: an action that the resource's type declares, and its parameters. */
  readonly action?: string;
  readonly parameters?: JsonObject;
  /** `run` only: what becomes of it while another run goes on. Default: what the type says, else `queue`. */
  readonly ifRunning?: IfRunning;
  /** `cancel` only: the runs that wait as well. */
  readonly all?: boolean;
  /** `settle` only: the run that has ended, and the sequence in OPSTREAM_STATUS of the status that says so. */
  readonly runId?: string;
  readonly statusSequence?: number;
  /** `restart` only: one of the operator's components. Absent: all of them. */
  readonly component?: string;
  /** `finalize` and `settle` only: the uid that was finished, so that a later declaration is left alone. */
  readonly uid?: string;
  /** Refuse with VERSION_CONFLICT unless the generation is this one. */
  readonly expectedGeneration?: number;
};

export type EntityIdentity = {
  readonly kind: Kind;
  readonly workspace: string;
  readonly name: string;
  readonly generation: number;
};

export type ReceiptEvent = {
  readonly id: string;
  readonly type: string;
  readonly subject: string;
  /** Sequence in OPSTREAM_EVENTS; a query with `minSequence` of it sees the event's effect. */
  readonly sequence: number;
};

/**
 * The answer to a command. `accepted: true` means: the events are stored (P1). The same command id gets the same receipt
 * for ever (P2). With `dryRun` nothing was stored and `events` have sequence 0.
 */
export type Receipt = {
  readonly commandId: string;
  readonly verb: Verb;
  readonly accepted: boolean;
  readonly events: readonly ReceiptEvent[];
  /** The one thing commanded, or the first of many. */
  readonly entity?: EntityIdentity;
  /** All of them, in the order of the documents, when there were several. */
  readonly entities?: readonly EntityIdentity[];
  /** Everything was already as asked. */
  readonly unchanged?: boolean;
  readonly dryRun?: boolean;
  /** With `dryRun`: the events that would be stored, one for each of `events`. */
  readonly preview?: readonly { readonly type: string; readonly subject: string; readonly data: JsonValue }[];
  readonly rejection?: Rejection;
  /** What a forced deletion or a release leaves outside: nobody will remove it. */
  readonly leftBehind?: LeftBehind;
  /** What was accepted and is probably not meant so; at most MAX_WARNINGS. Advice: a repeat of the command may say less. */
  readonly warnings?: readonly Finding[];
  /** What was left out because the whole receipt does not fit one message of the server. Everything else counts as it stands. */
  readonly leftOut?: { readonly fields: readonly string[]; readonly bytes: number; readonly maxBytes: number };
};

/** The answer on `rpc` when the command could be neither accepted nor refused: send the same command id again. */
export type CommandFailure = {
  readonly commandId: string;
  readonly failure: {
    readonly code: string;
    readonly message: string;
    readonly isRetryable: boolean;
    /** Not before that. */
    readonly retryAfterMs?: number;
  };
};

/** Stored in OPSTREAM_OUTCOMES; its data is the Receipt. */
export const OUTCOME_TYPE = 'io.opstream.command.outcome.v1';
