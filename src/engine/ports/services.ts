// Requests and plain messages as the loops need them: the part of the ports (ports.ts, which everybody imports) that knows nothing of streams.

import type { JsonObject } from '../../core/json.ts';

export type ServiceRequest = {
  readonly subject: string;
  readonly data: Uint8Array;
  readonly replySubject: string | undefined;
  /** The largest answer that the server carries. */
  readonly maxReplyBytes: number;
  header(name: string): string | undefined;
  /**
   * One answer, always: what is larger than `maxReplyBytes` becomes a `failure` ANSWER_TOO_LARGE. With `error`, sets Nats-Service-Error-Code and
   * Nats-Service-Error beside the body.
   */
  respond(data: Uint8Array, error?: { readonly code: number; readonly description: string }): void;
};

export interface ServiceHost {
  /** Registers a NATS micro service; copies of it share a queue group. Resolves when it is registered at the server. */
  serve(options: {
    readonly name: string;
    readonly version: string;
    readonly description: string;
    readonly endpoints: readonly { readonly name: string; readonly subject: string }[];
    /** Shown by `nats micro stats` as data of the first endpoint. */
    stats?(): Promise<JsonObject>;
    onRequest(request: ServiceRequest): void;
  }): Promise<{ stop(): Promise<void> }>;
}

export interface Requester {
  /** Faults: NATS_TIMEOUT, NATS_NO_RESPONDERS. Default timeout 5000 ms. */
  request(
    subject: string,
    data: Uint8Array,
    options?: { readonly timeoutMs?: number; readonly headers?: Readonly<Record<string, string>> },
  ): Promise<{ readonly data: Uint8Array; header(name: string): string | undefined }>;
}

export interface Publisher {
  /** Core NATS, at most once. */
  publish(subject: string, data: Uint8Array, headers?: Readonly<Record<string, string>>): void;
}

export type ReceivedMessage = {
  readonly subject: string;
  readonly data: Uint8Array;
  readonly replySubject: string | undefined;
  header(name: string): string | undefined;
};

export interface Subscriber {
  /** Core NATS, at most once. Subscriptions with the same `queue` share the messages. Resolves when the server knows of it. */
  subscribe(
    subject: string,
    queue: string,
    onMessage: (message: ReceivedMessage) => void,
  ): Promise<{ stop(): Promise<void> }>;
}
