// From what Data Factory says of a run and its activities to what is reported: runtime, message, conditions, and the metadata that is
// synchronized. Pure. What changes at every look without saying anything (lastUpdated, figures of unfinished activities) is left out,
// and everything is bounded: a status is one message.

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

/** Data Factory's words, and the spelling that people expect of two of them. */
const states: ReadonlyMap<string, RuntimeStatus> = new Map<string, RuntimeStatus>([
  ['Queued', 'pending'],
  ['InProgress', 'inprogress'],
  ['Canceling', 'inprogress'],
  ['Cancelling', 'inprogress'],
  ['Succeeded', 'succeeded'],
  ['Failed', 'failed'],
  ['Cancelled', 'cancelled'],
  ['Canceled', 'cancelled'],
]);

const ACTIVITY_ENDED = new Set(['Succeeded', 'Failed', 'Cancelled', 'Canceled', 'TimedOut', 'Skipped']);
const MAX_ACTIVITIES = 100;
const MAX_PARAMETERS = 100;
const MAX_TEXT = 1000;

/** A word that is not known counts as under way: a new one must not end a run for us. */
export const stateOf = (run: JsonObject): RuntimeStatus => states.get(String(run['status'])) ?? 'inprogress';
export const isCanceling = (run: JsonObject): boolean => /^Cancell?ing$/.test(String(run['status']));

const clip = (value: JsonValue): JsonValue =>
  typeof value === 'string' && value.length > MAX_TEXT ? `${value.slice(0, MAX_TEXT)}…` : value;

/** The named fields that say something, texts shortened. */
const pick = (source: JsonObject, fields: readonly string[]): JsonObject =>
  Object.fromEntries(
    fields.flatMap((field) => {
      const value = source[field];
      return value === undefined || value === null || value === '' ? [] : [[field, clip(value)]];
    }),
  );

const pickScalars = (source: JsonValue | undefined, fields: readonly string[]): JsonObject => {
  if (!isJsonObject(source)) return {};
  return Object.fromEntries(Object.entries(pick(source, fields)).filter(([, value]) => typeof value !== 'object'));
};

const withField = (name: string, value: JsonObject): JsonObject =>
  Object.keys(value).length === 0 ? {} : { [name]: value };

/** Of an activity's output, which can be megabytes: the figures that people look for. */
const OUTPUT_FIELDS = [
  ...['dataRead', 'dataWritten', 'filesRead', 'filesWritten', 'rowsRead', 'rowsCopied', 'rowsSkipped'],
  ...['copyDuration', 'throughput', 'pipelineRunId', 'runPageUrl', 'effectiveIntegrationRuntime'],
];

const activityMetadata = (activity: JsonObject): JsonObject => {
  const hasEnd = ACTIVITY_ENDED.has(String(activity['status']));
  const figures = hasEnd ? ['activityRunEnd', 'durationInMs', 'retryAttempt'] : [];
  const error = pickScalars(activity['error'], ['errorCode', 'message', 'failureType', 'target']);
  return {
    ...pick(activity, ['activityName', 'activityType', 'activityRunId', 'linkedServiceName', 'status']),
    ...pick(activity, ['activityRunStart', ...figures]),
    ...(error['errorCode'] === undefined && error['message'] === undefined ? {} : { error }),
    ...withField('output', hasEnd ? pickScalars(activity['output'], OUTPUT_FIELDS) : {}),
  };
};

const hasFailed = (activity: JsonObject): boolean => ['Failed', 'TimedOut'].includes(String(activity['status']));

/** Failed ones are kept before others when there are too many; the order stays. */
const mostTelling = (activities: readonly JsonObject[]): readonly JsonObject[] => {
  if (activities.length <= MAX_ACTIVITIES) return activities;
  const failed = activities.filter(hasFailed);
  const kept = new Set([...failed, ...activities.filter((one) => !hasFailed(one))].slice(0, MAX_ACTIVITIES));
  return activities.filter((one) => kept.has(one));
};

const parametersOf = (run: JsonObject): JsonObject => {
  const parameters = isJsonObject(run['parameters']) ? run['parameters'] : {};
  return pick(parameters, Object.keys(parameters).slice(0, MAX_PARAMETERS));
};

/** `pipelineRun` and `activityRuns` (with `activityRunsLeftOut` when there are more than 100). */
const metadataOf = (run: JsonObject, activities: readonly JsonObject[]): JsonObject => {
  const shown = mostTelling(activities);
  const figures = hasEnded(stateOf(run)) ? ['runEnd', 'durationInMs'] : [];
  return {
    pipelineRun: {
      ...pick(run, ['runId', 'runGroupId', 'isLatest', 'pipelineName', 'status', 'message', 'runStart', ...figures]),
      ...withField('parameters', parametersOf(run)),
      ...withField(
        'invokedBy',
        pickScalars(run['invokedBy'], ['name', 'id', 'invokedByType', 'pipelineName', 'pipelineRunId']),
      ),
    },
    activityRuns: shown.map(activityMetadata),
    ...(shown.length < activities.length ? { activityRunsLeftOut: activities.length - shown.length } : {}),
  };
};

/** Why a run ended as it did: its own message and that of the first activity that failed. */
const messageOf = (run: JsonObject, activities: readonly JsonObject[]): string => {
  const own = typeof run['message'] === 'string' ? run['message'] : '';
  const failed = activities.find(hasFailed);
  if (failed === undefined) return own.slice(0, MAX_TEXT);
  const { errorCode = '', message = '' } = pickScalars(failed['error'], ['errorCode', 'message']);
  const reason = String(message);
  const code = errorCode === '' ? '' : ` (error ${String(errorCode)})`;
  const text = own === '' ? `${String(failed['activityName'])} failed: ${reason}` : own;
  return `${text.includes(reason) ? text : `${text}; ${String(failed['activityName'])}: ${reason}`}${code}`.slice(
    0,
    MAX_TEXT,
  );
};

const timeIn = (run: JsonObject, field: string): string | undefined => {
  const timeMs = Date.parse(typeof run[field] === 'string' ? run[field] : '');
  return Number.isNaN(timeMs) ? undefined : new Date(timeMs).toISOString();
};

export type Observation = { readonly run: ObservedRun; readonly metadata: JsonObject };

/** `id`: of the run that was wanted. `activities` in the order they started. */
export const observe = (id: string, run: JsonObject, activities: readonly JsonObject[]): Observation => {
  const state = stateOf(run);
  const message = hasEnded(state) ? messageOf(run, activities) : '';
  const [startedAt, finishedAt] = [timeIn(run, 'runStart'), hasEnded(state) ? timeIn(run, 'runEnd') : undefined];
  return {
    run: {
      ...{ id, state },
      ...(typeof run['runId'] === 'string' ? { externalId: run['runId'] } : {}),
      ...(startedAt === undefined ? {} : { startedAt }),
      ...(finishedAt === undefined ? {} : { finishedAt }),
      ...(message === '' ? {} : { message }),
    },
    metadata: metadataOf(run, activities),
  };
};

/** What a run is called in messages. */
export const NOUN = 'pipeline run';

/** Of a run that was started, or given up before that. */
export const conditionsOf = (run: ObservedRun): readonly ReportedCondition[] => conditionsOfRun(NOUN, run);
