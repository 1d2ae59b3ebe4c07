// What the operator keeps of a run in the status it reports, and reads back after a restart: the status is the only memory there is.
// `properties.intent` is written before createRun is called; as long as the run has no ADF id, the intent says that a run may have been
// started. A status written by something else, or by hand, is read as far as it makes sense.

import {
  isJsonObject,
  type EntityStatus,
  type JsonObject,
  type JsonValue,
  type RuntimeStatus,
} from '../../sdk/index.ts';
import type { PipelineRequest, Target } from './pipeline-request.ts';

export type Intent = {
  /** Id of the run that was wanted. */
  readonly runId: string;
  /** When createRun was about to be called, by this program's clock. RFC 3339. */
  readonly at: string;
  /** `at` of the first intent for this run: a search goes back to there. */
  readonly since: string;
  /** Fencing token of the component that intended it. */
  readonly fence: number;
  /** ADF ids of runs that this resource had before: none of them is the one that is looked for. */
  readonly earlierRunIds: readonly string[];
  /** Nothing was started for it, and that is certain: there is nothing to look for. */
  readonly isWithdrawn?: true;
  /** What was about to be sent; left out once it is of no use. */
  readonly sent?: {
    readonly parameters?: JsonObject;
    readonly referencePipelineRunId?: string;
    readonly isRecovery: boolean;
    /** Name of the parameter that carries our run id. */
    readonly correlationParameter?: string;
  };
};

export type RunRecord = {
  readonly id: string;
  readonly state: RuntimeStatus;
  readonly adfRunId?: string;
  readonly target?: Target;
  readonly intent?: Intent;
};

const EARLIER_KEPT = 10;
const ENDED: readonly RuntimeStatus[] = ['succeeded', 'failed', 'cancelled'];
export const hasEnded = (state: RuntimeStatus): boolean => ENDED.includes(state);

const textIn = (value: JsonObject, field: string): string | undefined => {
  const text = value[field];
  return typeof text === 'string' ? text : undefined;
};

const targetIn = (value: JsonValue | undefined): Target | undefined => {
  if (!isJsonObject(value)) return undefined;
  const resourceGroupName = textIn(value, 'resourceGroupName');
  const factoryName = textIn(value, 'factoryName');
  const pipelineName = textIn(value, 'pipelineName');
  if (resourceGroupName === undefined || factoryName === undefined || pipelineName === undefined) return undefined;
  return { resourceGroupName, factoryName, pipelineName };
};

const sentIn = (value: JsonValue | undefined): Intent['sent'] => {
  if (!isJsonObject(value)) return undefined;
  const reference = textIn(value, 'referencePipelineRunId');
  const correlationParameter = textIn(value, 'correlationParameter');
  return {
    isRecovery: value['isRecovery'] === true,
    ...(isJsonObject(value['parameters']) ? { parameters: value['parameters'] } : {}),
    ...(reference === undefined ? {} : { referencePipelineRunId: reference }),
    ...(correlationParameter === undefined ? {} : { correlationParameter }),
  };
};

const intentIn = (value: JsonValue | undefined): Intent | undefined => {
  if (!isJsonObject(value)) return undefined;
  const [runId, at] = [textIn(value, 'runId'), textIn(value, 'at')];
  if (runId === undefined || at === undefined || Number.isNaN(Date.parse(at))) return undefined;
  const since = textIn(value, 'since') ?? at;
  const earlier = Array.isArray(value['earlierRunIds']) ? (value['earlierRunIds'] as readonly JsonValue[]) : [];
  const sent = sentIn(value['sent']);
  return {
    ...{ runId, at },
    since: Number.isNaN(Date.parse(since)) ? at : since,
    fence: typeof value['fence'] === 'number' ? value['fence'] : 0,
    earlierRunIds: earlier.filter((one) => typeof one === 'string'),
    ...(sent === undefined ? {} : { sent }),
    ...(value['isWithdrawn'] === true ? { isWithdrawn: true as const } : {}),
  };
};

/** The run last reported of the entity with that uid; undefined when none was. An intent for another run is not kept. */
export const runRecord = (status: EntityStatus | undefined, uid: string): RunRecord | undefined => {
  if (status?.run === undefined || status.uid !== uid) return undefined;
  const { id, state, externalId } = status.run;
  const target = targetIn(status.properties['pipeline']);
  const intent = intentIn(status.properties['intent']);
  return {
    ...{ id, state },
    ...(externalId === undefined ? {} : { adfRunId: externalId }),
    ...(target === undefined ? {} : { target }),
    ...(intent === undefined ? {} : { intent }),
  };
};

const earlierRunIds = (before: RunRecord | undefined): readonly string[] => {
  const known = before?.intent?.earlierRunIds ?? [];
  const all = before?.adfRunId === undefined ? known : [...known, before.adfRunId];
  return [...new Set(all)].slice(-EARLIER_KEPT);
};

/** The intent to start the wanted run `runId`, after what `before` says of the same or an earlier run. */
export const nextIntent = (
  runId: string,
  at: string,
  fence: number,
  before: RunRecord | undefined,
  { parameters, referencePipelineRunId, isRecovery }: PipelineRequest,
  correlationParameter: string | undefined,
): Intent => {
  const isAgain = before?.id === runId && before.intent?.runId === runId && before.intent.isWithdrawn !== true;
  return {
    ...{ runId, at, fence },
    since: isAgain ? (before.intent?.since ?? at) : at,
    earlierRunIds: earlierRunIds(before),
    sent: {
      isRecovery,
      ...(parameters === undefined ? {} : { parameters }),
      ...(referencePipelineRunId === undefined ? {} : { referencePipelineRunId }),
      ...(correlationParameter === undefined || referencePipelineRunId !== undefined ? {} : { correlationParameter }),
    },
  };
};

/** Names of the properties that the next start reads back. */
export const RECORDED = ['pipeline', 'intent'];

/** The properties of a status: `pipeline`, `intent` and what was synchronized. */
export const recordProperties = (
  target: Target | undefined,
  intent: Intent | undefined,
  synchronized: JsonObject = {},
): JsonObject => ({
  ...(target === undefined ? {} : { pipeline: target }),
  ...synchronized,
  ...(intent === undefined ? {} : { intent: intent as JsonObject }),
});

/** Once the run is known, what was sent is of no use any more. */
export const confirmedIntent = ({ sent: _sent, ...intent }: Intent): Intent => intent;

/** For a run that was not started; it keeps the ids of the runs before it. */
export const withdrawnIntent = (runId: string, before: RunRecord | undefined): Intent | undefined =>
  before?.intent === undefined
    ? undefined
    : { ...confirmedIntent(before.intent), runId, earlierRunIds: earlierRunIds(before), isWithdrawn: true };
