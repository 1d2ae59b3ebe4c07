// What component authors import. A component is `await runOperator({ reconciler })`; everything else here is for authors who want
// stores, a message handler or conditions of their own, or to test their reconciler without a server.

export { operate, runOperator, type ComponentTools, type OperatorOptions } from './run-operator.ts';
export { Fault, isFault, type FaultCode, type Retry } from '../core/fault.ts';
export { isJsonObject, type JsonObject, type JsonValue } from '../core/json.ts';
export { parseExactJson } from '../core/exact-json.ts';
export type {
  EntityOfInterestType,
  EntityStatusStore,
  EntityStore,
  MessageEnvelope,
  MessageHandler,
  OController,
  Reconciler,
  ReconcileContext,
  ReconcileRequest,
  ReconcileResult,
  ReportedCondition,
  StatusUpdate,
} from './types.ts';
export type {
  Condition,
  Entity,
  EntityAnswer,
  EntityCommand,
  EntityKey,
  EntityQuery,
  EntityStatus,
  LifecycleStatus,
  ObservedRun,
  RuntimeStatus,
  StatusEvent,
} from '../messages/entity.ts';
export type { TracedFetch } from './traced-fetch.ts';
export type { Provenance } from '../messages/envelope.ts';
export type { ResourceManifest } from '../messages/manifest-types.ts';
export type { Clock } from '../engine/ports/clock.ts';
export type { JqRunner } from '../engine/ports/jq.ts';
export type { Log } from '../engine/ports/log.ts';
export type {
  HttpAction,
  HttpAuth,
  HttpChange,
  HttpErrors,
  HttpFind,
  HttpLookUp,
  HttpLookUps,
  HttpObject,
  HttpOperation,
  HttpRun,
  HttpTypeSpec,
} from '../messages/http-types.ts';
export { expressionsIn } from '../manifest/http-schema.ts';
export { readOperatorManifest } from './operator-manifest.ts';
export {
  createClientCredentials,
  type ClientCredentials,
  type ClientCredentialsOptions,
} from './client-credentials.ts';
export {
  callHttp,
  isNotThere,
  outcomeOf,
  patiently,
  type HttpCall,
  type HttpReply,
  type Outcome,
} from './http-call.ts';
export { CLOCK_TOLERANCE_MS, createApiClock, type ApiClock } from './api-clock.ts';
export { createJqRunner } from '../jq/jq-runner.ts';
export { createMemoryEntityStatusStore, createMemoryEntityStore } from './memory-stores.ts';
export { createMessageHandler } from './message-handler.ts';
export { conditionsFor, notReady, ready, reconciling, stalled } from './conditions.ts';
export { differenceText, type DifferenceOptions } from './difference.ts';
export { CHANGES, type ChangeReason, type ExternalChange } from './external-change.ts';
export { leftToSettleMs, notSeenYet } from './settling.ts';
export * from './once/index.ts';
export { componentTable } from './config.ts';
export {
  booleanEntry,
  choiceEntry,
  configFault,
  describeConfig,
  durationEntry,
  integerEntry,
  loadConfig,
  optional,
  textEntry,
  type ConfigOf,
  type ConfigTable,
  type Environment,
} from '../program/config-table.ts';
export { formatDurationMs, parseDurationMs } from '../program/duration.ts';
