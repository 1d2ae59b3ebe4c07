// What the operator keeps of a run in the status beside what the SDK does: where it was started, and what was sent. A status written by something
// else, or by hand, is read as far as it makes sense.

import {
  isJsonObject,
  type Intent as OnceIntent,
  type JsonObject,
  type JsonValue,
  type OnceWork,
} from '../../sdk/index.ts';
import type { CallContext } from './client.ts';
import type { PipelineRequest, Target } from './pipeline-request.ts';

export type Intent = OnceIntent & {
  /** What was about to be sent; left out once it is of no use. */
  readonly sent?: {
    readonly parameters?: JsonObject;
    readonly referencePipelineRunId?: string;
    readonly isRecovery: boolean;
    /** Name of the parameter that carries our run id. */
    readonly correlationParameter?: string;
  };
};

/** One reconcile. `target`: where its run is, or is to be; `request`: of the run that is to be started. */
export type Work = OnceWork<Intent> & {
  readonly call: CallContext;
  readonly target: Target | undefined;
  readonly request?: PipelineRequest;
};

const textIn = (value: JsonObject, field: string): string | undefined => {
  const text = value[field];
  return typeof text === 'string' ? text : undefined;
};

export const targetIn = (value: JsonValue | undefined): Target | undefined => {
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

/** The intent with what this operator keeps in it. */
export const readIntent = (intent: OnceIntent, stored: JsonObject): Intent => {
  const sent = sentIn(stored['sent']);
  return { ...intent, ...(sent === undefined ? {} : { sent }) };
};

export const sentOf = (
  { parameters, referencePipelineRunId, isRecovery }: PipelineRequest,
  correlationParameter: string | undefined,
): NonNullable<Intent['sent']> => ({
  isRecovery,
  ...(parameters === undefined ? {} : { parameters }),
  ...(referencePipelineRunId === undefined ? {} : { referencePipelineRunId }),
  ...(correlationParameter === undefined || referencePipelineRunId !== undefined ? {} : { correlationParameter }),
});

/** Once the run is known, what was sent is of no use any more. */
export const keptOf = ({ sent: _sent, ...intent }: Intent): Intent => intent;
