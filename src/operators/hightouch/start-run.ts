// Starting a run once. A trigger has no idempotency key, so the intent is reported (durable, fenced by the status stream) before the call;
// while a run has an intent and no id at Hightouch, it may have been started, and `findOrStart` looks for it instead of starting it.
//
// An intent names the runs of the sync that were there before it. What is found later, was not there and is followed by nobody is the run,
// for as long as only this operator starts runs of the sync: runs carry nothing of ours. A run that a schedule or a person starts
// within the grace after a lost answer can be taken for it; then ours is not followed, and still none is started twice. The
// intent holds for HIGHTOUCH_RUN_SEARCH_GRACE: half for the trigger to be answered or given up, half for Hightouch to list the run.
//
// A trigger while a run of the sync waits starts none: it is answered with the one that waits. The intent names those too, and when nothing
// new has come by the end of the grace, the one that waited is taken: it began after the intent, with the sync as it was wanted.

import {
  CLOCK_TOLERANCE_MS,
  Fault,
  isFault,
  isNotThere,
  leftToSettleMs,
  outcomeOf,
  patiently,
  type ExternalChange,
  type JsonObject,
  type ReconcileResult,
} from '../../sdk/index.ts';
import { isRefusal, knownId } from './client.ts';
import type { Ensured, Known } from './ensure.ts';
import { byAge, type Id } from './ids.ts';
import { AT_ONCE, othersKnownMs, runUpdate, timestamp, type Parts, type Work } from './parts.ts';
import { hightouchRequest, type HightouchRequest, type TriggerRequest } from './request.ts';
import { recordProperties, type Intent } from './run-record.ts';
import { isQueued } from './run-status.ts';
import { createStartReports, waiting } from './start-reports.ts';

const MAX_LOOK_AGAIN_MS = 2000;
/** A run may wait as long as the one before it takes. */
const LONGEST_WAIT_MS = 6 * 3_600_000;

type OnMissing = 'start' | 'wait' | 'call-off';

export const createStarter = (parts: Parts) => {
  const { settings, api, ledger, now, report } = parts;
  const { searchGraceMs, pollIntervalMs, settleMs } = settings;
  const halfGraceMs = searchGraceMs / 2;

  const { sayWaiting, confirm, giveUp, refuse, callOff, retract } = createStartReports(parts);

  /** Of a sync that this resource made a moment ago, an answer "not there" is "not yet". undefined: it should be seen by now. */
  const settling = ({ known: { sync } }: Work, syncId: Id) => {
    const leftMs = sync?.id === syncId ? leftToSettleMs(sync.madeAt, settleMs, now()) : 0;
    if (sync === undefined || leftMs <= 0) return undefined;
    const message = `sync ${syncId} (${sync.slug}) was made at ${sync.madeAt ?? ''} and is not to be seen yet`;
    return { message, again: { requeueAfterMs: Math.min(pollIntervalMs, leftMs + 1) } };
  };

  const syncIdFor = async ({ call }: Work, { syncId, syncSlug }: TriggerRequest, ensured: Ensured): Promise<Id> => {
    if (syncId !== undefined) return syncId;
    if (syncSlug === undefined || syncSlug === ensured.sync.slug) return ensured.sync.id;
    const found = await api.find('syncs', syncSlug, call);
    if (found !== undefined) return knownId(found, `syncs/${syncSlug}`);
    const details = { status: 404, outcome: 'none' };
    throw new Fault('COMPONENT_TERMINAL', `spec.trigger.syncSlug: there is no sync ${syncSlug}`, {
      retry: 'never',
      details,
    });
  };

  const onTriggerFailed = async (work: Work, intent: Intent, error: unknown): Promise<ReconcileResult> => {
    if (!isFault(error)) throw error;
    const early = isNotThere(error) ? settling(work, intent.syncId) : undefined;
    if (early !== undefined) {
      await retract(work, intent, 'NotSeenYet', early.message);
      return early.again;
    }
    if (isRefusal(error)) return refuse(work, intent.runId, error.message);
    if (outcomeOf(error) === 'unknown') {
      work.context.log.warn(
        { runId: intent.runId, err: error },
        'nobody knows whether the run was started, looking for it',
      );
      return { requeueAfterMs: Math.min(500, pollIntervalMs) };
    }
    await retract(work, intent);
    throw error;
  };

  const trigger = async (work: Work, intent: Intent, flags: JsonObject): Promise<ReconcileResult> => {
    const leftMs = Date.parse(intent.at) + halfGraceMs - now();
    if (work.context.signal.aborted || leftMs <= 0) {
      await retract(work, intent);
      throw new Fault(
        'COMPONENT_RETRYABLE',
        'the run was not started: its intent took too long to record, or the component stops',
      );
    }
    let externalRunId: Id;
    try {
      externalRunId = await api.trigger(intent.syncId, flags, work.call, Math.min(leftMs, settings.requestTimeoutMs));
    } catch (error) {
      return onTriggerFailed(work, intent, error);
    }
    work.context.log.info({ runId: intent.runId, externalRunId, syncId: intent.syncId }, 'sync run started');
    return confirm(work, intent, externalRunId);
  };

  /** `before`: the runs of the sync as they are now. Throws the Fault of a pause after 429. */
  const intentFor = ({ context, record }: Work, runId: string, syncId: Id, before: readonly JsonObject[]): Intent => {
    api.ready();
    const at = timestamp(now());
    const isAgain = record?.id === runId && record.intent?.runId === runId && record.intent.isWithdrawn !== true;
    const since = isAgain ? (record.intent?.since ?? at) : at;
    const searchedMs = api.earliest(Date.parse(since)) - 2 * CLOCK_TOLERANCE_MS - searchGraceMs;
    const idOfRun = (run: JsonObject): Id => knownId(run, `runs of sync ${syncId}`);
    const isSearched = (run: JsonObject): boolean => !(Date.parse(String(run['createdAt'])) < searchedMs);
    const earlierRunIds = before.filter(isSearched).map(idOfRun);
    const queuedRunIds = before.filter(isQueued).map(idOfRun);
    return { runId, syncId, at, since, fence: context.fence, earlierRunIds, queuedRunIds };
  };

  const intend = async (
    work: Work,
    runId: string,
    request: HightouchRequest,
    ensured: Ensured,
  ): Promise<ReconcileResult> => {
    const { call } = work;
    const syncId = await syncIdFor(work, request.trigger, ensured);
    if (request.sync.disabled && syncId === ensured.sync.id) {
      return refuse(work, runId, 'spec.sync.disabled is true: a disabled sync cannot run; set it to false');
    }
    if (!ledger.reserve(syncId, runId, work.entity.key)) return { requeueAfterMs: Math.min(500, pollIntervalMs) };
    let intent: Intent;
    try {
      const listed = await api.runsSince(syncId, now() - CLOCK_TOLERANCE_MS - LONGEST_WAIT_MS, call);
      const early = listed === undefined ? settling(work, syncId) : undefined;
      if (early !== undefined) {
        ledger.settle(runId);
        await sayWaiting(work, runId, recordProperties(ensured, undefined), 'NotSeenYet', early.message);
        return early.again;
      }
      // What is not there is refused by the trigger.
      intent = intentFor(work, runId, syncId, listed ?? []);
    } catch (error) {
      ledger.settle(runId);
      throw error;
    }
    await sayWaiting(work, runId, recordProperties(ensured, intent), 'Starting', 'the sync run is being started');
    return trigger(work, intent, request.trigger.flags);
  };

  const start = async (given: Work, runId: string): Promise<ReconcileResult> => {
    const { entity, call, record, known: before } = given;
    const made = hightouchRequest(entity.manifest.resource.spec);
    if ('problems' in made) return refuse(given, runId, made.problems.join('; '));
    let work = given;
    const ensuring = waiting('Ensuring', 'the model and the sync are looked for');
    // Of a start that was not confirmed, the next intent is to go back to the first.
    const propertiesOf = (known: Known): JsonObject => ({
      ...recordProperties(known, record?.id === runId ? record.intent : undefined),
      ...(known.sync === undefined ? { isEnsuring: true } : {}),
    });
    const say = (known: Known, change?: ExternalChange): Promise<void> =>
      report(
        runUpdate(
          entity,
          { id: runId, state: 'pending' },
          {
            ...{ status: 'pending', properties: propertiesOf(known), conditions: ensuring },
            ...(change === undefined ? {} : { change }),
          },
        ),
      );
    if (before.sync === undefined) await say(before);
    try {
      const result = await parts.ensure({
        ...{ request: made.request, known: before, generation: entity.generation, call },
        tell: async (known, change) => {
          work = { ...work, known };
          await say(known, change);
        },
      });
      if (result.kind === 'unseen') {
        await sayWaiting(work, runId, propertiesOf(work.known), 'NotSeenYet', result.message);
        return { requeueAfterMs: Math.min(pollIntervalMs, result.leftMs + 1) };
      }
      work = { ...work, known: result.ensured };
      ledger.driftChecked(entity.key, now());
      return await intend(work, runId, made.request, result.ensured);
    } catch (error) {
      if (isRefusal(error)) return refuse(work, runId, error.message);
      throw error;
    }
  };

  const onNotFound = async (work: Work, intent: Intent, onMissing: OnMissing): Promise<ReconcileResult> => {
    const { call, context } = work;
    const { runId, syncId } = intent;
    const joined = onMissing === 'call-off' ? undefined : intent.queuedRunIds.at(-1);
    if (joined !== undefined && (await patiently(api.run(syncId, joined, call))) !== undefined) {
      context.log.warn({ runId, externalRunId: joined }, 'the run that waited at the time of the trigger is taken');
      return confirm(work, intent, joined);
    }
    context.log.info({ runId, onMissing }, 'the intended run was not started');
    if (onMissing === 'start') return start(work, runId);
    if (onMissing === 'wait') await retract(work, intent);
    else await callOff(work, runId);
    return AT_ONCE;
  };

  const findOrStart = async (work: Work, intent: Intent, onMissing: OnMissing): Promise<ReconcileResult> => {
    const { entity, call, context } = work;
    const { runId, syncId } = intent;
    const answered = ledger.answerFor(runId);
    if (answered !== undefined) return confirm(work, intent, answered);
    const isAlone = ledger.reserve(syncId, runId, entity.key);
    const lookedAtMs = now();
    const runs = await patiently(api.runsSince(syncId, Date.parse(intent.since), call));
    const candidates = (runs ?? [])
      .map((run) => knownId(run, `runs of sync ${syncId}`))
      .filter((id) => !intent.earlierRunIds.includes(id) && !ledger.isClaimedByOther(id, entity.key))
      .toSorted(byAge);
    const [first] = candidates;
    const areClaimsKnown = context.fence === intent.fence || now() >= othersKnownMs(parts);
    if (first !== undefined && isAlone && areClaimsKnown) {
      context.log.warn(
        { runId, externalRunId: first, candidates: candidates.length },
        'sync run found that was started before, taken over',
      );
      return confirm(work, intent, first);
    }
    const leftMs = Date.parse(intent.at) + searchGraceMs - lookedAtMs;
    if (runs === undefined && leftMs <= 0) {
      const message = `the trigger at ${intent.at} was not confirmed, and sync ${syncId} is not there (any more) to look for its run: a run may be left at Hightouch; look there, then run it again`;
      return giveUp(work, runId, 'StartUnconfirmed', message);
    }
    if (first === undefined && leftMs <= 0) return onNotFound(work, intent, onMissing);
    await sayWaiting(
      work,
      runId,
      recordProperties(work.known, intent),
      'ConfirmingStart',
      'looking for the sync run, which may have been started',
    );
    const lookAgainMs = Math.min(MAX_LOOK_AGAIN_MS, pollIntervalMs);
    return { requeueAfterMs: leftMs > 0 ? Math.min(lookAgainMs, leftMs + 1) : lookAgainMs };
  };

  return { start, findOrStart, callOff };
};
