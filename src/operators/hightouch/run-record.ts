// What the operator keeps of a run in the status it reports, and reads back after a restart: the status is the only memory there is.
// `properties.intent` is written before the trigger; as long as the run has no id at Hightouch, it may have been started.

import {
  isJsonObject,
  type EntityStatus,
  type JsonObject,
  type JsonValue,
  type RuntimeStatus,
} from '../../sdk/index.ts';
import type { Ensured } from './ensure.ts';
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
};

const ENDED: readonly RuntimeStatus[] = ['succeeded', 'failed', 'cancelled'];
export const hasEnded = (state: RuntimeStatus): boolean => ENDED.includes(state);

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
  return {
    ...{ id, state },
    ...(externalRunId === undefined ? {} : { externalRunId }),
    ...(intent === undefined ? {} : { intent }),
  };
};

/** What is at Hightouch for the resource, as last reported. */
export const ensuredIn = (properties: JsonObject): Ensured | undefined => {
  const { model, sync } = properties;
  if (!isJsonObject(model) || !isJsonObject(sync)) return undefined;
  const [modelId, syncId] = [readId(model['id']), readId(sync['id'])];
  if (modelId === undefined || syncId === undefined) return undefined;
  return { modelId, modelSlug: String(model['slug']), syncId, syncSlug: String(sync['slug']) };
};

const intentProperty = ({ syncId, earlierRunIds, queuedRunIds, ...rest }: Intent): JsonObject => ({
  ...rest,
  syncId: jsonId(syncId),
  earlierRunIds: earlierRunIds.map(jsonId),
  queuedRunIds: queuedRunIds.map(jsonId),
});

/** Names of the properties that the next start reads back. */
export const RECORDED = ['model', 'sync', 'intent'];

/** `model` and `sync` (`{id, slug}`), `syncRun` once there is one, `intent`. */
export const recordProperties = (
  ensured: Ensured | undefined,
  intent: Intent | undefined,
  syncRun?: JsonObject,
): JsonObject => ({
  ...(ensured === undefined
    ? {}
    : {
        model: { id: jsonId(ensured.modelId), slug: ensured.modelSlug },
        sync: { id: jsonId(ensured.syncId), slug: ensured.syncSlug },
      }),
  ...(syncRun === undefined ? {} : { syncRun }),
  ...(intent === undefined ? {} : { intent: intentProperty(intent) }),
});

/** Once the run is known, which others there were is of no use any more. */
export const settledIntent = (intent: Intent): Intent => ({ ...intent, earlierRunIds: [], queuedRunIds: [] });
