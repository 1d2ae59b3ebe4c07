// What is kept of a run in the status, and read back after a restart: the status is the only memory there is. A status that something else
// wrote, or somebody by hand, is read as far as it makes sense. Pure.

import { isJsonObject, type JsonObject, type JsonValue } from '../../core/json.ts';
import type { EntityStatus, RuntimeStatus } from '../../messages/entity.ts';
import type { Intent, RunRecord } from './types.ts';

const EARLIER_KEPT = 20;
const ENDED: readonly RuntimeStatus[] = ['succeeded', 'failed', 'cancelled'];
export const hasEnded = (state: RuntimeStatus): boolean => ENDED.includes(state);

/** Names of the properties that a later start relies on. */
export const RECORDED_RUN = ['intent', 'unseenSince'] as const;

const timeIn = (value: JsonObject, field: string): string | undefined => {
  const text = value[field];
  return typeof text === 'string' && !Number.isNaN(Date.parse(text)) ? text : undefined;
};

/** undefined: there is none that makes sense. */
export const readIntent = (value: JsonValue | undefined): Intent | undefined => {
  if (!isJsonObject(value)) return undefined;
  const { runId, fence, earlierRunIds } = value;
  const at = timeIn(value, 'at');
  if (typeof runId !== 'string' || runId === '' || at === undefined) return undefined;
  const earlier = Array.isArray(earlierRunIds) ? (earlierRunIds as readonly JsonValue[]) : [];
  return {
    ...{ runId, at, since: timeIn(value, 'since') ?? at },
    fence: typeof fence === 'number' ? fence : 0,
    earlierRunIds: earlier.filter((one) => typeof one === 'string'),
    ...(value['isWithdrawn'] === true ? { isWithdrawn: true as const } : {}),
  };
};

/** The run last reported of the entity with that uid; undefined when none was. `own`: the author's part of an intent; undefined: it is none. */
export const readRunRecord = <TIntent extends Intent>(
  status: EntityStatus | undefined,
  uid: string,
  own: (intent: Intent, stored: JsonObject) => TIntent | undefined,
): RunRecord<TIntent> | undefined => {
  if (status?.run === undefined || status.uid !== uid) return undefined;
  const { properties } = status;
  const { id, state, externalId } = status.run;
  const read = readIntent(properties['intent']);
  const intent = read === undefined ? undefined : own(read, properties['intent'] as JsonObject);
  const unseenSince = timeIn(properties, 'unseenSince');
  return {
    ...{ id, state },
    ...(externalId === undefined ? {} : { externalId }),
    ...(intent === undefined ? {} : { intent }),
    ...(unseenSince === undefined ? {} : { unseenSince }),
  };
};

/** With one more, each once, and only the last of them. */
export const withEarlier = (earlierIds: readonly string[], externalId: string | undefined): readonly string[] =>
  externalId === undefined ? earlierIds : [...new Set([...earlierIds, externalId])].slice(-EARLIER_KEPT);

const earlierOf = (before: RunRecord | undefined): readonly string[] =>
  withEarlier(before?.intent?.earlierRunIds ?? [], before?.externalId);

/** The intent to start the wanted run `runId`, after what `before` says of the same or an earlier run. */
export const nextIntent = (runId: string, at: string, fence: number, before: RunRecord | undefined): Intent => {
  const isAgain = before?.id === runId && before.intent?.runId === runId && before.intent.isWithdrawn !== true;
  return {
    ...{ runId, at, fence },
    since: isAgain ? (before.intent?.since ?? at) : at,
    earlierRunIds: earlierOf(before),
  };
};

/** For a run that was not started; it keeps the ids of the runs before it. */
export const withdrawnIntent = <TIntent extends Intent>(
  runId: string,
  before: RunRecord<TIntent> | undefined,
  keptOf: (intent: TIntent) => TIntent,
): TIntent | undefined =>
  before?.intent === undefined
    ? undefined
    : { ...keptOf(before.intent), runId, earlierRunIds: earlierOf(before), isWithdrawn: true };
