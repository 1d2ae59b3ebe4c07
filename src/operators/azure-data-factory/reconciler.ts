// One resource of type pipeline-run is one wanted run after another, never two at once. Each reconcile takes the step that plan.ts
// names (start-run.ts, follow-run.ts) and says when to look again; what is known is in the status, so any process can go on from there.

import {
  notReady,
  ready,
  type EntityStatus,
  type OController,
  type ReconcileContext,
  type Reconciler,
  type ReconcileRequest,
  type ReconcileResult,
  type ReportedCondition,
  type StatusUpdate,
} from '../../sdk/index.ts';
import type { DataFactory } from './client.ts';
import { createFollower } from './follow-run.ts';
import { createLedger } from './ledger.ts';
import { lifecycleOf, runUpdate, type Work } from './parts.ts';
import { lookOnly, nextStep, type Step } from './plan.ts';
import { hasEnded, RECORDED, runRecord } from './run-record.ts';
import { UNCONFIRMED } from './run-status.ts';
import { createStarter } from './start-run.ts';
import type { AdfSettings } from './settings.ts';

export type ReconcilerOptions = {
  readonly settings: AdfSettings;
  readonly api: DataFactory;
  /** Milliseconds since the epoch. Default: the system's clock. */
  readonly now?: () => number;
};

/** What was reported of this very resource, not of an earlier one of its name. */
const known = ({ entity }: Work, status: EntityStatus | undefined): EntityStatus | undefined =>
  status?.uid === entity.uid ? status : undefined;

const idleUpdate = ({ entity }: Work): StatusUpdate => ({
  key: entity.key,
  status: 'active',
  conditions: [ready('NoRunWanted', 'no run is wanted')],
});

/** What was said when the start of the last run was not confirmed; undefined: that was not so. */
const unconfirmedIn = (work: Work, status: EntityStatus | undefined): readonly ReportedCondition[] | undefined => {
  const said = known(work, status)?.conditions.filter(({ reason }) => reason === UNCONFIRMED) ?? [];
  return said.length === 0
    ? undefined
    : said.map(({ type, status: is, reason, message }) => ({ type, status: is, reason, message }));
};

/** The same again, for the resource as it is now, and without what was said of failures since. */
const settledUpdate = (work: Work, status: EntityStatus | undefined): StatusUpdate => {
  const run = known(work, status)?.run;
  if (run === undefined) return idleUpdate(work);
  const conditions = unconfirmedIn(work, status);
  return runUpdate(work.entity, run, {
    ...{ status: lifecycleOf(run), properties: status?.properties ?? {} },
    ...(conditions === undefined ? {} : { conditions }),
  });
};

const suspendedUpdate = (work: Work, runId: string, status: EntityStatus | undefined): StatusUpdate => {
  const conditions = [notReady('Suspended', `run ${runId} is not started while the resource is suspended; resume it`)];
  const run = known(work, status)?.run;
  if (run === undefined || !hasEnded(run.state))
    return { key: work.entity.key, status: 'pending', runtime: 'pending', conditions };
  return runUpdate(work.entity, run, { status: lifecycleOf(run), properties: status?.properties ?? {}, conditions });
};

const goneUpdate = (work: Work, status: EntityStatus | undefined): StatusUpdate => {
  const run = known(work, status)?.run;
  const message = unconfirmedIn(work, status) === undefined ? 'nothing of it runs any more' : (run?.message ?? '');
  const said = { conditions: [notReady('Deleted', message)], change: { what: 'Deleted', message } } as const;
  if (run === undefined || !hasEnded(run.state)) return { key: work.entity.key, status: 'deleted', ...said };
  return runUpdate(work.entity, run, { status: 'deleted', properties: status?.properties ?? {}, ...said });
};

export const createAdfReconciler = ({ settings, api, now = Date.now }: ReconcilerOptions): Reconciler => {
  let controller: OController | undefined;
  const inUse = (): OController => {
    if (controller !== undefined) return controller;
    throw new TypeError('init was not called before reconcile');
  };
  const ledger = createLedger(now);
  const parts = { settings, api, ledger, now, report: (update: StatusUpdate) => inUse().updateEntityStatus(update) };
  const starter = createStarter(parts);
  const follower = createFollower(parts);

  const carryOut = async (work: Work, step: Step, status: EntityStatus | undefined): Promise<ReconcileResult> => {
    switch (step.kind) {
      case 'start':
        return starter.start(work, step.runId);
      case 'find':
        return starter.findOrStart(work, step.record, step.onMissing);
      case 'call-off':
        await starter.callOff(work, step.runId);
        return {};
      case 'follow':
        return follower.follow(work, step);
      case 'idle':
        await parts.report(idleUpdate(work));
        return {};
      case 'settled':
        await parts.report(settledUpdate(work, status));
        return {};
      case 'suspended':
        await parts.report(suspendedUpdate(work, step.runId, status));
        return {};
      case 'gone':
        await parts.report(goneUpdate(work, status));
        return {};
    }
  };

  const prepare = async ({ key, type }: ReconcileRequest, context: ReconcileContext) => {
    const entity = await inUse().getEntity(key, type);
    if (entity === undefined) return undefined;
    const status = await inUse().getEntityStatus(key, type);
    ledger.inTerm(context.fence);
    const record = runRecord(status, entity.uid);
    if (record?.adfRunId !== undefined) ledger.claim(record.adfRunId, key);
    const { signal, traceparent, fetch, fence } = context;
    const call = { signal, fetch, fence, ...(traceparent === undefined ? {} : { traceparent }) };
    return { work: { entity, record, context, call }, status };
  };

  return {
    id: () => 'azure-data-factory',
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
      return prepared === undefined || step === undefined ? {} : follower.follow(prepared.work, step);
    },
  };
};
