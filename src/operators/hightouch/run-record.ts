// What the operator keeps of a run in the status it reports, and reads back after a restart: the status is the only memory there is.
// `properties.intent` is written before the trigger; as long as the run has no id at Hightouch, it may have been started.

import {
  isJsonObject,
  type EntityStatus,
  type JsonObject,
  type JsonValue,
  type RuntimeStatus,
} from '../../sdk/index.ts';
import type { Known, Thing } from './ensure.ts';
import { jsonId, readId, readIds, type Id } from './ids.ts';

export type Intent = {
  /** Id of the run that was wanted. */
  readonly runId: string;
  /** The sync that was about to be triggered. */
  readonly syncId: Id;
  /** When it was about to be, by this program's clock. RFC 3339. */
  readonly at: string;
  /** `at` of the first intent for this run. */
  readonly since: string;
  /** Fencing token of the component that intended it. */
  readonly fence: number;
  /** Runs of the sync that were there before: none of them is the one that is looked for. */
  readonly earlierRunIds: readonly Id[];
  /** Runs that waited then: a trigger while one waits starts none but is answered with it. */
  readonly queuedRunIds: readonly Id[];
  /** Nothing was started for it, and that is certain. */
  readonly isWithdrawn?: true;
};

export type RunRecord = {
  readonly id: string;
  readonly state: RuntimeStatus;
  readonly externalRunId?: Id;
  readonly intent?: Intent;
  /** What Hightouch last said of it. Absent: it was never seen. */
  readonly syncRun?: JsonObject;
  /** Since when it is looked for in vain. RFC 3339. */
  readonly unseenSince?: string;
};

const ENDED: readonly RuntimeStatus[] = ['succeeded', 'failed', 'cancelled'];
export const hasEnded = (state: RuntimeStatus): boolean => ENDED.includes(state);

const timeIn = (value: JsonObject, field: string): string | undefined => {
  const text = value[field];
  return typeof text === 'string' && !Number.isNaN(Date.parse(text)) ? text : undefined;
};

const intentIn = (value: JsonValue | undefined): Intent | undefined => {
  if (!isJsonObject(value)) return undefined;
  const { runId, at, since, fence } = value;
  const syncId = readId(value['syncId']);
  if (typeof runId !== 'string' || syncId === undefined || typeof at !== 'string') return undefined;
  if (Number.isNaN(Date.parse(at))) return undefined;
  return {
    ...{ runId, syncId, at },
    since: typeof since === 'string' && !Number.isNaN(Date.parse(since)) ? since : at,
    fence: typeof fence === 'number' ? fence : 0,
    earlierRunIds: readIds(value['earlierRunIds']),
    queuedRunIds: readIds(value['queuedRunIds']),
    ...(value['isWithdrawn'] === true ? { isWithdrawn: true as const } : {}),
  };
};

/** The run last reported of the entity with that uid; undefined when none was. */
export const runRecord = (status: EntityStatus | undefined, uid: string): RunRecord | undefined => {
  if (status?.run === undefined || status.uid !== uid) return undefined;
  const { id, state, externalId } = status.run;
  const intent = intentIn(status.properties['intent']);
  const externalRunId = readId(externalId);
  const { syncRun } = status.properties;
  const unseenSince = timeIn(status.properties, 'unseenSince');
  return {
    ...{ id, state },
    ...(externalRunId === undefined ? {} : { externalRunId }),
    ...(intent === undefined ? {} : { intent }),
    ...(isJsonObject(syncRun) ? { syncRun } : {}),
    ...(unseenSince === undefined ? {} : { unseenSince }),
  };
};

const thingIn = (value: JsonValue | undefined): Thing | undefined => {
  if (!isJsonObject(value)) return undefined;
  const id = readId(value['id']);
  const madeAt = timeIn(value, 'madeAt');
  if (id === undefined) return undefined;
  return { id, slug: String(value['slug']), ...(madeAt === undefined ? {} : { madeAt }) };
};

/** What is at Hightouch for the resource, as last reported. */
export const knownIn = ({ model, sync, appliedGeneration }: JsonObject): Known => {
  const [knownModel, knownSync] = [thingIn(model), thingIn(sync)];
  return {
    ...(knownModel === undefined ? {} : { model: knownModel }),
    ...(knownSync === undefined ? {} : { sync: knownSync }),
    ...(typeof appliedGeneration === 'number' ? { appliedGeneration } : {}),
  };
};

const thingProperty = ({ id, ...rest }: Thing): JsonObject => ({ id: jsonId(id), ...rest });

const intentProperty = ({ syncId, earlierRunIds, queuedRunIds, ...rest }: Intent): JsonObject => ({
  ...rest,
  syncId: jsonId(syncId),
  earlierRunIds: earlierRunIds.map(jsonId),
  queuedRunIds: queuedRunIds.map(jsonId),
});

/** Names of the properties that the next start reads back. */
export const RECORDED = ['model', 'sync', 'appliedGeneration', 'intent', 'unseenSince'];

/** `model` and `sync` (`{id, slug, madeAt?}`), `appliedGeneration`, `syncRun` once there is one, `intent`. */
export const recordProperties = (
  { model, sync, appliedGeneration }: Known,
  intent: Intent | undefined,
  syncRun?: JsonObject,
): JsonObject => ({
  ...(model === undefined ? {} : { model: thingProperty(model) }),
  ...(sync === undefined ? {} : { sync: thingProperty(sync) }),
  ...(appliedGeneration === undefined ? {} : { appliedGeneration }),
  ...(syncRun === undefined ? {} : { syncRun }),
  ...(intent === undefined ? {} : { intent: intentProperty(intent) }),
});

/** Once the run is known, which others there were is of no use any more. */
export const settledIntent = (intent: Intent): Intent => ({ ...intent, earlierRunIds: [], queuedRunIds: [] });
