// The reconciler of a resource type that is described in its operator's manifest: first the object, then the run that is wanted. The
// manifest decides what is asked of the API; here is only the order.

import { hasEnded, notReady, ready, type Reconciler, type ReconcileResult } from '../../sdk/index.ts';
import type { Definition } from './definition.ts';
import type { Removed } from './object-remove.ts';
import { createObjectStep } from './object-step.ts';
import { RECORDED, recordOf } from './record.ts';
import type { RestClient } from './rest-client.ts';
import { createRunStep } from './run-step.ts';
import { isRunDone, tell, type Parts, type Report, type Waiting, type Work } from './work.ts';

export const createHttpReconciler = (options: {
  readonly definition: Definition;
  readonly client: RestClient;
  readonly now?: () => number;
}): Reconciler => {
  const { definition, client, now = Date.now } = options;
  const { http, pollIntervalMs } = definition;
  const parts: Parts = { definition, client, now };
  const object = http.object === undefined ? undefined : createObjectStep(parts, http.object);
  const runs = http.run === undefined && http.actions === undefined ? undefined : createRunStep(parts, http);

  const isRunActive = ({ record }: Work): boolean =>
    record.run !== undefined && record.run.externalId !== undefined && !hasEnded(record.run.state);

  /** Under way, or nobody knows whether it was started. */
  const mayBeRunning = (work: Work): boolean => {
    const { intent } = work.record;
    return isRunActive(work) || (intent !== undefined && intent.what === work.entity.run?.id);
  };

  const wait = async ({ work, report, afterMs }: Waiting): Promise<ReconcileResult> => {
    await tell(work, report);
    return { requeueAfterMs: afterMs };
  };

  const gone = async (work: Work, { left, objectId }: Removed): Promise<void> => {
    const { record } = work;
    const goesOn = `run ${record.run?.externalId ?? ''} goes on: the manifest has no "cancel"`;
    const message = [left, isRunActive(work) ? goesOn : ''].filter((one) => one !== '').join('; ');
    const conditions = [notReady('Deleted', message === '' ? 'nothing of it is left' : message)];
    const change = { what: 'Deleted', message } as const;
    const known = objectId === undefined ? {} : { record: { objectId } };
    const said = message === '' ? {} : { message };
    await tell(work, { status: 'deleted', conditions, change, ...known, ...said });
  };

  const remove = async (work: Work): Promise<ReconcileResult> => {
    if (runs?.canCancel(work) === true && mayBeRunning(work)) {
      const result = await runs.step(work, { status: 'deleting' });
      return { requeueAfterMs: result.requeueAfterMs ?? 0 };
    }
    const removed: Removed | Waiting = object === undefined ? { kind: 'removed', left: '' } : await object.remove(work);
    if (removed.kind === 'wait') return wait(removed);
    await gone(work, removed);
    return {};
  };

  type Look = { readonly work: Work; readonly base: Report; readonly againAfterMs?: number };
  const observe = async (work: Work): Promise<Look | Waiting> => {
    if (object === undefined) return { work, base: { status: 'active' } };
    const ensured = await object.ensure(work);
    if (ensured.kind === 'wait') return ensured;
    const { record, status, message, properties, further, againAfterMs } = ensured;
    const isMade = work.record.intent?.what === 'object';
    const base = {
      ...{ status, properties, record, withdraw: isMade },
      ...(further === undefined ? {} : { further }),
      ...(message === '' ? {} : { message }),
    };
    return { work: { ...work, record }, base, ...(againAfterMs === undefined ? {} : { againAfterMs }) };
  };

  /** What is said of an object that is as it is wanted, after its run has ended. */
  const settled = ({ record, status }: Work): Partial<Report> =>
    record.run?.state === 'failed'
      ? { status: 'error', conditions: [notReady('RunFailed', status?.run?.message ?? 'the run failed')] }
      : { conditions: [ready('Synchronized')] };

  const reconcileWanted = async (given: Work): Promise<ReconcileResult> => {
    const look = await observe(given);
    if ('kind' in look) return wait(look);
    const { work, base, againAfterMs } = look;
    const { entity } = work;
    if (runs !== undefined && !isRunDone(work) && base.status === 'active') {
      if (!entity.suspended || isRunActive(work)) return runs.step(work, base);
      const conditions = [notReady('Suspended', 'no run is started while the resource is suspended; resume it')];
      await tell(work, { ...base, status: 'pending', conditions });
      return {};
    }
    await tell(work, { ...base, ...(base.status === 'active' ? settled(work) : {}) });
    if (base.status === 'pending') return { requeueAfterMs: pollIntervalMs };
    return againAfterMs === undefined ? {} : { requeueAfterMs: againAfterMs };
  };

  return {
    id: () => `http/${definition.operator}/${definition.type}`,
    recorded: RECORDED,
    reconcile: async ({ key, type }, context) => {
      const { controller } = context;
      const entity = await controller.getEntity(key, type);
      if (entity === undefined) return {};
      const status = await controller.getEntityStatus(key, type);
      runs?.learn(status, context);
      const work: Work = { entity, status, record: recordOf(status, entity), context };
      object?.learn(work);
      return entity.deletionRequestedAt === undefined ? reconcileWanted(work) : remove(work);
    },
  };
};
