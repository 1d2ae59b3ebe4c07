// Starting a run once. An API without idempotency keys starts a second run when it is asked again, so the intent is reported (durable, fenced by
// the status stream) before the call; while a run has an intent and no external id, it may have been started, and `find` looks for it
// instead of starting it.
//
// An intent holds for the grace: in its first half the start is called and answered or given up, the second half is for the API to list the run
// and for clocks that differ. Only a look after the whole of it that finds nothing starts the run again. So a component that was
// killed, fenced off or cut off anywhere in between neither starts a second run nor loses the first. What remains: a process that the system
// stops for longer than half the grace between its last look at the clock and the sending, and an API that lists a run later than
// the other half.

import { Fault, isFault } from '../../core/fault.ts';
import { outcomeOf, patiently } from '../http-call.ts';
import type { ReconcileResult } from '../types.ts';
import { nextIntent } from './intent.ts';
import { AT_ONCE, isOver, whileDeleting, type Parts } from './parts.ts';
import { isRefusal as isRefusedForGood } from './refused.ts';
import { conditionsOfRun, failedAs, UNCONFIRMED, waitingFor } from './run-words.ts';
import type { Found, Intent, OnceWork, OnMissing, Prepared, Said } from './types.ts';

const MAX_LOOK_AGAIN_MS = 2000;
const SOON_MS = 500;
const SETTLED_MS = 1000;

export const createStarter = <TIntent extends Intent, TWork extends OnceWork<TIntent>>(
  parts: Parts<TIntent, TWork>,
) => {
  const { options, noun, ledger, now, timestamp, owner, keptOf, say } = parts;
  const { pollIntervalMs, isRefusal = isRefusedForGood } = options;
  const graceOf = (work: TWork, intent: TIntent): number =>
    typeof options.graceMs === 'number' ? options.graceMs : options.graceMs(work, intent);
  const alikeOf = (work: TWork, intent: TIntent): string => options.alike?.(work, intent) ?? '';

  type Waiting = Pick<Said<TIntent>, 'kind' | 'intent'> & { readonly reason: string; readonly message: string };
  const sayWaiting = (work: TWork, runId: string, { kind, intent, reason, message }: Waiting) =>
    say(work, {
      ...{ kind, intent, status: whileDeleting(work.entity, 'pending') },
      ...{ run: { id: runId, state: 'pending' }, conditions: waitingFor(reason, message) },
    });

  /** `externalId` undefined: the run has none, and has ended with the answer. */
  const confirm = async (
    work: TWork,
    intent: TIntent,
    what: 'Created' | 'Adopted',
    externalId: string | undefined,
  ): Promise<ReconcileResult> => {
    const { runId } = intent;
    const run =
      externalId === undefined
        ? ({ id: runId, state: 'succeeded', finishedAt: timestamp() } as const)
        : ({ id: runId, state: 'pending', externalId } as const);
    const told = { what, message: `${noun} ${externalId ?? runId}` } as const;
    const change = options.change === undefined ? told : options.change(work, what, externalId ?? runId);
    if (externalId !== undefined) {
      ledger.claim(externalId, owner(work));
      ledger.keepAnswer(runId, externalId);
    }
    const reported = await say(work, {
      ...{ kind: 'started', status: whileDeleting(work.entity, 'active'), run, intent: keptOf(intent) },
      ...{ conditions: conditionsOfRun(noun, run), ...(change === undefined ? {} : { change }) },
    });
    ledger.settle(runId);
    return isOver(reported) ? {} : { requeueAfterMs: Math.min(pollIntervalMs, SETTLED_MS) };
  };

  /** A run has ended without being started: a deletion, or a newer run, may wait for that. */
  const whatWaits = ({ entity }: TWork, runId: string): ReconcileResult =>
    entity.deletionRequestedAt === undefined && entity.run?.id === runId ? {} : AT_ONCE;

  /** The run is given up, and it takes a change or a new run to try again. */
  const fail = async (
    work: TWork,
    runId: string,
    kind: 'refused' | 'unconfirmed',
    message: string,
  ): Promise<ReconcileResult> => {
    ledger.settle(runId);
    await say(work, {
      ...{ kind, status: whileDeleting(work.entity, 'error'), intent: parts.withdrawn(work, runId) },
      run: { id: runId, state: 'failed', finishedAt: timestamp(), message },
      conditions: failedAs(kind === 'refused' ? 'StartRefused' : UNCONFIRMED, message),
    });
    return whatWaits(work, runId);
  };

  /** Ends a run that was never started. */
  const callOff = async (work: TWork, runId: string): Promise<ReconcileResult> => {
    ledger.settle(runId);
    const message = 'called off before it was started';
    const run = { id: runId, state: 'cancelled', finishedAt: timestamp(), message } as const;
    await say(work, {
      ...{ kind: 'called-off', status: whileDeleting(work.entity, 'active'), run },
      ...{ intent: parts.withdrawn(work, runId), conditions: conditionsOfRun(noun, run) },
    });
    return whatWaits(work, runId);
  };

  /** Certainly nothing was started: the next try need not look for anything. */
  const retract = async (
    work: TWork,
    intent: TIntent,
    reason = 'StartDelayed',
    message = `the ${noun} is not started yet`,
  ): Promise<void> => {
    const withdrawn: TIntent = { ...keptOf(intent), isWithdrawn: true };
    await sayWaiting(work, intent.runId, { kind: 'delayed', intent: withdrawn, reason, message });
    ledger.settle(intent.runId);
  };

  const onStartFailed = async (work: TWork, intent: TIntent, error: unknown): Promise<ReconcileResult> => {
    if (!isFault(error)) throw error;
    const early = options.notYet?.(work, intent, error);
    if (early !== undefined) {
      await retract(work, intent, 'NotSeenYet', early.message);
      return { requeueAfterMs: early.afterMs };
    }
    if (outcomeOf(error) === 'unknown') {
      // Somebody has to mend what reads the answer; the intent says meanwhile that there may be a run.
      if (error.retry === 'never') throw error;
      work.context.log.warn(
        { runId: intent.runId, err: error },
        'nobody knows whether the run was started, looking for it',
      );
      const afterMs = typeof error.retry === 'object' ? error.retry.afterMs : 0;
      return { requeueAfterMs: Math.max(afterMs, Math.min(SOON_MS, pollIntervalMs)) };
    }
    if (isRefusal(error)) return fail(work, intent.runId, 'refused', error.message);
    await retract(work, intent);
    throw error;
  };

  const call = async (work: TWork, intent: TIntent): Promise<ReconcileResult> => {
    const { log, signal } = work.context;
    const { runId } = intent;
    const leftMs = Date.parse(intent.at) + graceOf(work, intent) / 2 - now();
    if (signal.aborted || leftMs <= 0) {
      await retract(work, intent);
      throw new Fault(
        'COMPONENT_RETRYABLE',
        'the run was not started: its intent took too long to record, or the component stops',
      );
    }
    let externalId: string | undefined;
    try {
      externalId = await ledger.whileStarting(alikeOf(work, intent), async () => {
        const id = await options.start(work, intent, leftMs);
        if (id !== undefined) ledger.claim(id, owner(work));
        return id;
      });
    } catch (error) {
      return onStartFailed(work, intent, error);
    }
    log.info({ runId, externalId }, `${noun} started`);
    return confirm(work, intent, 'Created', externalId);
  };

  const prepare = async (work: TWork, runId: string): Promise<Prepared<TIntent, TWork>> => {
    try {
      return (await options.prepare?.(work, runId)) ?? { kind: 'go', work };
    } catch (error) {
      ledger.settle(runId);
      throw error;
    }
  };

  const start = async (given: TWork, runId: string): Promise<ReconcileResult> => {
    const prepared = await prepare(given, runId);
    if (prepared.kind === 'later') return { requeueAfterMs: prepared.afterMs };
    const { work } = prepared;
    if (prepared.kind === 'refuse') return fail(work, runId, 'refused', prepared.message);
    const { record, context } = work;
    if (prepared.kind === 'wait') {
      const { reason, message, afterMs } = prepared;
      ledger.settle(runId);
      // Of a start that was not confirmed, the next intent is to go back to the first.
      const intent = record?.id === runId ? record.intent : undefined;
      await sayWaiting(work, runId, { kind: 'waiting', intent, reason, message });
      return { requeueAfterMs: afterMs };
    }
    const intent = { ...nextIntent(runId, timestamp(), context.fence, record), ...prepared.intent } as TIntent;
    const message = `the ${noun} is being started`;
    await sayWaiting(work, runId, { kind: 'intended', intent, reason: 'Starting', message });
    return call(work, intent);
  };

  type Taken = string | { readonly afterMs: number } | undefined;
  /** The run, or when to look again; undefined: there is none. A run that only looks right is taken when nobody else can say any more that it is theirs. */
  const take = async (work: TWork, intent: TIntent, found: Exclude<Found, string>): Promise<Taken> => {
    const [first] = found.ids;
    if (first === undefined || found.isCertain === true) return first;
    if (found.mayTake === false) return { afterMs: MAX_LOOK_AGAIN_MS };
    const afterMs = ledger.adoptableAfterMs(intent.runId);
    if (afterMs > 0) return { afterMs };
    // One of them may be what another is being told of at this moment.
    await ledger.startsEnded(alikeOf(work, intent));
    return found.ids.find((id) => ledger.take(id, owner(work))) ?? { afterMs: MAX_LOOK_AGAIN_MS };
  };

  const giveUp = async (work: TWork, intent: TIntent, onMissing: OnMissing): Promise<ReconcileResult> => {
    const { runId } = intent;
    work.context.log.info({ runId, onMissing }, 'the intended run was not started');
    if (onMissing === 'start') return start(work, runId);
    if (onMissing === 'call-off') return callOff(work, runId);
    await retract(work, intent);
    return AT_ONCE;
  };

  const search = async (work: TWork, intent: TIntent, isLast: boolean, onMissing: OnMissing): Promise<Found> => {
    const isFree = (id: string): boolean => !intent.earlierRunIds.includes(id) && ledger.isFree(id, owner(work));
    const found = await options.search?.(work, intent, { isFree, isLast, onMissing });
    if (found === undefined || typeof found === 'string') return found ?? 'unsearchable';
    return found.isCertain === true ? found : { ...found, ids: found.ids.filter(isFree) };
  };

  const adopt = (work: TWork, intent: TIntent, externalId: string, found: Found): Promise<ReconcileResult> => {
    const candidates = typeof found === 'string' ? 0 : found.ids.length;
    const facts = { runId: intent.runId, externalId, candidates };
    work.context.log.warn(facts, `${noun} found that was started before, taken over`);
    return confirm(work, intent, 'Adopted', externalId);
  };

  /** Nobody can tell what became of the start: another one could be a second run. */
  const unconfirmed = (work: TWork, intent: TIntent): Promise<ReconcileResult> => {
    const standard = `the start at ${intent.at} was not confirmed, and its ${noun} cannot be looked for: it may be left at ${options.platform}; look there, then run it again`;
    return fail(work, intent.runId, 'unconfirmed', options.unconfirmed?.(work, intent) ?? standard);
  };

  const lookAgain = async (
    work: TWork,
    intent: TIntent,
    leftMs: number,
    afterMs = MAX_LOOK_AGAIN_MS,
  ): Promise<ReconcileResult> => {
    const message = `looking for the ${noun}, which may have been started`;
    await sayWaiting(work, intent.runId, { kind: 'looking', intent, reason: 'ConfirmingStart', message });
    const againMs = Math.min(MAX_LOOK_AGAIN_MS, pollIntervalMs, afterMs);
    return { requeueAfterMs: leftMs > 0 ? Math.min(againMs, leftMs + 1) : againMs };
  };

  const find = async (work: TWork, intent: TIntent, onMissing: OnMissing): Promise<ReconcileResult> => {
    const answered = ledger.answerFor(intent.runId);
    if (answered !== undefined) return confirm(work, intent, 'Created', answered);
    const leftMs = Date.parse(intent.at) + graceOf(work, intent) - now();
    const found = await patiently(search(work, intent, leftMs <= 0, onMissing));
    const taken = typeof found === 'string' ? undefined : await take(work, intent, found);
    if (typeof taken === 'string') return adopt(work, intent, taken, found);
    const isOpen = taken !== undefined || leftMs > 0;
    if (found === 'unsearchable' || (found === 'absent' && !isOpen)) return unconfirmed(work, intent);
    return isOpen ? lookAgain(work, intent, leftMs, taken?.afterMs) : giveUp(work, intent, onMissing);
  };

  return { start, find, callOff };
};
