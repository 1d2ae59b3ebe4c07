// One resource of type hightouch is a model, a sync and one wanted run after another. Each reconcile takes the step that plan.ts names and
// says when to look again; what is known is in the status, so any process can go on from there.

import {
  isJsonObject,
  notReady,
  ready,
  type EntityStatus,
  type OController,
  type ReconcileContext,
  type Reconciler,
  type ReconcileRequest,
  type ReconcileResult,
  type StatusUpdate,
} from '../../sdk/index.ts';
import { isRefusal, patiently, type Hightouch } from './client.ts';
import { ensure } from './ensure.ts';
import { createLedger } from './ledger.ts';
import { AT_ONCE, runUpdate, timestamp, type Parts, type Work } from './parts.ts';
import { lookOnly, nextStep, type Step } from './plan.ts';
import { hightouchRequest } from './request.ts';
import { ensuredIn, hasEnded, RECORDED, recordProperties, runRecord } from './run-record.ts';
import { cancelUnsupported, isKnownStatus, observe, stateOf } from './run-status.ts';
import { createRemover, syncsOf } from './removal.ts';
import { createStarter } from './start-run.ts';
import type { HightouchSettings } from './settings.ts';

export type ReconcilerOptions = {
  readonly settings: HightouchSettings;
  readonly api: Hightouch;
  /** Milliseconds since the epoch. Default: the system's clock. */
  readonly now?: () => number;
};

const createFollower = ({ settings, api, ledger, now, report }: Parts) => {
  const follow = async (
    work: Work,
    { record, cancelRequested, isInTheWay }: Extract<Step, { kind: 'follow' }>,
  ): Promise<ReconcileResult> => {
    const { entity, call, context, ensured } = work;
    const { id, externalRunId, intent } = record;
    ledger.claim(externalRunId, entity.key);
    const run = await api.run(intent.syncId, externalRunId, call);
    const properties = (syncRun?: Parameters<typeof recordProperties>[2]) => recordProperties(ensured, intent, syncRun);
    if (run === undefined) {
      const missingMs = now() - ledger.missingSinceMs(entity.key, externalRunId, now());
      if (missingMs < settings.searchGraceMs) return { requeueAfterMs: settings.pollIntervalMs };
      const message = `Hightouch does not know run ${externalRunId} (any more): its end was not seen`;
      const lost = {
        id,
        state: 'failed',
        externalId: externalRunId,
        finishedAt: timestamp(now()),
        message,
      } as const;
      await report(
        runUpdate(entity, lost, {
          status: 'active',
          properties: properties(),
          conditions: [notReady('RunLost', message)],
        }),
      );
      return AT_ONCE;
    }
    ledger.seen(entity.key);
    const state = stateOf(run, settings.warningIs);
    if (!isKnownStatus(run))
      context.log.warn({ externalRunId, runStatus: String(run['status']) }, 'run status not known, polling on');
    const observed = observe(id, intent.syncId, run, settings.warningIs);
    const conditions = cancelRequested ? [...observed.conditions, cancelUnsupported] : observed.conditions;
    await report(
      runUpdate(entity, observed.run, { status: 'active', properties: properties(observed.metadata), conditions }),
    );
    if (!hasEnded(state)) return { requeueAfterMs: settings.pollIntervalMs };
    context.log.info({ externalRunId, state }, 'sync run ended');
    return isInTheWay ? AT_ONCE : {};
  };
  return (work: Work, step: Extract<Step, { kind: 'follow' }>) => patiently(follow(work, step));
};

export const createHightouchReconciler = ({ settings, api, now = Date.now }: ReconcilerOptions): Reconciler => {
  let controller: OController | undefined;
  const inUse = (): OController => {
    if (controller !== undefined) return controller;
    throw new TypeError('init was not called before reconcile');
  };
  const ledger = createLedger(now);
  const parts: Parts = { settings, api, ledger, now, report: (update) => inUse().updateEntityStatus(update) };
  const starter = createStarter(parts);
  const follow = createFollower(parts);
  const remove = createRemover(parts, (key, type) => inUse().getEntity(key, type));

  /** The same again, for the resource as it is now, and without what was said of failures since. */
  const settled = ({ entity }: Work, status: EntityStatus | undefined): StatusUpdate => {
    const run = status?.uid === entity.uid ? status.run : undefined;
    if (run === undefined)
      return { key: entity.key, status: 'active', conditions: [ready('NoRunWanted', 'no run is wanted')] };
    const { properties = {}, conditions = [] } = status ?? {};
    const isRefused = run.state === 'failed' && run.externalId === undefined;
    const ofRun = conditions.filter(({ reason }) => reason !== 'ReconcileFailed');
    const kept = ofRun.map(({ type, status: is, reason, message }) => ({ type, status: is, reason, message }));
    return runUpdate(entity, run, { status: isRefused ? 'error' : 'active', properties, conditions: kept });
  };

  /**
   * Brings the model and the sync back to the spec, when it is time to look; the status with what is there now. Only a refusal is thrown:
   * a run that has ended is not reported worse because Hightouch did not answer.
   */
  const withoutDrift = async (
    { entity, ensured, call, context }: Work,
    status: EntityStatus | undefined,
  ): Promise<EntityStatus | undefined> => {
    const made = hightouchRequest(entity.manifest.resource.spec);
    const isDue = ensured !== undefined && ledger.isDriftCheckDue(entity.key, settings.driftIntervalMs, now());
    if (!isDue || status === undefined || 'problems' in made) return status;
    try {
      const { ensured: found, changed } = await ensure(api, made.request, call);
      ledger.driftChecked(entity.key, now());
      if (changed.length === 0) return status;
      context.log.warn({ key: entity.key, changed }, 'model and sync brought back to what is described');
      return { ...status, properties: { ...status.properties, ...recordProperties(found, undefined) } };
    } catch (error) {
      if (isRefusal(error)) throw error;
      ledger.driftChecked(entity.key, now());
      context.log.warn({ key: entity.key, err: error }, 'model and sync not compared with what is described');
      return status;
    }
  };

  const carryOut = async (work: Work, step: Step, status: EntityStatus | undefined): Promise<ReconcileResult> => {
    switch (step.kind) {
      case 'start':
        return starter.start(work, step.runId);
      case 'find':
        return starter.findOrStart(work, step.intent, step.onMissing);
      case 'call-off':
        await starter.callOff(work, step.runId);
        return {};
      case 'follow':
        return follow(work, step);
      case 'idle':
        await parts.report(settled(work, status));
        return {};
      case 'settled':
        await parts.report(settled(work, await withoutDrift(work, status)));
        return {};
      case 'suspended': {
        const message = `run ${step.runId} is not started while the resource is suspended; resume it`;
        const properties = status?.uid === work.entity.uid ? status.properties : {};
        const conditions = [notReady('Suspended', message)];
        await parts.report({ key: work.entity.key, status: 'pending', runtime: 'pending', properties, conditions });
        return {};
      }
      case 'gone':
        return remove(work, status);
    }
  };

  const prepare = async ({ key, type }: ReconcileRequest, context: ReconcileContext) => {
    const entity = await inUse().getEntity(key, type);
    if (entity === undefined) {
      ledger.use(key, []);
      return undefined;
    }
    const status = await inUse().getEntityStatus(key, type);
    ledger.inTerm(context.fence);
    const record = runRecord(status, entity.uid);
    if (record?.externalRunId !== undefined) ledger.claim(record.externalRunId, key);
    const known = status?.uid === entity.uid && isJsonObject(status.properties) ? status.properties : {};
    const { signal, traceparent, fetch } = context;
    const call = { signal, fetch, ...(traceparent === undefined ? {} : { traceparent }) };
    const ensured = ensuredIn(known);
    if (entity.deletionRequestedAt === undefined) ledger.use(key, syncsOf(entity, ensured, record));
    return { work: { entity, record, ensured, context, call }, status };
  };

  return {
    id: () => 'hightouch',
    recorded: RECORDED,
    init: (given) => {
      controller = given;
    },
    reconcile: async (request, context) => {
      const prepared = await prepare(request, context);
      if (prepared === undefined) return {};
      const { work, status } = prepared;
      const step = nextStep(work.entity, work.record);
      context.log.debug({ step: step.kind, runId: work.entity.run?.id }, 'next step');
      return carryOut(work, step, status);
    },
    observe: async (request, context) => {
      const prepared = await prepare(request, context);
      const step = prepared === undefined ? undefined : lookOnly(prepared.work.entity, prepared.work.record);
      return prepared === undefined || step === undefined ? {} : follow(prepared.work, step);
    },
  };
};
