// One reconcile: the resource, what is known of it, and the document that templates and programs see. What is reported is built here, so
// that every status carries what the next reconcile has to know.

import {
  conditionsFor,
  hasEnded,
  notReady,
  ready,
  reconciling,
  type Entity,
  type EntityStatus,
  type ExternalChange,
  type JsonObject,
  type ReconcileContext,
  type ReportedCondition,
  type RuntimeStatus,
  type StatusUpdate,
} from '../../sdk/index.ts';
import type { Definition } from './definition.ts';
import { recordProperties, synchronizedIn, type Record } from './record.ts';
import type { RestClient } from './rest-client.ts';

export type Parts = {
  readonly definition: Definition;
  readonly client: RestClient;
  readonly now: () => number;
};

export type Work = {
  readonly entity: Entity;
  readonly status: EntityStatus | undefined;
  readonly record: Record;
  readonly context: ReconcileContext;
};

/** What `{{ }}` and programs see, but for `.response`, `.item` and `.page`. */
export const inputOf = ({ entity, record, status }: Work, { env }: Definition, externalId?: string): JsonObject => {
  const { manifest, run } = entity;
  const id = externalId ?? record.objectId;
  return {
    name: manifest.name,
    workspace: manifest.workspace,
    owner: manifest.owner,
    labels: manifest.labels ?? {},
    tags: manifest.tags,
    spec: manifest.resource.spec,
    uid: entity.uid,
    generation: entity.generation,
    externalName: (entity as { readonly externalName?: string }).externalName ?? manifest.name,
    ...(id === undefined ? {} : { externalId: id }),
    ...(record.objectId === undefined ? {} : { objectId: record.objectId }),
    ...(run === undefined ? {} : { run: run as unknown as JsonObject }),
    ...(record.intent === undefined ? {} : { intent: record.intent as unknown as JsonObject }),
    earlierIds: record.earlierIds,
    properties: synchronizedIn(status, entity),
    env,
  };
};

export type Report = {
  readonly status: StatusUpdate['status'];
  readonly record?: Partial<Record>;
  readonly withdraw?: boolean;
  readonly run?: StatusUpdate['run'];
  readonly runtime?: RuntimeStatus;
  readonly conditions?: readonly ReportedCondition[];
  /** Beside those. */
  readonly further?: readonly ReportedCondition[];
  readonly message?: string;
  readonly properties?: JsonObject;
  readonly change?: ExternalChange;
};

/** Without what is undefined. */
export const present = <T extends object>(value: T): { readonly [K in keyof T]?: Exclude<T[K], undefined> } =>
  Object.fromEntries(Object.entries(value).filter(([, one]) => one !== undefined)) as {
    readonly [K in keyof T]?: Exclude<T[K], undefined>;
  };

/** To be reported, and looked at again then. */
export type Waiting = { readonly kind: 'wait'; readonly work: Work; readonly report: Report; readonly afterMs: number };

export const waiting = (
  work: Work,
  {
    reason,
    message,
    afterMs,
    ...more
  }: Report & { readonly reason: string; readonly message: string; readonly afterMs: number },
): Waiting => {
  const conditions = [notReady(reason, message), reconciling(reason, message)];
  return { kind: 'wait', work, afterMs, report: { conditions, ...more, message } };
};

/** undefined: those that the SDK makes of the status. */
const conditionsIn = ({ status, message, conditions, further = [] }: Report): Report['conditions'] =>
  further.length === 0 ? conditions : [...(conditions ?? conditionsFor(status, message)), ...further];

/** A status with the record after `report.record` is put over what was known; `withdraw`: without the intent. */
export const updateOf = (work: Work, report: Report): StatusUpdate => {
  const { entity, status, record } = work;
  const { intent, ...known } = { ...record, ...report.record };
  const after = report.withdraw === true || intent === undefined ? known : { ...known, intent };
  const before = status?.uid === entity.uid ? status.run : undefined;
  const run = report.run ?? before;
  const externalId = after.objectId ?? run?.externalId;
  const conditions = conditionsIn(report);
  return {
    key: entity.key,
    status: report.status,
    ...present({ run, externalId, runtime: run === undefined ? undefined : (report.runtime ?? run.state) }),
    ...present({ conditions, change: report.change, message: report.message === '' ? undefined : report.message }),
    properties: recordProperties(after, report.properties ?? synchronizedIn(status, entity)),
  };
};

/** Reports it. */
export const tell = (work: Work, report: Report): Promise<void> =>
  work.context.controller.updateEntityStatus(updateOf(work, report));

export const activeConditions = (message: string): readonly ReportedCondition[] => [ready('Synchronized', message)];

/** Whether the run that is wanted has been brought to its end. */
export const isRunDone = ({ entity, record }: Work): boolean =>
  entity.run === undefined || (record.run?.id === entity.run.id && hasEnded(record.run.state));
