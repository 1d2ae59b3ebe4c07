// Reading stored messages back. Streams are written by our own programs, but a view must not stand or fall with that: what does not
// have the shape is named as such and set aside by the reader. Unknown fields are kept (a newer writer may have added them).

import { decodeJson } from '../core/decode.ts';
import { isFault } from '../core/fault.ts';
import { isJsonObject, type JsonObject } from '../core/json.ts';
import { operatorManifestProblem, resourceManifestProblem, secretManifestProblem } from './stored-shape.ts';
import { isEventType, type DomainEvent } from './events.ts';
import type { Kind } from './subjects.ts';
import { OPERATOR_STATUS_TYPE, STATUS_TYPE, type OperatorStatusEvent, type StatusEvent } from './entity.ts';

/** A decoded event, or why it is none (a sentence for the dead letter). */
export type Decoded<T> = { readonly event: T } | { readonly problem: string };

const STATUSES: readonly unknown[] = ['pending', 'active', 'error', 'deleting', 'deleted'];
const RUNTIMES: readonly unknown[] = [undefined, 'pending', 'inprogress', 'succeeded', 'failed', 'cancelled'];

export const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0;

const decodeEnvelope = (
  data: Uint8Array,
): Decoded<JsonObject & { readonly type: string; readonly data: JsonObject }> => {
  const value = decodeJson(data);
  if (!isJsonObject(value)) return { problem: 'not a JSON object' };
  const { id, type, time, generation, data: payload } = value;
  if (typeof type !== 'string') return { problem: 'no type' };
  if (typeof id !== 'string' || id === '') return { problem: 'no id' };
  if (typeof time !== 'string' || Number.isNaN(Date.parse(time))) return { problem: 'no valid time' };
  if (!isCount(generation)) return { problem: 'generation is not a whole number' };
  if (!isJsonObject(payload)) return { problem: 'data is not an object' };
  return { event: value as JsonObject & { readonly type: string; readonly data: JsonObject } };
};

export const isRunOrNone = (value: unknown): boolean =>
  value === undefined || (isJsonObject(value) && typeof value['id'] === 'string');

const isLeftBehind = (value: unknown): boolean =>
  isJsonObject(value) &&
  isCount(value['total']) &&
  Array.isArray(value['items']) &&
  value['items'].every(isJsonObject) &&
  (value['storage'] === undefined || (Array.isArray(value['storage']) && value['storage'].every(isJsonObject)));

const prefixed = (problem: string | undefined): string | undefined =>
  problem === undefined ? undefined : `data.${problem}`;

const textProblem = (data: JsonObject, field: string): string | undefined =>
  typeof data[field] === 'string' ? undefined : `data.${field} is not a string`;
const externalNameProblem = ({ externalName = null }: JsonObject): string | undefined =>
  externalName === null || typeof externalName === 'string' ? undefined : 'data.externalName is not a string';
const patchProblem = ({ patch }: JsonObject): string | undefined =>
  Array.isArray(patch) ? undefined : 'data.patch is not a list';
const runProblem = ({ run }: JsonObject): string | undefined =>
  isRunOrNone(run) ? undefined : 'data.run is not a run';
const ENDS: readonly unknown[] = ['succeeded', 'failed', 'cancelled'];
const endProblem = ({ state }: JsonObject): string | undefined =>
  ENDS.includes(state) ? undefined : 'data.state is not one of succeeded, failed, cancelled';
const leftBehindProblem = ({ leftBehind }: JsonObject): string | undefined =>
  isLeftBehind(leftBehind) ? undefined : 'data.leftBehind is not a list with a total';

const declarationProblem = (data: JsonObject): string | undefined =>
  textProblem(data, 'uid') ??
  (typeof data['runnable'] === 'boolean' ? undefined : 'data.runnable is not true or false') ??
  externalNameProblem(data) ??
  runProblem(data) ??
  prefixed(resourceManifestProblem(data['manifest']));

const dataProblem = (type: DomainEvent['type'], data: JsonObject): string | undefined => {
  switch (type) {
    case 'io.opstream.operator.registered.v1':
      return prefixed(operatorManifestProblem(data['manifest']));
    case 'io.opstream.resource.declared.v1':
      return declarationProblem(data);
    case 'io.opstream.secret.declared.v1':
      return textProblem(data, 'uid') ?? prefixed(secretManifestProblem(data['manifest']));
    case 'io.opstream.secret.changed.v1':
    case 'io.opstream.secret.resealed.v1':
      return patchProblem(data);
    case 'io.opstream.operator.changed.v1':
    case 'io.opstream.resource.changed.v1':
      return runProblem(data) ?? externalNameProblem(data) ?? patchProblem(data);
    case 'io.opstream.resource.run-requested.v1':
      return data['run'] === undefined ? 'data.run is not a run' : runProblem(data);
    case 'io.opstream.resource.cancel-requested.v1':
      return textProblem(data, 'runId');
    case 'io.opstream.resource.run-ended.v1':
      return textProblem(data, 'runId') ?? endProblem(data);
    case 'io.opstream.resource.released.v1':
      return textProblem(data, 'releasedBy') ?? leftBehindProblem(data);
    case 'io.opstream.operator.restart-requested.v1':
      return data['component'] === undefined ? undefined : textProblem(data, 'component');
    case 'io.opstream.operator.deletion-requested.v1':
    case 'io.opstream.operator.deleted.v1':
      return data['leftBehind'] === undefined ? undefined : leftBehindProblem(data);
    case 'io.opstream.resource.suspended.v1':
    case 'io.opstream.resource.resumed.v1':
    case 'io.opstream.resource.reconcile-requested.v1':
    case 'io.opstream.resource.deletion-requested.v1':
    case 'io.opstream.resource.deleted.v1':
    case 'io.opstream.secret.deleted.v1':
      return undefined;
  }
};

/** What every event of ours has; who reads a thing is told who changed it. */
const PROVENANCE = ['subject', 'correlationid', 'causationid', 'commandid', 'actor'] as const;

export const decodeEvent = (data: Uint8Array): Decoded<DomainEvent> => {
  const envelope = decodeEnvelope(data);
  if ('problem' in envelope) return envelope;
  const { event } = envelope;
  if (!isEventType(event.type)) return { problem: 'unknown event type' };
  const missing = PROVENANCE.find((field) => typeof event[field] !== 'string');
  if (missing !== undefined) return { problem: `${missing} is not a string` };
  const problem = dataProblem(event.type, event.data);
  return problem === undefined ? { event: event as unknown as DomainEvent } : { problem };
};

/** Why `status` is not the data of a status of that type, from `data.` on; undefined: it is. */
export const statusProblem = (type: string, status: JsonObject): string | undefined => {
  if (type !== STATUS_TYPE && type !== OPERATOR_STATUS_TYPE) return 'unknown status type';
  if (!STATUSES.includes(status['status']))
    return 'data.status is not one of pending, active, error, deleting, deleted';
  if (!RUNTIMES.includes(status['runtime']))
    return 'data.runtime is not one of pending, inprogress, succeeded, failed, cancelled';
  if (!isCount(status['observedGeneration'])) return 'data.observedGeneration is not a whole number';
  if (!isCount(status['observedSequence'])) return 'data.observedSequence is not a whole number';
  if (!Array.isArray(status['conditions']) || !status['conditions'].every(isJsonObject))
    return 'data.conditions is not a list of objects';
  if (typeof status['operator'] !== 'string') return 'data.operator is not a string';
  if (!isTextOrNone(status['message'])) return 'data.message is not a string';
  return type === OPERATOR_STATUS_TYPE ? operatorStatusProblem(status) : entityStatusProblem(status);
};

const isTextOrNone = (value: unknown): boolean => value === undefined || typeof value === 'string';

const isListOfObjects = (value: unknown): boolean => Array.isArray(value) && value.every(isJsonObject);

const operatorStatusProblem = ({ components, nats }: JsonObject): string | undefined => {
  const isComponent = (one: unknown): boolean =>
    isJsonObject(one) && typeof one['name'] === 'string' && isListOfObjects(one['replicas'] ?? []);
  if (components !== undefined && !(Array.isArray(components) && components.every(isComponent)))
    return 'data.components is not a list of components';
  return nats === undefined || isJsonObject(nats) ? undefined : 'data.nats is not an object';
};

const entityStatusProblem = (status: JsonObject): string | undefined => {
  if (typeof status['uid'] !== 'string') return 'data.uid is not a string';
  if (!isRunOrNone(status['run'])) return 'data.run is not a run';
  if (!isTextOrNone(status['externalId'])) return 'data.externalId is not a string';
  return isJsonObject(status['properties']) ? undefined : 'data.properties is not an object';
};

/** An event that lies where only those of operators, or of resources, belong. */
export const decodeEventOf = (kind: Kind, data: Uint8Array): Decoded<DomainEvent> => {
  const decoded = decodeEvent(data);
  const isOwn = 'problem' in decoded || decoded.event.type.startsWith(`io.opstream.${kind}.`);
  return isOwn ? decoded : { problem: `not an event of ${kind === 'operator' ? 'an operator' : `a ${kind}`}` };
};

/** Status events come from components, which are other people's programs: the whole shape is checked. */
export const decodeStatusEvent = (data: Uint8Array): Decoded<StatusEvent | OperatorStatusEvent> => {
  const envelope = decodeEnvelope(data);
  if ('problem' in envelope) return envelope;
  const { event } = envelope;
  const problem = statusProblem(event.type, event.data);
  return problem === undefined ? { event: event as unknown as StatusEvent | OperatorStatusEvent } : { problem };
};

/** What `fold` gives, or why its event cannot follow what was there before (a patch that does not fit). */
export const foldOrProblem = <T>(fold: () => T): { readonly folded: T } | { readonly problem: string } => {
  try {
    return { folded: fold() };
  } catch (error) {
    if (!isFault(error, 'DOCUMENT_INVALID')) throw error;
    return { problem: error.message };
  }
};
