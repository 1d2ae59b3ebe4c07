// The search for the run that an unanswered createRun may have started: what it looks like, and which of those that Azure lists it is
// (adoption.ts). Called by reconciler.ts.

import { isJsonObject, isNotThere, type Found, type JsonObject, type Search } from '../../sdk/index.ts';
import { apiStatusOf } from './api-fault.ts';
import { findRun } from './adoption.ts';
import type { DataFactory } from './client.ts';
import type { Target } from './pipeline-request.ts';
import type { Intent, Work } from './run-record.ts';

export const createRunSearch = (api: DataFactory, targetOf: (work: Work) => Target) => {
  /** undefined: what was asked about is not there. */
  const unlessAbsent = <T>(asked: Promise<T>): Promise<T | undefined> =>
    asked.catch((error: unknown) => {
      if (apiStatusOf(error) !== undefined && isNotThere(error)) return undefined;
      throw error;
    });

  /** What the run that was meant to be started looks like, for a reference as far as Azure still knows the run referred to. */
  const lookedFor = async (
    { call }: Work,
    target: Target,
    sent: NonNullable<Intent['sent']>,
  ): Promise<{ readonly parameters: JsonObject; readonly runGroupId?: string }> => {
    const { parameters = {}, referencePipelineRunId: reference, isRecovery } = sent;
    if (reference === undefined) return { parameters };
    const run = (await unlessAbsent(api.getRun(target, reference, call))) ?? {};
    const { runGroupId } = run;
    return {
      parameters: isJsonObject(run['parameters']) ? run['parameters'] : {},
      ...(isRecovery && typeof runGroupId === 'string' ? { runGroupId } : {}),
    };
  };

  /** `absent`: the factory is not there, so nobody knows what runs in it. */
  return async (work: Work, intent: Intent, { isFree }: Search): Promise<Found> => {
    const target = targetOf(work);
    const sent = intent.sent ?? { isRecovery: false };
    const { parameters, runGroupId } = await lookedFor(work, target, sent);
    const since = Date.parse(intent.since);
    const listed = await unlessAbsent(api.pipelineRuns(target, target.pipelineName, since, work.call));
    if (listed === undefined) return 'absent';
    const { runs, sinceMs, fromMs } = listed;
    const { correlationParameter: parameter, referencePipelineRunId: reference } = sent;
    const match = findRun(runs, {
      ...{ parameters, sinceMs, fromMs },
      excludedRunIds: [...intent.earlierRunIds, ...(reference === undefined ? [] : [reference])],
      isClaimed: (externalId) => !isFree(externalId),
      ...(parameter === undefined ? {} : { correlation: { parameter, value: intent.runId } }),
      ...(runGroupId === undefined ? {} : { runGroupId }),
    });
    return match === undefined ? { ids: [] } : { ids: [match.adfRunId], isCertain: match.isCertain };
  };
};
