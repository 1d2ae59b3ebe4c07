// The stored form of every fact: CloudEvents 1.0, structured JSON, with the extensions of the design. Events (desired state),
// status events (observed state) and the commands to components all use it. `Nats-Msg-Id` is the event's id.

import type { JsonValue } from '../core/json.ts';

export const CONTENT_TYPE = 'application/cloudevents+json';

/** Where a command came from and how it hangs together with others; copied onto every event that it causes. */
export type Provenance = {
  /** Ties together all that follows from one request of a user. Defaults to the command's id. */
  readonly correlationid: string;
  /** Id of the message that directly caused this one. */
  readonly causationid: string;
  /** Id of the command; the key of idempotence. */
  readonly commandid: string;
  /** Who asked. Not authenticated by opstream itself: the NATS account says who may publish. */
  readonly actor: string;
  /** W3C trace context, passed on as it came. */
  readonly traceparent?: string;
  /** What the systems on the way add to the trace, as it came; never without `traceparent`. */
  readonly tracestate?: string;
};

export type CloudEvent<TType extends string = string, TData = JsonValue> = Provenance & {
  readonly specversion: '1.0';
  readonly id: string;
  /** The program that stored it: `/opstream/command-handler`, `/opstream/component/<operator>`. */
  readonly source: string;
  readonly type: TType;
  /** The aggregate: `resource.public.pipeline-run-1`. */
  readonly subject: string;
  /** RFC 3339, UTC, milliseconds. */
  readonly time: string;
  readonly datacontenttype: 'application/json';
  readonly dataschema: string;
  /** The generation of the desired state after this event. */
  readonly generation: number;
  readonly data: TData;
};

/** Headers a publisher may set on a command. Everything is optional. */
export const commandHeaders = {
  commandId: 'Opstream-Command-Id',
  messageId: 'Nats-Msg-Id',
  actor: 'Opstream-Actor',
  correlationId: 'Opstream-Correlation-Id',
  causationId: 'Opstream-Causation-Id',
  workspace: 'Opstream-Workspace',
  dryRun: 'Opstream-Dry-Run',
  expectedGeneration: 'Opstream-Expected-Generation',
  traceparent: 'traceparent',
  tracestate: 'tracestate',
} as const;

/**
 * On a document in a view's bucket, `<stream> <sequence>`: the bucket has everything of the stream up to there. A document that is
 * written alone says it itself; the checkpoint follows.
 */
export const REACHED_HEADER = 'Opstream-Reached';
/** The server keeps it with a message: the sequence of the one before it on the same subject, which it was stored behind. */
export const EXPECTED_HEADER = 'Nats-Expected-Last-Subject-Sequence';

/**
 * On a status that was stored on an operator's own server first: `<incarnation> <sequence>` there; or, on such a server, on what was brought
 * from the shared one.
 */
export const ORIGIN_HEADER = 'Opstream-Origin';

export const schemaUri = (type: string): string => `https://opstream.io/schemas/${type}.json`;
