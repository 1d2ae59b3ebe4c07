// What a client of an instance can do, as an interface: commands, queries, waiting and live events. Implemented over subjects by
// open-client.ts; tests implement it in memory.

import type { JsonObject } from '../core/json.ts';
import type { Result } from '../core/result.ts';
import type { CommandFailure, Receipt, Verb } from '../messages/commands.ts';
import type { EntityStatus, OperatorStatus, RuntimeStatus, ShownStatus } from '../messages/entity.ts';
import type {
  GetAnswer,
  HistoryAnswer,
  ListAnswer,
  OutcomeAnswer,
  QueryVerb,
  RunsAnswer,
  StatusAnswer,
} from '../messages/queries.ts';
import type { Kind } from '../messages/subjects.ts';
import type { LogSelection, ReadLogsOptions } from './read-logs.ts';

export type AnswerOf = {
  readonly get: GetAnswer;
  readonly list: ListAnswer;
  readonly status: StatusAnswer;
  readonly history: HistoryAnswer;
  readonly outcome: OutcomeAnswer;
  readonly runs: RunsAnswer;
};

export type SendOptions = {
  /** Where manifests without a workspace, and targets without one, go. Default `public`. */
  readonly workspace?: string;
  readonly dryRun?: boolean;
  /** Default: a new one. Sending the same id again is safe and gives the same receipt. */
  readonly commandId?: string;
  readonly actor?: string;
  readonly correlationId?: string;
  /** W3C trace context that the command belongs to. Default: a new trace, named after the command id when that is a UUID. */
  readonly traceparent?: string;
  /** Refuse with VERSION_CONFLICT unless the generation is this one. */
  readonly expectedGeneration?: number;
};

export type Identity = { readonly kind: Kind; readonly workspace: string; readonly name: string };

/** Where a thing is on its way. `isGone`: it was deleted. */
export type Progress = {
  readonly identity: Identity;
  readonly isGone: boolean;
  readonly generation: number;
  readonly observedGeneration: number;
  readonly status: ShownStatus;
  readonly runtime: RuntimeStatus | '';
  readonly isReady: boolean;
  /** The condition or message that says why, if any. */
  readonly message: string;
};

/** `ready`: as wanted; `failed`: the run or the reconciliation ended badly; `timed-out`, `stopped`: still on its way. */
export type WaitOutcome = { readonly outcome: 'ready' | 'failed' | 'timed-out' | 'stopped'; readonly last?: Progress };

export type WaitOptions = {
  readonly timeoutMs: number;
  /** Wait until the thing is gone instead. */
  readonly untilGone?: boolean;
  /**
   * What of a resource is waited for: that very run (when there is none of that id, only that the change was observed), or `current`: the run
   * that goes on at the first look, if one does, and else that the change was observed. Absent: the last run, whichever it is, or Ready.
   */
  readonly run?: { readonly id: string } | 'current';
  /** Sequence of the last event of the command: the answers waited for reflect at least that. */
  readonly minSequence?: number;
  readonly signal?: AbortSignal;
  /** Called when what `Progress` says has changed, with the statuses that go by in between. */
  onChange?(progress: Progress): void;
};

export type LiveMessage = {
  readonly stream: 'events' | 'status';
  readonly subject: string;
  /** Sequence in its stream. */
  readonly sequence: number;
  /** The CloudEvent. */
  readonly event: JsonObject;
};

export type ServicePresence = { readonly name: string; readonly id: string; readonly version: string };

export interface Client {
  readonly serverVersion: string;
  /**
   * Sends a command on opstream.rpc.<verb> and gives its receipt, also when it was refused. Waits and sends again (same id) over lost
   * answers and passing trouble, for at most 15 s.
   * Faults: NATS_NO_RESPONDERS (no command-handler), NATS_TIMEOUT (unknown whether it was carried out), JS_REFUSED (too large), others from
   * the command-handler.
   */
  send(verb: Verb, body: Uint8Array | JsonObject, options?: SendOptions): Promise<Receipt>;
  /**
   * One answer; `get` is put together when it comes in pages, `list` and `history` give `next`. Errors: QUERY_INVALID, NOT_FOUND,
   * ANSWER_TOO_LARGE. Faults: NATS_NO_RESPONDERS (no query-responder), NATS_TIMEOUT.
   */
  query<TVerb extends QueryVerb>(verb: TVerb, body: object): Promise<Result<AnswerOf[TVerb]>>;
  /**
   * Waits until the thing has been observed at `generation` or later and is Ready, or its run has ended (runnable types), or it is gone.
   */
  waitReady(identity: Identity, generation: number, options: WaitOptions): Promise<WaitOutcome>;
  /** Events and statuses as they are stored, until `signal` aborts. Resolves when the server knows the subscription. */
  liveEvents(signal: AbortSignal, onMessage: (message: LiveMessage) => void): Promise<void>;
  /** What components have printed; resolves when it was read, with `follow` when `signal` aborts. Faults: NATS_NO_RESPONDERS (no stream). */
  readLogs(selection: LogSelection, options: ReadLogsOptions): Promise<void>;
  /** Who answers `$SRV.PING` within `waitMs` (default 500). */
  services(waitMs?: number): Promise<readonly ServicePresence[]>;
  /** A request as it is, for what has no method of its own (doctor). Faults: NATS_TIMEOUT, NATS_NO_RESPONDERS. */
  request(subject: string, body: Uint8Array, timeoutMs?: number): Promise<Uint8Array>;
  close(): Promise<void>;
}

export type Reply = Receipt | CommandFailure;
export type ObservedStatus = EntityStatus | OperatorStatus;
