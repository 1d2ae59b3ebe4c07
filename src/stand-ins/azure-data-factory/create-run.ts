// createRun: which parameters the run gets, where a recovery run begins, and what the pipeline's script says becomes of it.
// There is no idempotency key at this API: every accepted call is a run of its own.

import { ok, pipelineOf, type Call, type Handler } from './call.ts';
import { badRequest, isJsonObject, refuse } from './errors.ts';
import { runParameters, type RunParameters } from './parameters.ts';
import type { ActivityPlan, Outcome, Pipeline } from './pipelines.ts';
import type { Run } from './runs.ts';
import { randomFinerDigits } from './timestamps.ts';

const isTrue = (call: Call, name: string): boolean => call.query.get(name)?.toLowerCase() === 'true';
const textOf = (call: Call, name: string): string | undefined => {
  const text = call.query.get(name);
  return text === '' ? undefined : text;
};

/** The run that `referencePipelineRunId` names. The code for a wrong one was observed at the API. */
const referencedRun = (call: Call, pipeline: Pipeline): Run | undefined => {
  const runId = textOf(call, 'referencePipelineRunId');
  if (runId === undefined) return undefined;
  const run = call.world.runs.get(call.factory.name, runId);
  if (run !== undefined && run.pipelineName === pipeline.name) return run;
  const text = `Referenced pipeline run id ${runId} is not a valid run id.`;
  throw refuse(400, 'ReferencedPipelineRunNotValid', text, { target: `pipeline/${pipeline.name}/` });
};

/** Where in the pipeline a recovery run begins. */
const startIndex = (call: Call, pipeline: Pipeline, reference: Run | undefined): number => {
  const startActivityName = textOf(call, 'startActivityName');
  const startFromFailure = isTrue(call, 'startFromFailure');
  if (reference === undefined || !isTrue(call, 'isRecovery')) {
    for (const name of ['isRecovery', 'startActivityName', 'startFromFailure']) {
      if (textOf(call, name) === undefined || textOf(call, name)?.toLowerCase() === 'false') continue;
      const detail = `'${name}' has no effect: it needs isRecovery=true together with referencePipelineRunId`;
      call.note({ kind: 'parameter-ineffective', detail });
    }
    return 0;
  }
  const failing = reference.activities.at(-1)?.name;
  const failed = call.world.runs.progress(reference).status === 'Failed';
  const startName = startActivityName ?? (startFromFailure && failed ? failing : undefined);
  if (startName === undefined) return 0;
  const index = pipeline.activities.findIndex((activity) => activity.name === startName);
  if (index >= 0) return index;
  throw badRequest(
    'BadRequest',
    `The pipeline has no activity '${startName}'.`,
    'query-invalid',
    `Pipeline/${pipeline.name}`,
  );
};

const activitiesReached = (pipeline: Pipeline, from: number, outcome: Outcome): readonly ActivityPlan[] => {
  const failing = pipeline.activities.findIndex((activity) => activity.name === pipeline.behaviour.failingActivity);
  const end = outcome === 'Failed' && failing >= from ? failing + 1 : pipeline.activities.length;
  return pipeline.activities.slice(from, end);
};

export const createRun: Handler = (call) => {
  const pipeline = pipelineOf(call);
  if (call.body !== undefined && !isJsonObject(call.body)) {
    throw badRequest(
      'InvalidRequestContent',
      'The request content must be a JSON object of parameters.',
      'body-invalid',
    );
  }
  const reference = referencedRun(call, pipeline);
  // With a reference its parameters are taken as they are: they are text already, and were checked when they came in.
  const given: RunParameters =
    reference === undefined
      ? runParameters(pipeline, call.body ?? {})
      : { values: reference.parameters, violations: [] };
  const from = startIndex(call, pipeline, reference);
  const { behaviour, startedCount } = pipeline;
  const outcome = behaviour.outcomes[Math.min(startedCount, behaviour.outcomes.length - 1)] ?? 'Succeeded';
  for (const violation of given.violations) call.note(violation);
  call.factory.pipelines.set(pipeline.name.toLowerCase(), { ...pipeline, startedCount: startedCount + 1 });
  const run = call.world.runs.start({
    factoryName: call.factory.name,
    pipelineName: pipeline.name,
    parameters: given.values,
    queuedMs: behaviour.queuedMs,
    runMs: behaviour.runMs,
    cancelMs: behaviour.cancelMs,
    outcome,
    activities: activitiesReached(pipeline, from, outcome),
    failureMessage: behaviour.message,
    finerDigits: randomFinerDigits(),
    clientRequestId: call.clientRequestId,
    ...(reference !== undefined && isTrue(call, 'isRecovery')
      ? { recoveryOf: reference.runId, runGroupId: reference.runGroupId }
      : {}),
  });
  call.accepted(run.runId);
  return ok({ runId: run.runId });
};
