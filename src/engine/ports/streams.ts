// Streams as the loops need them: an appender, readers, followers and work queues. jetstream/ implements them on a real server; unit tests
// implement them in memory. No type of a client library appears in any port.

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
 * `signal` calls a write off: once it aborts, no attempt begins and the write ends with NATS_TIMEOUT. An attempt that is under way may still be
 * stored.
 */
export type WriteOptions = { readonly signal?: AbortSignal | undefined };

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
  append(messages: readonly AppendMessage[], options?: WriteOptions): Promise<readonly number[]>;
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
