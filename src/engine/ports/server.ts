// All ports that the programs need of one server, by the names of streams and buckets. jetstream/server-ports.ts makes them on a connection,
// testing/ in memory: a program that is composed over them runs on either.

import type { KeyValueStore } from './buckets.ts';
import type { LeaseKeeper } from './leases.ts';
import type { Publisher, Requester, ServiceHost, Subscriber } from './services.ts';
import type { OperatorStorage } from './storage.ts';
import type { Appender, StoredMessage, StreamFollower, StreamReader, WorkQueue } from './streams.ts';

export type KnownSubjects = {
  /** False: there was no message on the subject. True: there may be one; so it is until the subjects are known. */
  mayHave(subject: string): boolean;
  /** Something was stored on it. */
  add(subject: string): void;
};

export type WholeReader = StreamReader & {
  /**
   * Before something is stored on the strength of what is known: undefined when the stream was found to be whole a moment ago. Faults:
   * STREAM_DAMAGED, JS_UNAVAILABLE, NATS_TIMEOUT.
   */
  checkWhole(): Promise<void> | undefined;
  /**
   * Sequence of the last message on a subject, asked of the leader; 0: none. Undefined where no replica answers reads in its place, as far as is
   * known. Faults: those of a read.
   */
  lastOnLeader(subject: string): Promise<number> | undefined;
  /**
   * Which subjects have messages, without a question for each. A subject of which `mayHave` says no is new, whatever cannot be read; of others it
   * has to be looked up.
   */
  readonly subjects: KnownSubjects;
};

/** Sees everything that was ever acknowledged. */
export type LastReader = { readLast(subject: string): Promise<StoredMessage | undefined> };

export type QueueOptions = {
  /** Of the subjects of the stream; default: all. */
  readonly filterSubjects?: readonly string[];
  /** Time to settle a delivery before it comes again. Default 30 000 ms. */
  readonly ackWaitMs?: number;
  /** Acks wait so long for others. Default 0. */
  readonly ackDelayMs?: number;
};

export type WantedChannel = {
  readonly prefix: string;
  readonly stream: string;
  readonly subjects: readonly string[];
  readonly replicas?: number;
};

export interface ServerPorts {
  /** Time for all attempts of one append: default 10 000 ms. */
  appender(stream: string, options?: { readonly deadlineMs?: number }): Appender;
  /** Of a stream that may miss messages for any reason. */
  reader(stream: string): StreamReader;
  /** Of a stream from which nothing is ever removed. */
  wholeReader(stream: string): WholeReader;
  /** Of a stream that has limits. */
  limitedReader(stream: string): StreamReader;
  leaderReader(stream: string): LastReader;
  follower(stream: string): StreamFollower;
  workQueue(stream: string, durable: string, options?: QueueOptions): WorkQueue;
  bucket(name: string): KeyValueStore;
  leases(bucket: string): LeaseKeeper;
  /** Removes one message of the stream and what the disk holds of it. */
  eraser(stream: string): (sequence: number) => Promise<void>;
  storage(prefix: string): OperatorStorage;
  /** Makes the command stream of operators, or adds subjects to it. Faults: JS_REFUSED. */
  ensureChannel(channel: WantedChannel): Promise<void>;
  /** Undefined: there is no such stream. `takenTo` is absent when nobody takes the subject. */
  channelPosition(
    stream: string,
    subject: string,
  ): Promise<{ readonly firstSequence: number; readonly lastSequence: number; readonly takenTo?: number } | undefined>;
  readonly services: ServiceHost;
  readonly requester: Requester;
  readonly publisher: Publisher;
  readonly subscriber: Subscriber;
}
