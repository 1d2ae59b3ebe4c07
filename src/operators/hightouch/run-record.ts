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

export type Intent = {
  /** Id of the run that was wanted. */
  readonly runId: string;
  /** The sync that was about to be triggered. */
  readonly syncId: number;
  /** When it was about to be, by this program's clock. RFC 3339. */
  readonly at: string;
  /** `at` of the first intent for this run. */
  readonly since: string;
  /** Fencing token of the component that intended it. */
  readonly fence: number;
  /** Runs of the sync that were there before: none of them is the one that is looked for. */
  readonly earlierRunIds: readonly number[];
  /** Runs that waited then: a trigger while one waits starts none but is answered with it. */
  readonly queuedRunIds: readonly number[];
  /** Nothing was started for it, and that is certain. */
  readonly isWithdrawn?: true;
};

export type RunRecord = {
  readonly id: string;
  readonly state: RuntimeStatus;
  readonly externalRunId?: number;
  readonly intent?: Intent;
};

const ENDED: readonly RuntimeStatus[] = ['succeeded', 'failed', 'cancelled'];
export const hasEnded = (state: RuntimeStatus): boolean => ENDED.includes(state);

const numbersIn = (value: JsonValue | undefined): readonly number[] =>
  Array.isArray(value) ? (value as readonly JsonValue[]).filter((one) => typeof one === 'number') : [];

const intentIn = (value: JsonValue | undefined): Intent | undefined => {
  if (!isJsonObject(value)) return undefined;
  const { runId, syncId, at, since, fence } = value;
  if (typeof runId !== 'string' || typeof syncId !== 'number' || typeof at !== 'string') return undefined;
  if (Number.isNaN(Date.parse(at))) return undefined;
  return {
    ...{ runId, syncId, at },
    since: typeof since === 'string' && !Number.isNaN(Date.parse(since)) ? since : at,
    fence: typeof fence === 'number' ? fence : 0,
    earlierRunIds: numbersIn(value['earlierRunIds']),
    queuedRunIds: numbersIn(value['queuedRunIds']),
    ...(value['isWithdrawn'] === true ? { isWithdrawn: true as const } : {}),
  };
};

/** The run last reported of the entity with that uid; undefined when none was. */
export const runRecord = (status: EntityStatus | undefined, uid: string): RunRecord | undefined => {
  if (status?.run === undefined || status.uid !== uid) return undefined;
  const { id, state, externalId } = status.run;
  const intent = intentIn(status.properties['intent']);
  const number = Number(externalId);
  return {
    ...{ id, state },
    ...(externalId !== undefined && Number.isSafeInteger(number) ? { externalRunId: number } : {}),
    ...(intent === undefined ? {} : { intent }),
  };
};

/** What is at Hightouch for the resource, as last reported. */
export const ensuredIn = (properties: JsonObject): Ensured | undefined => {
  const { model, sync } = properties;
  if (!isJsonObject(model) || !isJsonObject(sync)) return undefined;
  if (typeof model['id'] !== 'number' || typeof sync['id'] !== 'number') return undefined;
  return { modelId: model['id'], modelSlug: String(model['slug']), syncId: sync['id'], syncSlug: String(sync['slug']) };
};

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
        model: { id: ensured.modelId, slug: ensured.modelSlug },
        sync: { id: ensured.syncId, slug: ensured.syncSlug },
      }),
  ...(syncRun === undefined ? {} : { syncRun }),
  ...(intent === undefined ? {} : { intent: intent as JsonObject }),
});

/** Once the run is known, which others there were is of no use any more. */
export const settledIntent = (intent: Intent): Intent => ({ ...intent, earlierRunIds: [], queuedRunIds: [] });
