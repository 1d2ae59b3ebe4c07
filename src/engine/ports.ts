// What the loops need of the world, as interfaces. jetstream/ implements them on a real server; unit tests implement them in
// memory. No type of a client library appears here.

import type { JsonValue } from '../core/json.ts';
import type { Result } from '../core/result.ts';
import type { MetricDefinition } from '../messages/metric-catalogue.ts';

/** A message as a stream holds it. `data` may be a view into a larger buffer: copy it if you keep it. */
export type StoredMessage = {
  readonly sequence: number;
  readonly subject: string;
  readonly data: Uint8Array;
  readonly timeMs: number;
  header(name: string): string | undefined;
};

/** One message of an append. `id` becomes Nats-Msg-Id. */
export type AppendMessage = {
  readonly subject: string;
  readonly id: string;
  readonly data: Uint8Array;
  /**
   * Sequence of the last message that the writer knows on that subject, 0 for none; absent: no check. Only the first message
   * of a subject in one append is checked by the server; later ones of the same subject must leave it out.
   */
  readonly expectedLastSequence?: number;
  /** With wildcards: `expectedLastSequence` is of the last message on any subject that it matches. Default: the message's own subject. */
  readonly expectedSubject?: string;
  /** Of a message that was stored on another server first: `<incarnation> <sequence>` there. Becomes the header Opstream-Origin. */
  readonly origin?: string;
};

/**
 * Writes one stream. An append is all or nothing, and durable when the promise resolves. Appends that wait at the same time are
 * committed together where that is faster (see jetstream/commit-pacer.ts); one append never makes another fail.
 */
export interface Appender {
  /**
   * Sequences of the messages, in order. A retry after a lost answer with the same ids gives the sequences of the first time.
   * Faults: JS_CONFLICT (an expectedLastSequence was not the last; nothing stored; may also mean that an earlier attempt of this
   * very append was stored: look), JS_DUPLICATE (ids already stored, sequences unknown: look), NATS_TIMEOUT (unknown after all
   * retries), JS_STORE_FULL, JS_UNAVAILABLE.
   */
  append(messages: readonly AppendMessage[]): Promise<readonly number[]>;
  /** Messages waiting or in flight. */
  readonly pending: number;
}

export interface StreamReader {
  /**
   * All messages of one exact subject from `fromSequence` (default 1), oldest first, at most `limit` (default: all). With `maxBytes` it ends
   * behind the message with which they are that many.
   */
  readSubject(
    subject: string,
    options?: { readonly fromSequence?: number; readonly limit?: number; readonly maxBytes?: number },
  ): Promise<readonly StoredMessage[]>;
  /** The last message of one exact subject. */
  readLast(subject: string): Promise<StoredMessage | undefined>;
  /** Last sequence of the stream; 0 when empty. Asked of the leader. */
  lastSequence(): Promise<number>;
}

export type KeyValueEntry = {
  readonly key: string;
  readonly revision: number;
  readonly data: Uint8Array;
  /** Written without naming the revision that it replaces: by hand, and by no loop of ours. */
  readonly isUnchecked?: true;
};

/** `data` undefined deletes the key. `expectedRevision`: revision of the entry replaced, 0 for none; absent: no check. */
export type KeyValueWrite = {
  readonly key: string;
  readonly data: Uint8Array | undefined;
  readonly expectedRevision?: number;
  /** With `expectedRevision` 0: a delete marker of a later revision than this is a conflict, not "none". Absent: any marker is "none". */
  readonly markersUpTo?: number;
  /** Of the view that this document is in: it has everything of `stream` up to `sequence` with this write. Goes into a header. */
  readonly reached?: { readonly stream: string; readonly sequence: number };
};

export interface KeyValueStore {
  get(key: string): Promise<KeyValueEntry | undefined>;
  /** Several keys, pipelined; the result has the same order. */
  getMany(keys: readonly string[]): Promise<readonly (KeyValueEntry | undefined)[]>;
  /**
   * Every key that `filter` matches (`entity.>`), those of delete markers included; undefined when there are more than `limit`. Asked of
   * the leader.
   */
  keys(filter: string, limit: number): Promise<readonly string[] | undefined>;
  /**
   * Writes in the given order: as one atomic batch when there are many, else one by one, each after the one before it was sent and
   * all of them confirmed before the promise resolves; `last` is written only after all the others are confirmed, or in the same
   * atomic batch. Revisions of `writes` in order, then of `last`. Faults: JS_CONFLICT (a revision was not the expected one: another
   * writer is at work), and those of Appender.
   */
  commit(writes: readonly KeyValueWrite[], last?: KeyValueWrite): Promise<readonly number[]>;
  /** All or nothing, in one atomic batch of at most 1000. Revisions in order. Faults: as of `commit`. */
  commitWhole(writes: readonly KeyValueWrite[]): Promise<readonly number[]>;
}

export type FollowOptions = {
  /** First sequence wanted. */
  readonly fromSequence: number;
  /** Subject filters; absent: all of the stream. */
  readonly filters?: readonly string[];
  /** Largest batch handed over. Default 500. */
  readonly maxBatch?: number;
  /** Only the last message of each subject that exists at the start, then everything that comes. Default false. */
  readonly lastPerSubject?: boolean;
  /**
   * For who is in no hurry: after a batch nothing is heard for so long, then everything that has come meanwhile at once. Spares this
   * process and the server a wake-up for each message. Default 0.
   */
  readonly restMs?: number;
  /**
   * Called with one batch at a time, in stream order, without gaps, each message once; the next call waits for the promise. While it
   * works, further messages are buffered (bounded) and come as the next batch. `pending`: how many messages the stream held beyond
   * this batch when it was delivered; 0 means caught up. A rejection ends the follow with that error.
   */
  onBatch(batch: readonly StoredMessage[], pending: number): Promise<void> | void;
  /** Called once when there was nothing to read at the start. */
  onEmpty?(): void;
  readonly signal: AbortSignal;
};

/** Reads a stream in order from a position that the caller owns: no acks, no durable consumer; heals itself over reconnects. */
export interface StreamFollower {
  /** Resolves when `signal` aborts; rejects with what `onBatch` threw, or a Fault with retry `never`. */
  follow(options: FollowOptions): Promise<void>;
}

/** A message of a work queue, to be settled exactly once. */
export type Delivery = StoredMessage & {
  /** From 1. */
  readonly attempt: number;
  ack(): void;
  /** Deliver again, not before `delayMs`. */
  nak(delayMs: number): void;
  /** Still at work: the redelivery timer starts anew. */
  working(): void;
};

export interface WorkQueue {
  /**
   * Hands over deliveries in stream order, at most `maxInFlight` unsettled. Resolves when `signal` aborts.
   * `restart: true` deletes and recreates the consumer first, so that what an earlier holder left unsettled comes again from the
   * beginning and in order; only the holder of the lease may do that. On work-queue streams only.
   */
  consume(options: {
    readonly maxInFlight: number;
    readonly restart?: boolean;
    readonly signal: AbortSignal;
    onDelivery(delivery: Delivery): void;
  }): Promise<void>;
}

export type {
  Publisher,
  ReceivedMessage,
  Requester,
  ServiceHost,
  ServiceRequest,
  Subscriber,
} from './request-ports.ts';
export type { OperatorStorage, StorageFacts, StorageRef } from './storage-ports.ts';

/** `token` grows with every holder: the fencing token. `lost` aborts when the lease could not be renewed in time. */
export type Lease = {
  readonly name: string;
  readonly token: number;
  readonly lost: AbortSignal;
  release(): Promise<void>;
};

export interface LeaseKeeper {
  /**
   * Waits until the lease is ours (or `signal` aborts: undefined). Default ttlMs 5000; renewed every third of it. A released lease is
   * taken over at once, a dead holder's within `ttlMs` and a second.
   */
  acquire(
    name: string,
    options: {
      readonly ttlMs?: number;
      readonly holder: string;
      readonly signal: AbortSignal;
      /** What the record of the lease says beside its holder, at each renewal: for whoever watches over the holder. */
      facts?(): Readonly<Record<string, unknown>>;
    },
  ): Promise<Lease | undefined>;
}

export interface Clock {
  nowMs(): number;
  /** Resolves after `delayMs`, or at once when `signal` aborts. */
  sleep(delayMs: number, signal?: AbortSignal): Promise<void>;
}

export interface IdSource {
  /** A new unique id, lower case, a subject token (UUID v7). */
  next(): string;
}

/**
 * Seals values before anything is stored of them, and opens them for components. A sealed value is text (messages/manifest/sealed.ts) that
 * opens only at the `place` it was sealed for: `secret/<workspace>/<name>/<key>`, say.
 */
export interface Vault {
  /** Undefined: there is no key, and nothing can be sealed. Faults: CONFIG_INVALID (the key ring cannot be read), as for the others. */
  currentKeyId(): string | undefined;
  /** `before` comes back when it is the same value at the same place, whatever key it is sealed with. */
  seal(text: string, place: string, before?: string): string;
  /** Faults: SECRET_UNREADABLE (unknown key, changed, or from another place); its message never holds the value. */
  open(sealed: string, place: string): string;
}

/** Evaluates jq programs that users wrote: somewhere where they can be stopped. */
export interface JqRunner {
  /**
   * All outputs of `program` on `input`. Errors are rejections, with a message fit for the user: JQ_INVALID (does not compile, fails, runs
   * longer than `timeoutMs`, default 1000, or puts out more than 1 MiB). Faults: none.
   */
  run(
    program: string,
    input: JsonValue,
    options?: { readonly timeoutMs?: number; readonly variables?: Readonly<Record<string, JsonValue>> },
  ): Promise<Result<readonly JsonValue[]>>;
  /** Whether `program` compiles, without running it. `variables`: names that it may use. Errors: JQ_INVALID. */
  check(
    program: string,
    options?: { readonly timeoutMs?: number; readonly variables?: readonly string[] },
  ): Promise<Result<void>>;
  close(): Promise<void>;
}

export interface Counter {
  /** Default 1; never negative. */
  add(count?: number): void;
}

export interface Histogram {
  /** In the unit that the metric's name ends in: seconds. */
  observe(value: number): void;
}

export interface Gauge {
  set(value: number): void;
}

/**
 * What is counted and timed, by name (messages/metric-catalogue.ts). `labels` are the values in the order of the definition; the same values
 * give the same series. Hot paths ask for a series once and keep it: adding to it costs nanoseconds. Values must be from a small set; a
 * metric that has too many series counts the rest under `other`. A metric that the program does not expose counts nowhere.
 */
export interface Metrics {
  /** For measuring how long something takes: fractions count, and it never goes back. No time of day. */
  nowMs(): number;
  counter(definition: MetricDefinition, ...labels: readonly string[]): Counter;
  histogram(definition: MetricDefinition, ...labels: readonly string[]): Histogram;
  gauge(definition: MetricDefinition, ...labels: readonly string[]): Gauge;
  /** A gauge that is read at each scrape; a new reading of the same series replaces the old one. */
  reading(definition: MetricDefinition, read: () => number, ...labels: readonly string[]): void;
}

type Fields = Readonly<Record<string, unknown>>;
/** Structured log: constant message, facts in fields. */
export interface Log {
  debug(fields: Fields, message: string): void;
  info(fields: Fields, message: string): void;
  warn(fields: Fields, message: string): void;
  error(fields: Fields, message: string): void;
  child(fields: Fields): Log;
}
