// The search for the run that an unanswered createRun may have started: what it looks like, and which of those that Azure lists it is
// (adoption.ts). Called by start-run.ts.

import { isJsonObject, isNotThere, type JsonObject } from '../../sdk/index.ts';
import { apiStatusOf } from './api-fault.ts';
import { findRun, type Match } from './adoption.ts';
import type { Parts, Work } from './parts.ts';
import type { Target } from './pipeline-request.ts';
import type { Intent } from './run-record.ts';

export const createRunSearch = ({ api, ledger }: Pick<Parts, 'api' | 'ledger'>) => {
  /** What the run that was meant to be started looks like, for a reference as far as Azure still knows the run referred to. */
  const lookedFor = async (
    { call }: Work,
    target: Target,
    sent: NonNullable<Intent['sent']>,
  ): Promise<{ readonly parameters: JsonObject; readonly runGroupId?: string }> => {
    const { parameters = {}, referencePipelineRunId: reference, isRecovery } = sent;
    if (reference === undefined) return { parameters };
    const run = await api.getRun(target, reference, call).catch((error: unknown): JsonObject => {
      if (apiStatusOf(error) !== undefined && isNotThere(error)) return {};
      throw error;
    });
    const { runGroupId } = run;
    return {
      parameters: isJsonObject(run['parameters']) ? run['parameters'] : {},
      ...(isRecovery && typeof runGroupId === 'string' ? { runGroupId } : {}),
    };
  };

  /** `absent`: the factory is not there, so nobody knows what runs in it. */
  return async (work: Work, target: Target, intent: Intent): Promise<Match | 'absent' | undefined> => {
    const { entity, call } = work;
    const sent = intent.sent ?? { isRecovery: false };
    const { parameters, runGroupId } = await lookedFor(work, target, sent);
    const since = Date.parse(intent.since);
    const listed = await api.pipelineRuns(target, target.pipelineName, since, call).catch((error: unknown) => {
      if (apiStatusOf(error) !== undefined && isNotThere(error)) return undefined;
      throw error;
    });
    if (listed === undefined) return 'absent';
    const { runs, sinceMs, fromMs } = listed;
    const { correlationParameter: parameter, referencePipelineRunId: reference } = sent;
    return findRun(runs, {
      ...{ parameters, sinceMs, fromMs },
      excludedRunIds: [...intent.earlierRunIds, ...(reference === undefined ? [] : [reference])],
      isClaimed: (adfRunId) => ledger.isClaimedByOther(adfRunId, entity.key),
      ...(parameter === undefined ? {} : { correlation: { parameter, value: intent.runId } }),
      ...(runGroupId === undefined ? {} : { runGroupId }),
    });
  };
};
