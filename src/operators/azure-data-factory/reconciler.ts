// One resource of type pipeline-run is one wanted run after another, never two at once. What Data Factory can do, for the SDK's "runs that are
// started once": createRun has no idempotency key, so a start without an answer is looked for (run-search.ts) instead of made again. A run is
// looked for where it was started, whatever the spec says by now.

import {
  createOnce,
  Fault,
  isNotThere,
  type FollowStep,
  type JsonObject,
  type Reconciler,
  type Seen,
} from '../../sdk/index.ts';
import { apiStatusOf, isRefused } from './api-fault.ts';
import { updatedSince, type DataFactory } from './client.ts';
import { pipelineRequest, type Target } from './pipeline-request.ts';
import { keptOf, readIntent, sentOf, targetIn, type Intent, type Work } from './run-record.ts';
import { createRunSearch } from './run-search.ts';
import { conditionsOf, isCanceling, NOUN, observe, stateOf } from './run-status.ts';
import { createRunWatch } from './run-watch.ts';
import type { AdfSettings } from './settings.ts';

export type ReconcilerOptions = {
  readonly settings: AdfSettings;
  readonly api: DataFactory;
  /** Milliseconds since the epoch. Default: the system's clock. */
  readonly now?: () => number;
};

const DAY_MS = 86_400_000;
/** So long Azure keeps the history of runs. */
const HISTORY_MS = 45 * DAY_MS;

const targetOf = ({ target, entity }: Work): Target => {
  if (target !== undefined) return target;
  const made = pipelineRequest(entity.manifest.resource.spec);
  if ('request' in made) return made.request.target;
  throw new Fault('COMPONENT_TERMINAL', made.problems.join('; '), { retry: 'never' });
};

export const createAdfReconciler = ({ settings, api, now = Date.now }: ReconcilerOptions): Reconciler => {
  const { correlationParameter, searchGraceMs, pollIntervalMs, requestTimeoutMs } = settings;
  const watch = createRunWatch({ settings, api, now });

  const look = async (work: Work, { record, isToEnd }: FollowStep<Intent>): Promise<Seen | 'unchanged' | undefined> => {
    const { entity, call } = work;
    const { externalId, intent } = record;
    const target = targetOf(work);
    if (!isToEnd && (await watch.isUnchanged(work, target, externalId))) return 'unchanged';
    const readMs = now();
    let run: JsonObject;
    try {
      run = await api.getRun(target, externalId, call);
    } catch (error) {
      if (apiStatusOf(error) !== undefined && isNotThere(error)) return undefined;
      throw error;
    }
    const state = stateOf(run);
    const hasEnded = !['pending', 'inprogress'].includes(state);
    if (!hasEnded && !isToEnd && watch.sawAgain(target, externalId, run, entity.sequence, readMs)) return 'unchanged';
    const sinceMs = Date.parse(intent?.since ?? '') || now() - HISTORY_MS;
    return {
      ...{ state, isEnding: isCanceling(run) },
      describe: async () => {
        const updated = updatedSince(sinceMs - DAY_MS, now());
        const activities = state === 'pending' ? [] : await api.activityRuns(target, externalId, updated, call);
        const { run: observed, metadata } = observe(record.id, run, activities);
        return { run: observed, properties: metadata };
      },
    };
  };

  return createOnce<Intent, Work>({
    ...{ noun: NOUN, platform: 'Data Factory', pollIntervalMs, now, readIntent, keptOf, look },
    ...{ graceMs: searchGraceMs, settleMs: searchGraceMs, recorded: ['pipeline'], isRefusal: isRefused },
    work: (base) => {
      const { signal, traceparent, fetch, fence } = base.context;
      const call = { signal, fetch, fence, ...(traceparent === undefined ? {} : { traceparent }) };
      return { ...base, call, target: targetIn(base.status?.properties['pipeline']) };
    },

    prepare: async (work, runId) => {
      const correlation = correlationParameter === undefined ? {} : { [correlationParameter]: runId };
      const made = pipelineRequest(work.entity.manifest.resource.spec, correlation);
      if ('problems' in made)
        return { kind: 'refuse', work: { ...work, target: undefined }, message: made.problems.join('; ') };
      const { request } = made;
      // With wrong credentials nothing is intended.
      await api.ready(work.call);
      const intended = { ...work, request, target: request.target };
      return { kind: 'go', work: intended, intent: { sent: sentOf(request, correlationParameter) } };
    },
    start: (work, { runId }, timeoutMs) => {
      const target = targetOf(work);
      const { target: _target, ...options } = work.request ?? { target, isRecovery: false };
      const call = { ...work.call, requestId: runId };
      const within = Math.min(timeoutMs, requestTimeoutMs);
      return api.createRun(target, { pipelineName: target.pipelineName, ...options }, call, within);
    },
    alike: (work, { sent }) => JSON.stringify([targetOf(work), sent]),
    search: createRunSearch(api, targetOf),
    unconfirmed: (work, { at }) =>
      `createRun at ${at} was not confirmed, and factory ${targetOf(work).factoryName} is not there (any more) to look for its run: a run may be left there; look, then run it again`,

    cancel: (work, { record }) => api.cancelRun(targetOf(work), record.externalId, work.call),
    wasSeen: ({ status }) => status?.properties['pipelineRun'] !== undefined,
    forgetRun: (work, { record }) => watch.forget(targetOf(work), record.externalId),

    properties: (work, { kind, intent, properties = {}, unseenSince }) => ({
      ...(kind === 'called-off' || work.target === undefined ? {} : { pipeline: work.target }),
      ...properties,
      ...(intent === undefined ? {} : { intent: intent as JsonObject }),
      ...(unseenSince === undefined ? {} : { unseenSince }),
    }),
    change: (work, what, externalId) => ({
      what,
      message: `run ${externalId} of pipeline ${targetOf(work).pipelineName}`,
    }),
    say: (_work, { kind, run }, update) => (kind === 'lost' ? { ...update, conditions: conditionsOf(run) } : update),
  }).reconciler('azure-data-factory');
};
