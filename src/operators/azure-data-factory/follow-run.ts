// Following a run that Azure knows: poll it and its activities, cancel it when that is wanted, say when it has ended. A run is looked
// for where it was started, whatever the spec says by now.

import {
  Fault,
  isFault,
  isNotThere,
  notReady,
  patiently,
  reconciling,
  type Entity,
  type JsonObject,
  type ReconcileResult,
  type ReportedCondition,
} from '../../sdk/index.ts';
import { apiStatusOf } from './api-fault.ts';
import { updatedSince } from './client.ts';
import { AT_ONCE, runUpdate, timestamp, type Parts, type Work } from './parts.ts';
import { pipelineRequest, type Target } from './pipeline-request.ts';
import type { Step } from './plan.ts';
import { hasEnded, recordProperties, type RunRecord } from './run-record.ts';
import { createRunWatch } from './run-watch.ts';
import { conditionsOf, isCanceling, observe, stateOf } from './run-status.ts';

const DAY_MS = 86_400_000;

const targetOf = (entity: Entity, record: RunRecord): Target => {
  if (record.target !== undefined) return record.target;
  const made = pipelineRequest(entity.manifest.resource.spec);
  if ('request' in made) return made.request.target;
  throw new Fault('COMPONENT_TERMINAL', made.problems.join('; '), { retry: 'never' });
};

export const createFollower = (parts: Parts) => {
  const { settings, api, now, report } = parts;
  const watch = createRunWatch(parts);

  /** undefined: Azure does not know the run. */
  const look = async ({ call }: Work, target: Target, adfRunId: string): Promise<JsonObject | undefined> => {
    try {
      return await api.getRun(target, adfRunId, call);
    } catch (error) {
      if (apiStatusOf(error) !== undefined && isNotThere(error)) return undefined;
      throw error;
    }
  };

  /** What is to be said of it while the run goes on; '' when it was accepted. What the run is then, the next look tells. */
  const cancel = async (work: Work, target: Target, adfRunId: string): Promise<string> => {
    try {
      await api.cancelRun(target, adfRunId, work.call);
      work.context.log.info({ adfRunId }, 'pipeline run cancelled');
      return '';
    } catch (error) {
      if (!isFault(error) || work.call.signal.aborted) throw error;
      if (apiStatusOf(error) !== undefined && isNotThere(error)) return '';
      work.context.log.warn({ adfRunId, err: error }, 'cancel was not accepted');
      return `the cancel was not accepted, and is sent again: ${error.message}`;
    }
  };

  /** Azure may need a moment to list a new run; after that, a run it does not know is beyond reach (history is kept 45 days). */
  const onUnknown = async (work: Work, record: RunRecord & { readonly adfRunId: string }, target: Target) => {
    const { entity } = work;
    const { id, adfRunId, intent } = record;
    const knownForMs = now() - Date.parse(intent?.at ?? timestamp(0));
    const isDeleting = entity.deletionRequestedAt !== undefined;
    if (knownForMs < settings.searchGraceMs) {
      const early = `run ${adfRunId} was started a moment ago and is not to be seen yet`;
      await report(
        runUpdate(
          entity,
          { id, state: record.state, externalId: adfRunId },
          {
            status: isDeleting ? 'deleting' : 'active',
            properties: recordProperties(target, intent),
            conditions: [notReady('NotSeenYet', early), reconciling('NotSeenYet', early)],
          },
        ),
      );
      return { requeueAfterMs: settings.pollIntervalMs };
    }
    const message = `Data Factory does not know run ${adfRunId} (any more): its end was not seen`;
    await report(
      runUpdate(
        entity,
        { id, state: 'failed', externalId: adfRunId, finishedAt: timestamp(now()), message },
        { status: isDeleting ? 'deleting' : 'active', properties: recordProperties(target, intent) },
      ),
    );
    return AT_ONCE;
  };

  const conditionsWhile = (
    run: JsonObject,
    isDeleting: boolean,
    note: string,
  ): readonly ReportedCondition[] | undefined => {
    if (hasEnded(stateOf(run)) || (!isDeleting && note === '')) return undefined;
    const reason = note === '' ? 'Deleting' : 'CancelRefused';
    const message = note === '' ? 'the pipeline run is being cancelled' : note;
    return [notReady(reason, message), reconciling(reason, message)];
  };

  const follow = async (work: Work, step: Extract<Step, { kind: 'follow' }>): Promise<ReconcileResult> => {
    const { entity, call, context } = work;
    const { record, cancel: isToEnd, isInTheWay } = step;
    const { adfRunId } = record;
    const target = targetOf(entity, record);
    const isQuiet = !isToEnd && (await watch.isUnchanged(work, target, adfRunId));
    if (isQuiet) return { requeueAfterMs: settings.pollIntervalMs };
    const readMs = now();
    let run = await look(work, target, adfRunId);
    let note = '';
    if (run !== undefined && isToEnd && !hasEnded(stateOf(run)) && !isCanceling(run)) {
      note = await cancel(work, target, adfRunId);
      run = await look(work, target, adfRunId);
    }
    if (run === undefined) return onUnknown(work, record, target);
    const state = stateOf(run);
    if (!hasEnded(state) && !isToEnd && watch.sawAgain(target, adfRunId, run, entity.sequence, readMs)) {
      return { requeueAfterMs: settings.pollIntervalMs };
    }
    const sinceMs = Date.parse(record.intent?.since ?? '') || now() - 45 * DAY_MS;
    const activities =
      state === 'pending' ? [] : await api.activityRuns(target, adfRunId, updatedSince(sinceMs - DAY_MS, now()), call);
    const observed = observe(record.id, run, activities);
    const isDeleting = entity.deletionRequestedAt !== undefined;
    const conditions = conditionsWhile(run, isDeleting, note) ?? conditionsOf(observed.run);
    await report(
      runUpdate(
        entity,
        { ...observed.run, externalId: adfRunId },
        {
          status: isDeleting ? 'deleting' : 'active',
          properties: recordProperties(target, record.intent, observed.metadata),
          conditions,
        },
      ),
    );
    if (!hasEnded(state)) return { requeueAfterMs: settings.pollIntervalMs };
    watch.forget(target, adfRunId);
    context.log.info({ adfRunId, state }, 'pipeline run ended');
    return isInTheWay ? AT_ONCE : {};
  };

  return {
    follow: (work: Work, step: Extract<Step, { kind: 'follow' }>): Promise<ReconcileResult> =>
      patiently(
        follow(work, step).catch((error: unknown) => {
          // The status may speak of the failure: the next look says how things are, changed or not.
          watch.forget(targetOf(work.entity, step.record), step.record.adfRunId);
          throw error;
        }),
      ),
  };
};
