// Following a run that was started: look at it until it has ended, cancel it when that is wanted. Whatever the API answers meanwhile, the run may
// go on: a refusal (a key that was revoked for an hour) is asked again, a cancel that is refused does not stop the looking. A run that is not
// to be seen is waited for, said in the status, and then lost; it is never started again. The status says since when, so that a
// restart does not begin the wait anew.

import { isFault } from '../../core/fault.ts';
import { isNotThere, patiently } from '../http-call.ts';
import { leftToSettleMs } from '../settling.ts';
import type { ReconcileResult, ReportedCondition } from '../types.ts';
import { notReady } from '../conditions.ts';
import { hasEnded } from './intent.ts';
import { AT_ONCE, whileDeleting, type Parts } from './parts.ts';
import { conditionsOfRun, waitingFor } from './run-words.ts';
import type { FollowStep, Intent, OnceWork, Seen } from './types.ts';

const SETTLE_MS = 60_000;

export const createOnceFollower = <TIntent extends Intent, TWork extends OnceWork<TIntent>>(
  parts: Parts<TIntent, TWork>,
) => {
  const { options, noun, now, timestamp, say } = parts;
  const { pollIntervalMs, platform, settleMs = SETTLE_MS } = options;
  type Step = FollowStep<TIntent>;

  /** What is to be said of it while the run goes on; '' when it was accepted. What the run is then, the next look tells. */
  const cancel = async (work: TWork, step: Step): Promise<string> => {
    const { externalId } = step.record;
    const { log, signal } = work.context;
    try {
      await options.cancel?.(work, step);
      log.info({ externalId }, `${noun} cancelled`);
      return '';
    } catch (error) {
      if (!isFault(error) || signal.aborted) throw error;
      if (isNotThere(error)) return '';
      log.warn({ externalId, err: error }, 'cancel was not accepted');
      return `the cancel was not accepted, and is sent again: ${error.message}`;
    }
  };

  const lost = async (work: TWork, { record }: Step): Promise<ReconcileResult> => {
    const { id, externalId, intent } = record;
    const message = `${platform} does not know run ${externalId} (any more): its end was not seen`;
    await say(work, {
      ...{ kind: 'lost', status: whileDeleting(work.entity, 'active'), intent },
      run: { id, state: 'failed', externalId, finishedAt: timestamp(), message },
      conditions: [notReady('RunLost', message)],
    });
    return AT_ONCE;
  };

  const unseen = async (work: TWork, step: Step): Promise<ReconcileResult> => {
    const { id, externalId, intent, state, unseenSince = timestamp() } = step.record;
    const leftMs = leftToSettleMs(unseenSince, settleMs, now());
    if (leftMs <= 0) return lost(work, step);
    const wasSeen = options.wasSeen?.(work) ?? state !== 'pending';
    const message = wasSeen
      ? `run ${externalId} was seen, and is not to be seen since ${unseenSince}`
      : `run ${externalId} was started at ${intent?.at ?? 'a time that is not known'} and is not to be seen yet`;
    await say(work, {
      ...{ kind: 'unseen', status: whileDeleting(work.entity, 'active'), intent, unseenSince },
      ...{ run: { id, state, externalId }, conditions: waitingFor(wasSeen ? 'NotSeen' : 'NotSeenYet', message) },
    });
    return { requeueAfterMs: Math.min(pollIntervalMs, leftMs + 1) };
  };

  /** What is said of a run that goes on and is to end. undefined: nothing beside how it is. */
  const endingConditions = ({ entity }: TWork, note: string): readonly ReportedCondition[] | undefined => {
    if (note !== '') return waitingFor('CancelRefused', note);
    return entity.deletionRequestedAt === undefined
      ? undefined
      : waitingFor('Deleting', `the ${noun} is being cancelled`);
  };

  const unsupported = ({ cancelRequested }: Step): readonly ReportedCondition[] => {
    if (!cancelRequested || options.cancel !== undefined) return [];
    const message = `${platform}'s API cannot cancel a run; it is followed to its end (cancel it at ${platform}'s own pages)`;
    return [{ type: 'CancelUnsupported', status: 'True', reason: 'NoEndpoint', message }];
  };

  const tell = async (work: TWork, step: Step, seen: Seen, note: string): Promise<void> => {
    const { id, externalId, intent } = step.record;
    const described = { ...seen, ...(await seen.describe?.()) };
    const { state } = seen;
    const run = { externalId, ...described.run, id, state };
    const ending = hasEnded(state) ? undefined : endingConditions(work, note);
    const conditions = ending ?? described.conditions ?? conditionsOfRun(noun, run);
    await say(work, {
      ...{ kind: 'seen', status: whileDeleting(work.entity, 'active'), run, intent },
      conditions: [...conditions, ...unsupported(step)],
      properties: described.properties ?? {},
    });
  };

  const follow = async (work: TWork, step: Step): Promise<ReconcileResult> => {
    let seen = await options.look(work, step);
    let note = '';
    if (seen === 'unchanged') return { requeueAfterMs: pollIntervalMs };
    const isToBeCancelled = step.isToEnd && options.cancel !== undefined;
    if (seen !== undefined && isToBeCancelled && !hasEnded(seen.state) && seen.isEnding !== true) {
      note = await cancel(work, step);
      seen = await options.look(work, step);
    }
    if (seen === 'unchanged') return { requeueAfterMs: pollIntervalMs };
    if (seen === undefined) return unseen(work, step);
    await tell(work, step, seen, note);
    if (!hasEnded(seen.state)) return { requeueAfterMs: pollIntervalMs };
    options.forgetRun?.(work, step);
    work.context.log.info({ externalId: step.record.externalId, state: seen.state }, `${noun} ended`);
    return step.isInTheWay ? AT_ONCE : {};
  };

  return (work: TWork, step: Step): Promise<ReconcileResult> =>
    patiently(
      follow(work, step).catch((error: unknown) => {
        // The status may speak of the failure: the next look says how things are, changed or not.
        options.forgetRun?.(work, step);
        throw error;
      }),
    );
};
