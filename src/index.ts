// The package's root: what programs import that talk to an instance. Component authors import `opstream/sdk`.

export { openClient, type ClientOptions } from './client/open-client.ts';
export type {
  AnswerOf,
  Client,
  Identity,
  LiveMessage,
  Progress,
  SendOptions,
  ServicePresence,
  WaitOptions,
  WaitOutcome,
} from './client/types.ts';
export { Fault, isFault, type FaultCode, type Retry } from './core/fault.ts';
export { isJsonObject, type JsonObject, type JsonValue } from './core/json.ts';
export type { Rejection, RejectionCode, RejectionDetail } from './core/rejection.ts';
export type { Err, Ok, Result } from './core/result.ts';
export type { EntityIdentity, Receipt, ReceiptEvent, TargetVerb, Verb } from './messages/commands.ts';
export type {
  Condition,
  Entity,
  EntityStatus,
  LifecycleStatus,
  ObservedRun,
  OperatorStatus,
  RuntimeStatus,
} from './messages/entity.ts';
export { commandHeaders, type CloudEvent } from './messages/envelope.ts';
export type { DomainEvent, OperatorEvent, ResourceEvent } from './messages/events.ts';
export type { LeftBehind, LeftBehindItem } from './messages/left-behind.ts';
export type { Finding, Severity } from './messages/finding.ts';
export type { Manifest, OperatorManifest, ResourceManifest } from './messages/manifest-types.ts';
export { parseManifests } from './manifest/parse.ts';
export type {
  GetAnswer,
  HistoryAnswer,
  HistoryEntry,
  ListAnswer,
  ListQuery,
  OutcomeAnswer,
  QueryVerb,
  StatusAnswer,
  Summary,
} from './messages/queries.ts';
export { namesFor, shardOf, viewKeys, type Kind, type Names, type Ref } from './messages/subjects.ts';
export { evolveOperator } from './domain/operator/evolve.ts';
export { evolveResource } from './domain/resource/evolve.ts';
