// What the operator keeps of a resource in the status beside what the SDK does: the model and the sync that are its own, and which sync a run is
// of. `properties.intent` is written before the trigger. Ids are text here, and numbers in the status as long as a number keeps them.

import {
  isJsonObject,
  type Intent as OnceIntent,
  type JsonObject,
  type JsonValue,
  type OnceWork,
} from '../../sdk/index.ts';
import type { CallContext } from './client.ts';
import type { Known, Thing } from './ensure.ts';
import { jsonId, readId, readIds, type Id } from './ids.ts';

/** `earlierRunIds`: the runs of the sync that were there before. */
export type Intent = OnceIntent & {
  /** The sync that was about to be triggered. */
  readonly syncId: Id;
  /** Runs that waited then: a trigger while one waits starts none but is answered with it. */
  readonly queuedRunIds: readonly Id[];
};

/** One reconcile. */
export type Work = OnceWork<Intent> & {
  /** What is at Hightouch for it, as last reported, and as found since. */
  readonly known: Known;
  readonly call: CallContext;
  /** Of the run that is to be started. */
  readonly flags?: JsonObject;
};

const timeIn = (value: JsonObject, field: string): string | undefined => {
  const text = value[field];
  return typeof text === 'string' && !Number.isNaN(Date.parse(text)) ? text : undefined;
};

/** undefined: without a sync it says nothing. */
export const readIntent = (intent: OnceIntent, stored: JsonObject): Intent | undefined => {
  const syncId = readId(stored['syncId']);
  if (syncId === undefined) return undefined;
  const [earlierRunIds, queuedRunIds] = [readIds(stored['earlierRunIds']), readIds(stored['queuedRunIds'])];
  return { ...intent, syncId, earlierRunIds, queuedRunIds };
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

/** Names of the properties that the next start reads back, beside the SDK's. */
export const RECORDED = ['model', 'sync', 'appliedGeneration'];

/** `model` and `sync` (`{id, slug, madeAt?}`), `appliedGeneration`, `syncRun` once there is one, `intent`. */
export const recordProperties = (
  { model, sync, appliedGeneration }: Known,
  intent: Intent | undefined,
  syncRun?: JsonValue,
): JsonObject => ({
  ...(model === undefined ? {} : { model: thingProperty(model) }),
  ...(sync === undefined ? {} : { sync: thingProperty(sync) }),
  ...(appliedGeneration === undefined ? {} : { appliedGeneration }),
  ...(syncRun === undefined ? {} : { syncRun }),
  ...(intent === undefined ? {} : { intent: intentProperty(intent) }),
});

/** Once the run is known, which others there were is of no use any more. */
export const keptOf = (intent: Intent): Intent => ({ ...intent, earlierRunIds: [], queuedRunIds: [] });
