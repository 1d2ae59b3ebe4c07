// What the component keeps of a thing or a run in the status that it reports, and reads back after a restart: the status is the only memory
// there is. `properties.intent` is stored before a request that may make something outside; as long as it is there without an
// external id, something may have been made.

import {
  Fault,
  isJsonObject,
  type Entity,
  type EntityStatus,
  type JsonObject,
  type JsonValue,
  type RuntimeStatus,
} from '../../sdk/index.ts';

export type Sent = { readonly spec: JsonObject; readonly run: NonNullable<Entity['run']> };

export type Intent = {
  /** `object`, or the id of the run that was wanted. */
  readonly what: string;
  /** When it was first intended, by this program's clock. RFC 3339. */
  readonly since: string;
  readonly at: string;
  /** Fencing token of the component that intended it. */
  readonly fence: number;
  /** What the request was made from, when it is to be looked for: the resource may want something else by then. */
  readonly sent?: Sent;
};

/** A difference that is not of ours, and how often in a row it was put right. `at`: when last; RFC 3339. */
export type Drift = { readonly difference: string; readonly count: number; readonly at: string };

/** Kept together under the one name `kept`: what an API calls so is not synchronized. */
export type Kept = {
  /** When we made the thing: for a while after that, not to be seen is not gone. Absent for what was adopted. */
  readonly madeAt?: string;
  /** When we started the last run. */
  readonly startedAt?: string;
  /** When a request to delete it was accepted. */
  readonly deletedAt?: string;
  readonly drift?: Drift;
};

export type Record = {
  /** Of the object; of a run without an object it is absent. */
  readonly objectId?: string;
  /** Generation that create or update was last done for. */
  readonly appliedGeneration?: number;
  readonly run?: { readonly id: string; readonly state: RuntimeStatus; readonly externalId?: string };
  readonly intent?: Intent;
  readonly kept?: Kept;
  /** External ids of runs that the resource had before: none of them is looked for. */
  readonly earlierIds: readonly string[];
};

const textIn = (value: JsonObject, field: string): string | undefined => {
  const text = value[field];
  return typeof text === 'string' && text !== '' ? text : undefined;
};

const sentIn = (value: JsonValue | undefined): Sent | undefined => {
  if (!isJsonObject(value) || !isJsonObject(value['spec']) || !isJsonObject(value['run'])) return undefined;
  return { spec: value['spec'], run: value['run'] as unknown as Sent['run'] };
};

const intentIn = (value: JsonValue | undefined): Intent | undefined => {
  if (!isJsonObject(value)) return undefined;
  const [what, at] = [textIn(value, 'what'), textIn(value, 'at')];
  if (what === undefined || at === undefined || Number.isNaN(Date.parse(at))) return undefined;
  const fence = typeof value['fence'] === 'number' ? value['fence'] : 0;
  const sent = sentIn(value['sent']);
  return { what, at, since: textIn(value, 'since') ?? at, fence, ...(sent === undefined ? {} : { sent }) };
};

const timeIn = (value: JsonObject, field: string): { readonly [name: string]: string } => {
  const text = textIn(value, field);
  return text === undefined || Number.isNaN(Date.parse(text)) ? {} : { [field]: text };
};

/** Written by this program; what another made of it is not believed. */
const keptIn = (value: JsonValue | undefined): Kept | undefined => {
  if (!isJsonObject(value)) return undefined;
  const { drift } = value;
  return {
    ...{ ...timeIn(value, 'madeAt'), ...timeIn(value, 'startedAt'), ...timeIn(value, 'deletedAt') },
    ...(isJsonObject(drift) && typeof drift['count'] === 'number' && typeof drift['difference'] === 'string'
      ? { drift: drift as unknown as Drift }
      : {}),
  };
};

const textsIn = (value: JsonValue | undefined): readonly string[] =>
  Array.isArray(value) ? (value as readonly JsonValue[]).filter((one) => typeof one === 'string') : [];

/** External ids of the runs that the resource of the status has, and had before. */
export const recordedRuns = (status: EntityStatus | undefined): readonly string[] => {
  const ids = textsIn(status?.properties['earlierIds']);
  const last = status?.run?.externalId;
  return last === undefined ? ids : [...ids, last];
};

/** What was reported of this very resource, not of an earlier one of its name. */
export const recordOf = (status: EntityStatus | undefined, entity: Entity): Record => {
  if (status === undefined || status.uid !== entity.uid) return { earlierIds: [] };
  const { properties, run } = status;
  const objectId = textIn(properties, 'objectId');
  const applied = properties['appliedGeneration'];
  const intent = intentIn(properties['intent']);
  const kept = keptIn(properties['kept']);
  return {
    ...(objectId === undefined ? {} : { objectId }),
    ...(typeof applied === 'number' ? { appliedGeneration: applied } : {}),
    ...(run === undefined
      ? {}
      : {
          run: {
            id: run.id,
            state: run.state,
            ...(run.externalId === undefined ? {} : { externalId: run.externalId }),
          },
        }),
    ...(intent === undefined ? {} : { intent }),
    ...(kept === undefined ? {} : { kept }),
    earlierIds: textsIn(properties['earlierIds']),
  };
};

/** Names that are ours: what an API calls so is not synchronized, for it would be read back as what we intended. */
const withoutOwn = ({
  objectId: _o,
  appliedGeneration: _a,
  intent: _i,
  kept: _k,
  earlierIds: _e,
  ...others
}: JsonObject): JsonObject => others;

/** The names of those that `recordOf` reads back. */
export const RECORDED = ['objectId', 'appliedGeneration', 'intent', 'kept', 'earlierIds'];

/** The properties that `recordOf` reads back, before those that the manifest's `properties` gave. */
export const recordProperties = (record: Omit<Record, 'run'>, synchronized: JsonObject): JsonObject => ({
  ...withoutOwn(synchronized),
  ...(record.objectId === undefined ? {} : { objectId: record.objectId }),
  ...(record.appliedGeneration === undefined ? {} : { appliedGeneration: record.appliedGeneration }),
  ...(record.intent === undefined ? {} : { intent: record.intent as unknown as JsonObject }),
  ...(record.kept === undefined ? {} : { kept: record.kept as unknown as JsonObject }),
  ...(record.earlierIds.length === 0 ? {} : { earlierIds: record.earlierIds }),
});

/** Of the synchronized properties: what was reported last, without our own. */
export const synchronizedIn = (status: EntityStatus | undefined, entity: Entity): JsonObject => {
  if (status === undefined || status.uid !== entity.uid) return {};
  return withoutOwn(status.properties);
};

export const intentTo = (what: string, at: string, fence: number, before: Intent | undefined, sent?: Sent): Intent => ({
  what,
  since: before?.what === what ? before.since : at,
  at,
  fence,
  ...(sent === undefined ? {} : { sent }),
});

/** `what`: the operation whose program gave it. Faults: COMPONENT_TERMINAL when it is no id. */
export const idOf = (value: JsonValue, what: string): string => {
  const id = typeof value === 'number' ? String(value) : value;
  if (typeof id === 'string' && id !== '') return id;
  throw new Fault(
    'COMPONENT_TERMINAL',
    `the program for externalId of ${what} gave ${JSON.stringify(value)}, expected an id`,
    {
      retry: 'never',
      details: { outcome: 'unknown' },
    },
  );
};
