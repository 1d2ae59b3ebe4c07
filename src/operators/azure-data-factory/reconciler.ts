// One resource of type pipeline-run is one wanted run after another. Each reconcile does one step (plan.ts) and says when to look again.
//
// createRun has no idempotency key, so the intent is reported before the call. When the answer is lost, or this program dies in between,
// the next reconcile looks for the run that may have started: with AZURE_RUN_CORRELATION_PARAMETER set, exactly (each run carries our
// run id); without it, the oldest run of that pipeline with these parameters, started since the intent, that no other resource
// here follows. In that second case two resources that start the same pipeline with the same parameters at the same moment, both
// unconfirmed, may swap their runs; none is started twice. What is not found within AZURE_RUN_SEARCH_GRACE was not started.

import {
  isFault,
  isJsonObject,
  notReady,
  ready,
  reconciling,
  stalled,
  type Entity,
  type JsonObject,
  type OController,
  type Reconciler,
  type ReconcileContext,
  type ReconcileResult,
  type StatusUpdate,
} from '../../sdk/index.ts';
import type { CallContext, DataFactory, Factory } from './client.ts';
import { isTerminal, nextStep, trackedIn, type Step, type Tracked } from './plan.ts';
import { hasParameters, messageOf, metadataOf, stateOf } from './run-status.ts';
import type { AdfSettings } from './settings.ts';

const CLOCK_SKEW_MS = 120_000;
const TOMORROW_MS = 24 * 3600 * 1000;

type Spec = {
  readonly factory: Factory;
  readonly pipelineName: string;
  readonly parameters: JsonObject;
  readonly referencePipelineRunId?: string;
  readonly startActivityName?: string;
  readonly startFromFailure?: boolean;
};

/** The schema has checked the types; null means absent (the seed's schema says nullable). */
export const specOf = (entity: Entity, runId: string, correlationParameter: string | undefined): Spec => {
  const { spec } = entity.manifest.resource;
  const text = (name: string): string | undefined => (typeof spec[name] === 'string' ? spec[name] : undefined);
  const reference = text('referencePipelineRunID');
  const activity = text('startActivityName');
  const own = isJsonObject(spec['parameters']) ? spec['parameters'] : {};
  return {
    factory: { resourceGroupName: text('resourceGroupName') ?? '', factoryName: text('factoryName') ?? '' },
    pipelineName: text('pipelineName') ?? '',
    parameters: correlationParameter === undefined ? own : { ...own, [correlationParameter]: runId },
    ...(reference === undefined ? {} : { referencePipelineRunId: reference }),
    ...(activity === undefined ? {} : { startActivityName: activity }),
    ...(typeof spec['startFromFailure'] === 'boolean' ? { startFromFailure: spec['startFromFailure'] } : {}),
  };
};

export const createReconciler = (options: {
  readonly settings: AdfSettings;
  readonly api: DataFactory;
  readonly now?: () => number;
}): Reconciler => {
  const { settings, api, now = Date.now } = options;
  /** Runs that a resource here follows, so that none is taken for another's. */
  const claimed = new Map<string, string>();
  let controller: OController;

  const timestamp = (atMs: number): string => new Date(atMs).toISOString();

  const report = (entity: Entity, update: Omit<StatusUpdate, 'key'>): Promise<void> =>
    controller.updateEntityStatus({ key: entity.key, ...update });

  const failStart = (entity: Entity, runId: string, message: string): Promise<void> =>
    report(entity, {
      status: 'error',
      runtime: 'failed',
      run: { id: runId, state: 'failed', finishedAt: timestamp(now()), message },
      message,
      conditions: [notReady('StartRefused', message), stalled('StartRefused', message)],
    });

  const confirm = async (entity: Entity, runId: string, adfRunId: string): Promise<ReconcileResult> => {
    claimed.set(adfRunId, entity.key);
    await report(entity, {
      status: 'active',
      runtime: 'pending',
      externalId: adfRunId,
      run: { id: runId, state: 'pending', externalId: adfRunId },
      conditions: [notReady('RunStarted', 'the run is queued'), reconciling('RunStarted', 'the run is queued')],
    });
    return { requeueAfterMs: Math.min(settings.pollIntervalMs, 500) };
  };

  const start = async (entity: Entity, runId: string, call: CallContext): Promise<ReconcileResult> => {
    const { factory, ...run } = specOf(entity, runId, settings.correlationParameter);
    await report(entity, {
      status: 'pending',
      runtime: 'pending',
      run: { id: runId, state: 'pending' },
      properties: { intentAt: timestamp(now()) },
      conditions: [
        notReady('Starting', 'the run is being started'),
        reconciling('Starting', 'the run is being started'),
      ],
    });
    try {
      return await confirm(entity, runId, await api.createRun(factory, run, { ...call, requestId: runId }));
    } catch (error) {
      const status = isFault(error, 'COMPONENT_TERMINAL') ? error.details['status'] : undefined;
      const isRefused = typeof status === 'number' && status >= 400 && status < 500 && status !== 401 && status !== 403;
      if (!isRefused || !isFault(error)) throw error;
      await failStart(entity, runId, error.message);
      return {};
    }
  };

  const find = async (
    entity: Entity,
    tracked: Tracked,
    mayStart: boolean,
    call: CallContext,
  ): Promise<ReconcileResult> => {
    const spec = specOf(entity, tracked.id, settings.correlationParameter);
    const intentMs = Date.parse(tracked.intentAt ?? '');
    const runs = await api.pipelineRuns(
      spec.factory,
      {
        pipelineName: spec.pipelineName,
        lastUpdatedAfter: timestamp(intentMs - CLOCK_SKEW_MS),
        lastUpdatedBefore: timestamp(now() + TOMORROW_MS),
      },
      call,
    );
    const isSince = (run: JsonObject): boolean => {
      const startedMs = Date.parse(String(run['runStart'] ?? run['lastUpdated'] ?? ''));
      return settings.correlationParameter !== undefined || Number.isNaN(startedMs) || startedMs >= intentMs - 1000;
    };
    const isFree = (run: JsonObject): boolean => (claimed.get(String(run['runId'])) ?? entity.key) === entity.key;
    const found = runs.find((run) => hasParameters(run, spec.parameters) && isSince(run) && isFree(run));
    if (found !== undefined) return confirm(entity, tracked.id, String(found['runId']));
    if (now() - intentMs < settings.searchGraceMs) return { requeueAfterMs: Math.min(1000, settings.searchGraceMs) };
    if (mayStart) return start(entity, tracked.id, call);
    return callOff(entity, tracked.id);
  };

  const callOff = async (entity: Entity, runId: string): Promise<ReconcileResult> => {
    await report(entity, {
      status: 'active',
      runtime: 'cancelled',
      run: { id: runId, state: 'cancelled', message: 'called off before it started' },
      conditions: [ready('RunCancelled', 'the run was called off before it started')],
    });
    return { requeueAfterMs: 0 };
  };

  const follow = async (
    entity: Entity,
    tracked: Tracked & { readonly adfRunId: string },
    cancel: boolean,
    call: CallContext,
  ): Promise<ReconcileResult> => {
    const { factory } = specOf(entity, tracked.id, undefined);
    const { adfRunId } = tracked;
    claimed.set(adfRunId, entity.key);
    let run = await api.getRun(factory, adfRunId, call);
    if (cancel && !isTerminal(stateOf(run)) && run['status'] !== 'Canceling') {
      await api.cancelRun(factory, adfRunId, call);
      run = await api.getRun(factory, adfRunId, call);
    }
    const state = stateOf(run);
    const since = Date.parse(String(run['runStart'] ?? '')) || now();
    const updated = {
      lastUpdatedAfter: timestamp(since - TOMORROW_MS),
      lastUpdatedBefore: timestamp(now() + TOMORROW_MS),
    };
    const activities = state === 'pending' ? [] : await api.activityRuns(factory, adfRunId, updated, call);
    const message = messageOf(run, activities);
    const text = (field: string): string | undefined => (typeof run[field] === 'string' ? run[field] : undefined);
    const [startedAt, finishedAt] = [text('runStart'), text('runEnd')];
    await report(entity, {
      status: state === 'failed' ? 'error' : 'active',
      runtime: state,
      externalId: adfRunId,
      run: {
        id: tracked.id,
        state,
        externalId: adfRunId,
        ...(startedAt === undefined ? {} : { startedAt }),
        ...(finishedAt === undefined ? {} : { finishedAt }),
        ...(message === '' ? {} : { message }),
      },
      ...(message === '' ? {} : { message }),
      properties: metadataOf(run, activities),
      conditions: conditionsOf(String(run['status']), state, message),
    });
    if (!isTerminal(state)) return { requeueAfterMs: settings.pollIntervalMs };
    claimed.delete(adfRunId);
    const isMoreWanted = entity.deletionRequestedAt !== undefined || entity.run?.id !== tracked.id;
    return isMoreWanted ? { requeueAfterMs: 0 } : {};
  };

  const carryOut = async (entity: Entity, step: Step, call: CallContext): Promise<ReconcileResult> => {
    switch (step.kind) {
      case 'settled':
        return {};
      case 'wait':
        await report(entity, {
          status: 'active',
          runtime: 'pending',
          conditions: [notReady('Suspended', 'resume it to start the run')],
        });
        return {};
      case 'call-off':
        return callOff(entity, step.runId);
      case 'start':
        return start(entity, step.runId, call);
      case 'find':
        return find(entity, step.tracked, step.mayStart, call);
      case 'follow':
        return follow(entity, step.tracked, step.cancel, call);
      case 'gone':
        await report(entity, { status: 'deleted' });
        return {};
    }
  };

  return {
    id: () => 'azure-data-factory',
    init: (given) => {
      controller = given;
    },
    reconcile: async ({ key, type }, context: ReconcileContext): Promise<ReconcileResult> => {
      const entity = await controller.getEntity(key, type);
      if (entity === undefined) return {};
      const status = await controller.getEntityStatus(key, type);
      const step = nextStep(entity, trackedIn(status, entity.uid));
      context.log.debug({ key, step: step.kind }, 'step');
      const call = {
        signal: context.signal,
        ...(context.traceparent === undefined ? {} : { traceparent: context.traceparent }),
      };
      return carryOut(entity, step, call);
    },
  };
};

const conditionsOf = (word: string, state: ReturnType<typeof stateOf>, message: string) => {
  switch (state) {
    case 'succeeded':
      return [ready('RunSucceeded', 'the run has succeeded')];
    case 'cancelled':
      return [ready('RunCancelled', 'the run was cancelled')];
    case 'failed':
      return [notReady('RunFailed', message), stalled('RunFailed', message)];
    case 'pending':
    case 'inprogress':
      return [notReady(`Run${word}`, `the run is ${word}`), reconciling(`Run${word}`, `the run is ${word}`)];
  }
};
