// Following a run that Hightouch has told us of: look at it until it has ended. One that is not to be seen is waited for (HIGHTOUCH_SETTLE), said in the
// status, and then lost: it is never started again. The status says since when, so that a restart does not begin the wait anew.

import { leftToSettleMs, notReady, notSeenYet, patiently, reconciling, type ReconcileResult } from '../../sdk/index.ts';
import { AT_ONCE, runUpdate, timestamp, type Parts, type Work } from './parts.ts';
import type { Step } from './plan.ts';
import { hasEnded, recordProperties } from './run-record.ts';
import { cancelUnsupported, isKnownStatus, observe, stateOf } from './run-status.ts';

type Follow = Extract<Step, { kind: 'follow' }>;

export const createFollower = ({ settings, api, ledger, now, report }: Parts) => {
  const { pollIntervalMs, settleMs } = settings;

  const lost = async ({ entity, known }: Work, { record }: Follow): Promise<ReconcileResult> => {
    const { id, externalRunId, intent } = record;
    const message = `Hightouch does not know run ${externalRunId} (any more): its end was not seen`;
    await report(
      runUpdate(
        entity,
        { id, state: 'failed', externalId: externalRunId, finishedAt: timestamp(now()), message },
        {
          ...{ status: 'active', properties: recordProperties(known, intent) },
          conditions: [notReady('RunLost', message)],
        },
      ),
    );
    return AT_ONCE;
  };

  const unseen = async (work: Work, step: Follow): Promise<ReconcileResult> => {
    const { entity, known } = work;
    const { id, externalRunId, intent, state, syncRun, unseenSince = timestamp(now()) } = step.record;
    const leftMs = leftToSettleMs(unseenSince, settleMs, now());
    if (leftMs <= 0) return lost(work, step);
    const isNew = syncRun === undefined;
    const message = isNew
      ? `run ${externalRunId} was started at ${intent.at} and is not to be seen yet`
      : `run ${externalRunId} was seen, and is not to be seen since ${unseenSince}`;
    const properties = { ...recordProperties(known, intent, syncRun), unseenSince };
    const conditions = isNew ? notSeenYet(message) : [notReady('NotSeen', message), reconciling('NotSeen', message)];
    const run = { id, state, externalId: externalRunId };
    await report(runUpdate(entity, run, { status: 'active', properties, conditions }));
    return { requeueAfterMs: Math.min(pollIntervalMs, leftMs + 1) };
  };

  const follow = async (work: Work, step: Follow): Promise<ReconcileResult> => {
    const { entity, call, context, known } = work;
    const { record, cancelRequested, isInTheWay } = step;
    const { id, externalRunId, intent } = record;
    ledger.claim(externalRunId, entity.key);
    const run = await api.run(intent.syncId, externalRunId, call);
    if (run === undefined) return unseen(work, step);
    const state = stateOf(run, settings.warningIs);
    if (!isKnownStatus(run))
      context.log.warn({ externalRunId, runStatus: String(run['status']) }, 'run status not known, polling on');
    const observed = observe(id, intent.syncId, run, settings.warningIs);
    const conditions = cancelRequested ? [...observed.conditions, cancelUnsupported] : observed.conditions;
    const properties = recordProperties(known, intent, observed.metadata);
    await report(runUpdate(entity, observed.run, { status: 'active', properties, conditions }));
    if (!hasEnded(state)) return { requeueAfterMs: pollIntervalMs };
    context.log.info({ externalRunId, state }, 'sync run ended');
    return isInTheWay ? AT_ONCE : {};
  };

  return (work: Work, step: Follow): Promise<ReconcileResult> => patiently(follow(work, step));
};
