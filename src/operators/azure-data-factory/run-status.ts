// From what Data Factory says of a run and its activities to what is reported: runtime, message, and the metadata to synchronize.

import { isJsonObject, type JsonObject, type JsonValue, type RuntimeStatus } from '../../sdk/index.ts';

/** Data Factory's words; note the two spellings of cancel. Unknown ones count as under way: a new word must not end a run for us. */
const STATES: Readonly<Record<string, RuntimeStatus>> = {
  Queued: 'pending',
  InProgress: 'inprogress',
  Canceling: 'inprogress',
  Succeeded: 'succeeded',
  Failed: 'failed',
  Cancelled: 'cancelled',
};

export const stateOf = (run: JsonObject): RuntimeStatus => STATES[String(run['status'])] ?? 'inprogress';

const RUN_FIELDS = [
  'runId',
  'runGroupId',
  'pipelineName',
  'parameters',
  'invokedBy',
  'runStart',
  'runEnd',
  'durationInMs',
  'status',
  'message',
  'isLatest',
];
const ACTIVITY_FIELDS = [
  'activityName',
  'activityType',
  'activityRunId',
  'linkedServiceName',
  'status',
  'activityRunStart',
  'activityRunEnd',
  'durationInMs',
  'error',
];
/** Of an activity's output, which can be megabytes: the figures that people look for. */
const OUTPUT_FIELDS = [
  'dataRead',
  'dataWritten',
  'filesRead',
  'filesWritten',
  'rowsRead',
  'rowsCopied',
  'copyDuration',
  'throughput',
];
const MAX_ACTIVITIES = 100;

const pick = (source: JsonObject, fields: readonly string[]): JsonObject =>
  Object.fromEntries(
    fields.flatMap((field) =>
      source[field] === undefined || source[field] === null ? [] : [[field, source[field] as JsonValue]],
    ),
  );

const hasError = (activity: JsonObject): boolean =>
  isJsonObject(activity['error']) && String(activity['error']['errorCode'] ?? '') !== '';

const activityMetadata = (activity: JsonObject): JsonObject => {
  const output = isJsonObject(activity['output']) ? pick(activity['output'], OUTPUT_FIELDS) : {};
  const { error: _error, ...facts } = pick(activity, ACTIVITY_FIELDS);
  return {
    ...facts,
    ...(hasError(activity) ? { error: activity['error'] as JsonValue } : {}),
    ...(Object.keys(output).length === 0 ? {} : { output }),
  };
};

/** What `get -d` shows of the run. */
export const metadataOf = (run: JsonObject, activities: readonly JsonObject[]): JsonObject => ({
  pipelineRun: pick(run, RUN_FIELDS),
  activityRuns: activities.slice(0, MAX_ACTIVITIES).map(activityMetadata),
});

/** Why a run failed: its own message and that of the first activity that failed. Empty when it did not. */
export const messageOf = (run: JsonObject, activities: readonly JsonObject[]): string => {
  const own = typeof run['message'] === 'string' ? run['message'] : '';
  const failed = activities.find((activity) => activity['status'] === 'Failed' && hasError(activity));
  if (failed === undefined || !isJsonObject(failed['error'])) return own;
  const reason = `activity ${String(failed['activityName'])}: ${String(failed['error']['errorCode'])} ${String(failed['error']['message'] ?? '')}`;
  return own === '' || reason.includes(own) ? reason : `${own} (${reason})`;
};

/** Data Factory gives parameters back as text: what is not text is JSON. */
export const asParameterText = (value: JsonValue): string =>
  typeof value === 'string' ? value : JSON.stringify(value);

export const hasParameters = (run: JsonObject, parameters: JsonObject): boolean => {
  const found = isJsonObject(run['parameters']) ? run['parameters'] : {};
  return Object.entries(parameters).every(([name, value]) => found[name] === asParameterText(value));
};
