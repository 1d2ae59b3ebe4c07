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
import { isRefusal, type Hightouch } from './client.ts';
import { createEnsure, type Known } from './ensure.ts';
import { createFollower } from './follow-run.ts';
import { createLedger } from './ledger.ts';
import { runUpdate, type Parts, type Work } from './parts.ts';
import { lookOnly, nextStep, type Step } from './plan.ts';
import { hightouchRequest } from './request.ts';
import { knownIn, RECORDED, recordProperties, runRecord } from './run-record.ts';
import { createRemover, syncsOf } from './removal.ts';
import { createStarter } from './start-run.ts';
import type { HightouchSettings } from './settings.ts';

export type ReconcilerOptions = {
  readonly settings: HightouchSettings;
  readonly api: Hightouch;
  /** Milliseconds since the epoch. Default: the system's clock. */
  readonly now?: () => number;
};

export const createHightouchReconciler = ({ settings, api, now = Date.now }: ReconcilerOptions): Reconciler => {
  let controller: OController | undefined;
  const inUse = (): OController => {
    if (controller !== undefined) return controller;
    throw new TypeError('init was not called before reconcile');
  };
  const ledger = createLedger(now);
  const parts: Parts = {
    ...{ settings, api, ledger, now },
    ensure: createEnsure({ api, settleMs: settings.settleMs, secrets: [settings.apiKey], now }),
    report: (update) => inUse().updateEntityStatus(update),
  };
  const starter = createStarter(parts);
  const follow = createFollower(parts);
  const { ensure } = parts;
  const remove = createRemover(parts, (key, type) => inUse().getEntity(key, type));

  /** The same again, for the resource as it is now, and without what was said of failures since. */
  const settled = ({ entity }: Work, status: EntityStatus | undefined): StatusUpdate => {
    const run = status?.uid === entity.uid ? status.run : undefined;
    if (run === undefined)
      return { key: entity.key, status: 'active', conditions: [ready('NoRunWanted', 'no run is wanted')] };
    const { properties: before = {}, conditions = [] } = status ?? {};
    // A run that was started had the model and the sync brought to the spec first, and a change of the spec wants a new run.
    const isApplied = run.externalId !== undefined && before['appliedGeneration'] !== undefined;
    const properties = isApplied ? { ...before, appliedGeneration: entity.generation } : before;
    const isRefused = run.state === 'failed' && run.externalId === undefined;
    const ofRun = conditions.filter(({ reason }) => reason !== 'ReconcileFailed');
    const kept = ofRun.map(({ type, status: is, reason, message }) => ({ type, status: is, reason, message }));
    return runUpdate(entity, run, { status: isRefused ? 'error' : 'active', properties, conditions: kept });
  };

  /**
   * Brings the model and the sync back to the spec, when it is time to look; the status with what is there now. Only a refusal is thrown:
   * a run that has ended is not reported worse because Hightouch did not answer.
   */
  const withoutDrift = async (work: Work, status: EntityStatus | undefined): Promise<EntityStatus | undefined> => {
    const { entity, known: reported, record, call, context } = work;
    const { key, generation } = entity;
    const made = hightouchRequest(entity.manifest.resource.spec);
    const isDue = reported.sync !== undefined && ledger.isDriftCheckDue(key, settings.driftIntervalMs, now());
    if (!isDue || status === undefined || 'problems' in made) return status;
    const known = record?.externalRunId === undefined ? reported : { ...reported, appliedGeneration: generation };
    const withKnown = (found: Known): EntityStatus => ({
      ...status,
      properties: { ...status.properties, ...recordProperties(found, undefined) },
    });
    let after = status;
    try {
      const result = await ensure({
        ...{ request: made.request, known, generation, call },
        tell: async (found, change) => {
          after = withKnown(found);
          await parts.report({ ...settled(work, after), change });
        },
      });
      ledger.driftChecked(key, now());
      return result.kind === 'unseen' || !result.isChanged ? after : withKnown(result.ensured);
    } catch (error) {
      if (isRefusal(error)) throw error;
      ledger.driftChecked(key, now());
      context.log.warn({ key, err: error }, 'model and sync not compared with what is described');
      return after;
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
      ledger.forget(key);
      return undefined;
    }
    const status = await inUse().getEntityStatus(key, type);
    ledger.inTerm(context.fence);
    const record = runRecord(status, entity.uid);
    if (record?.externalRunId !== undefined) ledger.claim(record.externalRunId, key);
    const known = knownIn(status?.uid === entity.uid && isJsonObject(status.properties) ? status.properties : {});
    const { signal, traceparent, fetch } = context;
    const call = { signal, fetch, ...(traceparent === undefined ? {} : { traceparent }) };
    if (entity.deletionRequestedAt === undefined) ledger.use(key, syncsOf(entity, known, record));
    return { work: { entity, record, known, context, call }, status };
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
