// Runs that are started once, as a reconciler: `createOnce(...)` takes what an API can do, and gives a reconciler whose resources are one wanted
// run after another, never two at once. Each reconcile takes the step that plan.ts names and says when to look again; what is known is in the
// status, so any process can go on from there. An operator that has more than runs calls the steps itself.

import type { Log } from '../../engine/ports/log.ts';
import { isFailureReason } from '../../messages/entity.ts';
import { notReady, ready } from '../conditions.ts';
import type { ExternalChange } from '../external-change.ts';
import type {
  ReconcileContext,
  Reconciler,
  ReconcileRequest,
  ReconcileResult,
  ReportedCondition,
  StatusUpdate,
} from '../types.ts';
import { createOnceFollower } from './follow.ts';
import { hasEnded, readRunRecord, RECORDED_RUN } from './intent.ts';
import { createLedger, ownerOf, type Ledger } from './ledger.ts';
import { partsOf, runUpdate } from './parts.ts';
import { lookOnly, nextStep, type Step } from './plan.ts';
import { conditionsOfRun, UNCONFIRMED } from './run-words.ts';
import { createStarter } from './start.ts';
import type { FollowStep, Intent, OnceOptions, OnceWork, OnMissing } from './types.ts';

export type Once<TIntent extends Intent, TWork extends OnceWork<TIntent>> = {
  readonly ledger: Ledger;
  start(work: TWork, runId: string): Promise<ReconcileResult>;
  find(work: TWork, intent: TIntent, onMissing: OnMissing): Promise<ReconcileResult>;
  callOff(work: TWork, runId: string): Promise<ReconcileResult>;
  follow(work: TWork, step: FollowStep<TIntent>): Promise<ReconcileResult>;
  /** What was last reported of a run that has ended, or that none is wanted, for the resource as it is now. */
  settledUpdate(work: TWork, change?: ExternalChange): StatusUpdate;
  /** A whole reconciler, for resources that are runs. `id`: its name for logs and metrics. */
  reconciler(id: string): Reconciler;
};

const isOfSdk = ({ type }: Pick<ReportedCondition, 'type'>): boolean => type === 'LastChange' || type === 'Suspended';

/** `graceMs` of the ledger: of options whose grace depends on the run, the others get ten seconds. */
const LONG_MS = 60_000;

export const createOnce = <TIntent extends Intent = Intent, TWork extends OnceWork<TIntent> = OnceWork<TIntent>>(
  options: OnceOptions<TIntent, TWork>,
): Once<TIntent, TWork> => {
  const { now = Date.now, graceMs } = options;
  const ledger = options.ledger ?? createLedger({ now, graceMs: typeof graceMs === 'number' ? graceMs : LONG_MS });
  const parts = partsOf(options, ledger);
  const { noun } = parts;
  const starter = createStarter(parts);
  const follow = createOnceFollower(parts);
  const plan = { canCancel: options.cancel !== undefined };

  /** Of the run that ended, as it was said, without what was said of failures since. */
  const settledConditions = ({ status }: TWork): readonly ReportedCondition[] => {
    const said = (status?.conditions ?? []).filter((one) => !isOfSdk(one));
    const kept = said.map(({ type, status: is, reason, message }) => ({ type, status: is, reason, message }));
    if (status?.run === undefined || !kept.some(({ reason }) => isFailureReason(reason))) return kept;
    const others = kept.filter(({ type }) => !['Ready', 'Stalled', 'Reconciling'].includes(type));
    return [...conditionsOfRun(noun, status.run), ...others];
  };

  const settledUpdate = (work: TWork, change?: ExternalChange): StatusUpdate => {
    const { entity, status } = work;
    const run = status?.run;
    if (run === undefined)
      return { key: entity.key, status: 'active', conditions: [ready('NoRunWanted', 'no run is wanted')] };
    const isRefused = run.state === 'failed' && run.externalId === undefined;
    return runUpdate(entity, run, {
      ...{ status: isRefused ? 'error' : 'active', properties: status?.properties ?? {} },
      ...{ conditions: settledConditions(work), ...(change === undefined ? {} : { change }) },
    });
  };

  const suspendedUpdate = ({ entity, status }: TWork, runId: string): StatusUpdate => {
    const message = `run ${runId} is not started while the resource is suspended; resume it`;
    const conditions = [notReady('Suspended', message)];
    const properties = status?.properties ?? {};
    const run = status?.run;
    if (run !== undefined && hasEnded(run.state))
      return runUpdate(entity, run, { status: 'active', properties, conditions });
    return { key: entity.key, status: 'pending', runtime: 'pending', properties, conditions };
  };

  const leftText = ({ status, record }: TWork): string => {
    if (status?.conditions.some(({ reason }) => reason === UNCONFIRMED) === true) return status.run?.message ?? '';
    if (record?.intent === undefined || hasEnded(record.state) || record.intent.isWithdrawn === true)
      return 'nothing of it runs any more';
    const { platform } = options;
    return `run ${record.externalId ?? '(not confirmed)'} may still be under way: ${platform}'s API cannot cancel it`;
  };

  const goneUpdate = (work: TWork): StatusUpdate => {
    const { entity, status } = work;
    const run = status?.run;
    const message = leftText(work);
    const said = { conditions: [notReady('Deleted', message)], change: { what: 'Deleted', message } } as const;
    if (run === undefined || !hasEnded(run.state)) return { key: entity.key, status: 'deleted', ...said };
    return runUpdate(entity, run, { status: 'deleted', properties: status?.properties ?? {}, ...said });
  };

  const carryOut = async (work: TWork, step: Step<TIntent>): Promise<ReconcileResult> => {
    const report = async (update: StatusUpdate): Promise<ReconcileResult> => {
      await work.context.controller.updateEntityStatus(update);
      return {};
    };
    switch (step.kind) {
      case 'start':
        return starter.start(work, step.runId);
      case 'find':
        return starter.find(work, step.intent, step.onMissing);
      case 'call-off':
        await starter.callOff(work, step.runId);
        return {};
      case 'follow':
        return follow(work, step);
      case 'idle':
        return report(settledUpdate(work));
      case 'settled':
        return report(settledUpdate((await options.settled?.(work)) ?? work));
      case 'suspended':
        return report(suspendedUpdate(work, step.runId));
      case 'gone':
        return options.remove === undefined ? report(goneUpdate(work)) : options.remove(work);
    }
  };

  const prepare = async ({ key, type }: ReconcileRequest, context: ReconcileContext): Promise<TWork | undefined> => {
    const { controller, fence } = context;
    const entity = await controller.getEntity(key, type);
    if (entity === undefined) {
      options.forget?.(key);
      return undefined;
    }
    const last = await controller.getEntityStatus(key, type);
    ledger.inTerm(fence);
    if (last?.run?.externalId !== undefined) ledger.claim(last.run.externalId, ownerOf(last));
    const status = last?.uid === entity.uid ? last : undefined;
    const own = (intent: Intent, stored: Parameters<NonNullable<typeof options.readIntent>>[1]) =>
      options.readIntent === undefined ? (intent as TIntent) : options.readIntent(intent, stored);
    const work = { entity, status, record: readRunRecord(status, entity.uid, own), context };
    return options.work === undefined ? (work as TWork) : options.work(work);
  };

  const logStep = (log: Log, step: string, runId: string | undefined): void => log.debug({ step, runId }, 'next step');

  return {
    ...{ ...starter, ledger, follow, settledUpdate },
    reconciler: (id) => ({
      id: () => id,
      recorded: [...RECORDED_RUN, ...(options.recorded ?? [])],
      reconcile: async (request, context) => {
        const work = await prepare(request, context);
        if (work === undefined) return {};
        const step = nextStep(work.entity, work.record, plan);
        logStep(context.log, step.kind, work.entity.run?.id);
        return carryOut(work, step);
      },
      observe: async (request, context) => {
        const work = await prepare(request, context);
        const step = work === undefined ? undefined : lookOnly(work.entity, work.record);
        return work === undefined || step === undefined ? {} : follow(work, step);
      },
    }),
  };
};
