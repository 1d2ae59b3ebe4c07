// From what Hightouch says of a run to what is reported: runtime, message, conditions and the metadata that is synchronized. Pure.

import {
  conditionsOfRun,
  hasEnded,
  isJsonObject,
  type JsonObject,
  type JsonValue,
  type ObservedRun,
  type ReportedCondition,
  type RuntimeStatus,
} from '../../sdk/index.ts';
import { idOf, jsonId, readId, type Id } from './ids.ts';
import type { HightouchSettings } from './settings.ts';

type WarningIs = HightouchSettings['warningIs'];

const states: ReadonlyMap<string, RuntimeStatus> = new Map<string, RuntimeStatus>([
  ...(['queued', 'pending'] as const).map((word) => [word, 'pending'] as const),
  ...(['querying', 'processing', 'reporting'] as const).map((word) => [word, 'inprogress'] as const),
  ['success', 'succeeded'],
  ...(['failed', 'interrupted', 'aborted'] as const).map((word) => [word, 'failed'] as const),
  ...(['cancelled', 'canceled'] as const).map((word) => [word, 'cancelled'] as const),
]);
const MAX_TEXT = 1000;

/** What a run is called in messages. */
export const NOUN = 'sync run';

const wordOf = (run: JsonObject): string => String(run['status']);
export const isKnownStatus = (run: JsonObject): boolean => wordOf(run) === 'warning' || states.has(wordOf(run));

/** It waits: for its turn behind another run of the sync, or for a place. */
export const isQueued = (run: JsonObject): boolean => states.get(wordOf(run)) === 'pending';

/** A word that is not known counts as under way, as for the vendor's own client: a new one must not end a run for us. */
export const stateOf = (run: JsonObject, warningIs: WarningIs): RuntimeStatus =>
  wordOf(run) === 'warning' ? (warningIs as RuntimeStatus) : (states.get(wordOf(run)) ?? 'inprogress');

const timeIn = (run: JsonObject, field: string): string | undefined => {
  const timeMs = Date.parse(typeof run[field] === 'string' ? run[field] : '');
  return Number.isNaN(timeMs) ? undefined : new Date(timeMs).toISOString();
};

const rowsIn = (value: JsonValue | undefined): JsonObject | undefined =>
  isJsonObject(value)
    ? Object.fromEntries(
        ['addedCount', 'changedCount', 'removedCount'].map((name) => [name, jsonId(readId(value[name]) ?? '0')]),
      )
    : undefined;

const metadataOf = (syncId: Id, run: JsonObject): JsonObject => {
  const plain = Object.fromEntries(
    ['status', 'createdAt', 'startedAt', 'finishedAt', 'querySize', 'completionRatio'].flatMap((field) => {
      const value = run[field];
      return value === undefined || value === null ? [] : [[field, value]];
    }),
  );
  const rows = Object.fromEntries(
    ['plannedRows', 'successfulRows', 'failedRows'].flatMap((field) => {
      const value = rowsIn(run[field]);
      return value === undefined ? [] : [[field, value]];
    }),
  );
  const error =
    typeof run['error'] === 'string' && run['error'] !== '' ? { error: run['error'].slice(0, MAX_TEXT) } : {};
  const id = idOf(run);
  return { ...(id === undefined ? {} : { id: jsonId(id) }), syncId: jsonId(syncId), ...plain, ...rows, ...error };
};

const messageOf = (run: JsonObject, state: RuntimeStatus): string => {
  const error = typeof run['error'] === 'string' ? run['error'].slice(0, MAX_TEXT) : '';
  if (error !== '') return error;
  if (wordOf(run) === 'warning') return 'the sync run ended with a warning';
  return state === 'failed' ? `the sync run ended as ${wordOf(run)}` : '';
};

export type Observation = {
  readonly run: ObservedRun;
  readonly metadata: JsonObject;
  readonly conditions: readonly ReportedCondition[];
};

export const conditionsOf = (run: ObservedRun): readonly ReportedCondition[] => conditionsOfRun(NOUN, run);

/** `id`: of the run that was wanted. */
export const observe = (id: string, syncId: Id, run: JsonObject, warningIs: WarningIs): Observation => {
  const state = stateOf(run, warningIs);
  const message = hasEnded(state) ? messageOf(run, state) : '';
  const externalId = idOf(run);
  const [startedAt, finishedAt] = [timeIn(run, 'startedAt'), hasEnded(state) ? timeIn(run, 'finishedAt') : undefined];
  const observed: ObservedRun = {
    ...{ id, state },
    ...(externalId === undefined ? {} : { externalId }),
    ...(startedAt === undefined ? {} : { startedAt }),
    ...(finishedAt === undefined ? {} : { finishedAt }),
    ...(message === '' ? {} : { message }),
  };
  const warning: readonly ReportedCondition[] =
    wordOf(run) === 'warning' ? [{ type: 'Warning', status: 'True', reason: 'RunWarning', message }] : [];
  return {
    run: observed,
    metadata: metadataOf(syncId, run),
    conditions: [...conditionsOf(observed), ...warning],
  };
};
