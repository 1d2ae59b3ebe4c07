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
  notReady,
  outcomeOf,
  reconciling,
  stalled,
  type JsonObject,
  type ReconcileResult,
} from '../../sdk/index.ts';
import { isRefusal, knownId, patiently } from './client.ts';
import { ensure, type Ensured } from './ensure.ts';
import { byAge, type Id } from './ids.ts';
import { AT_ONCE, othersKnownMs, runUpdate, timestamp, type Parts, type Work } from './parts.ts';
import { hightouchRequest, type HightouchRequest, type TriggerRequest } from './request.ts';
import { recordProperties, settledIntent, type Intent } from './run-record.ts';
import { conditionsOf, isQueued } from './run-status.ts';

const MAX_LOOK_AGAIN_MS = 2000;
/** A run may wait as long as the one before it takes. */
const LONGEST_WAIT_MS = 6 * 3_600_000;

const waiting = (reason: string, message: string) => [notReady(reason, message), reconciling(reason, message)];

type OnMissing = 'start' | 'wait' | 'call-off';

export const createStarter = (parts: Parts) => {
  const { settings, api, ledger, now, report } = parts;
  const { searchGraceMs, pollIntervalMs } = settings;
  const halfGraceMs = searchGraceMs / 2;

  const sayWaiting = ({ entity }: Work, runId: string, properties: JsonObject, reason: string, message: string) =>
    report(
      runUpdate(
        entity,
        { id: runId, state: 'pending' },
        { status: 'pending', properties, conditions: waiting(reason, message) },
      ),
    );

  const confirm = async ({ entity, ensured }: Work, intent: Intent, externalRunId: Id): Promise<ReconcileResult> => {
    ledger.claim(externalRunId, entity.key);
    ledger.keepAnswer(intent.runId, externalRunId);
    const run = { id: intent.runId, state: 'pending', externalId: externalRunId } as const;
    const properties = recordProperties(ensured, settledIntent(intent));
    await report(runUpdate(entity, run, { status: 'active', properties, conditions: conditionsOf(run) }));
    ledger.settle(intent.runId);
    return { requeueAfterMs: Math.min(pollIntervalMs, 1000) };
  };

  /** The run will not be started, and it takes a change or a new run to try again. */
  const refuse = async ({ entity, ensured }: Work, runId: string, message: string): Promise<ReconcileResult> => {
    ledger.settle(runId);
    const run = { id: runId, state: 'failed', finishedAt: timestamp(now()), message } as const;
    const conditions = [notReady('StartRefused', message), stalled('StartRefused', message)];
    await report(
      runUpdate(entity, run, { status: 'error', properties: recordProperties(ensured, undefined), conditions }),
    );
    return {};
  };

  /** Ends a run that was never started. */
  const callOff = async ({ entity, ensured }: Work, runId: string): Promise<ReconcileResult> => {
    ledger.settle(runId);
    const run = {
      id: runId,
      state: 'cancelled',
      finishedAt: timestamp(now()),
      message: 'called off before it was started',
    } as const;
    await report(
      runUpdate(entity, run, {
        status: 'active',
        properties: recordProperties(ensured, undefined),
        conditions: conditionsOf(run),
      }),
    );
    return AT_ONCE;
  };

  /** The trigger certainly started nothing: the next try need not look for anything. */
  const retract = async (work: Work, intent: Intent): Promise<void> => {
    const properties = recordProperties(work.ensured, { ...settledIntent(intent), isWithdrawn: true });
    await sayWaiting(work, intent.runId, properties, 'StartDelayed', 'the sync run is not started yet');
    ledger.settle(intent.runId);
  };

  const syncIdFor = async ({ call }: Work, { syncId, syncSlug }: TriggerRequest, ensured: Ensured): Promise<Id> => {
    if (syncId !== undefined) return syncId;
    if (syncSlug === undefined || syncSlug === ensured.syncSlug) return ensured.syncId;
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

  const intend = async (
    work: Work,
    runId: string,
    request: HightouchRequest,
    ensured: Ensured,
  ): Promise<ReconcileResult> => {
    const { call, context, record } = work;
    const syncId = await syncIdFor(work, request.trigger, ensured);
    if (request.sync.disabled && syncId === ensured.syncId) {
      return refuse(work, runId, 'spec.sync.disabled is true: a disabled sync cannot run; set it to false');
    }
    if (!ledger.reserve(syncId, runId)) return { requeueAfterMs: Math.min(500, pollIntervalMs) };
    let intent: Intent;
    try {
      const before = await api.runsSince(syncId, now() - CLOCK_TOLERANCE_MS - LONGEST_WAIT_MS, call);
      api.ready();
      const at = timestamp(now());
      const isAgain = record?.id === runId && record.intent?.runId === runId && record.intent.isWithdrawn !== true;
      const since = isAgain ? (record.intent?.since ?? at) : at;
      const searchedMs = api.earliest(Date.parse(since)) - 2 * CLOCK_TOLERANCE_MS - searchGraceMs;
      const idOfRun = (run: JsonObject): Id => knownId(run, `runs of sync ${syncId}`);
      const isSearched = (run: JsonObject): boolean => !(Date.parse(String(run['createdAt'])) < searchedMs);
      const earlierRunIds = before.filter(isSearched).map(idOfRun);
      const queuedRunIds = before.filter(isQueued).map(idOfRun);
      intent = { runId, syncId, at, since, fence: context.fence, earlierRunIds, queuedRunIds };
    } catch (error) {
      ledger.settle(runId);
      throw error;
    }
    await sayWaiting(work, runId, recordProperties(ensured, intent), 'Starting', 'the sync run is being started');
    return trigger(work, intent, request.trigger.flags);
  };

  const tell = ({ entity, context, ensured: known }: Work, ensured: Ensured, changed: readonly string[]): void => {
    const facts = { key: entity.key, modelId: ensured.modelId, syncId: ensured.syncId };
    if (changed.length > 0) context.log.info({ ...facts, changed }, 'model and sync made or updated');
    else if (known === undefined) context.log.info(facts, 'model and sync taken over as they were');
  };

  const start = async (work: Work, runId: string): Promise<ReconcileResult> => {
    const made = hightouchRequest(work.entity.manifest.resource.spec);
    if ('problems' in made) return refuse(work, runId, made.problems.join('; '));
    if (work.ensured === undefined) {
      await sayWaiting(work, runId, { isEnsuring: true }, 'Ensuring', 'the model and the sync are looked for');
    }
    try {
      const { ensured, changed } = await ensure(api, made.request, work.call);
      tell(work, ensured, changed);
      ledger.driftChecked(work.entity.key, now());
      return await intend({ ...work, ensured }, runId, made.request, ensured);
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
    const isAlone = ledger.reserve(syncId, runId);
    const lookedAtMs = now();
    const runs = await patiently(api.runsSince(syncId, Date.parse(intent.since), call));
    const candidates = runs
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
    if (first === undefined && leftMs <= 0) return onNotFound(work, intent, onMissing);
    await sayWaiting(
      work,
      runId,
      recordProperties(work.ensured, intent),
      'ConfirmingStart',
      'looking for the sync run, which may have been started',
    );
    const lookAgainMs = Math.min(MAX_LOOK_AGAIN_MS, pollIntervalMs);
    return { requeueAfterMs: leftMs > 0 ? Math.min(lookAgainMs, leftMs + 1) : lookAgainMs };
  };

  return { start, findOrStart, callOff };
};
