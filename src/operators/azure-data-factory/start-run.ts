// Starting a run once. createRun has no idempotency key, so the intent is reported (durable, fenced by the status stream) before the
// call; while a run has an intent and no ADF id, it may have been started, and `findOrStart` looks for it instead of starting it.
//
// An intent holds for AZURE_RUN_SEARCH_GRACE: in the first half createRun is sent and answered or given up, the second half is for
// Azure to list the run and for clocks that differ. Only a look after the whole of it that finds nothing starts the run again. So a
// component that was killed, fenced off or cut off anywhere in between neither starts a second run nor loses the first. What
// remains: a process that the system stops for longer than half the grace between its last look at the clock and the sending,
// Azure listing a run later than the other half, and, without a correlation parameter, what adoption.ts says.

import {
  Fault,
  isFault,
  notReady,
  outcomeOf,
  patiently,
  reconciling,
  stalled,
  type ChangeReason,
  type ReconcileResult,
} from '../../sdk/index.ts';
import { apiStatusOf } from './api-fault.ts';
import type { Match } from './adoption.ts';
import { AT_ONCE, runUpdate, timestamp, type Parts, type Work } from './parts.ts';
import { pipelineRequest, type PipelineRequest, type Target } from './pipeline-request.ts';
import type { OnMissing } from './plan.ts';
import {
  confirmedIntent,
  nextIntent,
  recordProperties,
  withdrawnIntent,
  type Intent,
  type RunRecord,
} from './run-record.ts';
import { createRunSearch } from './run-search.ts';
import { UNCONFIRMED } from './run-status.ts';

/** How long the other resources get to say which runs are theirs, in a process that has just begun. */
const CLAIMS_KNOWN_AFTER_MS = 10_000;
const MAX_LOOK_AGAIN_MS = 2000;

const waiting = (reason: string, message: string) => [notReady(reason, message), reconciling(reason, message)];

const likenessOf = (target: Target, sent: Intent['sent']): string => JSON.stringify([target, sent]);

export const createStarter = (parts: Parts) => {
  const { settings, api, ledger, now, report } = parts;
  const { correlationParameter, searchGraceMs, pollIntervalMs } = settings;
  const halfGraceMs = searchGraceMs / 2;
  const search = createRunSearch(parts);

  const confirm = async (
    { entity }: Work,
    what: Extract<ChangeReason, 'Created' | 'Adopted'>,
    adfRunId: string,
    target: Target,
    intent: Intent,
  ): Promise<ReconcileResult> => {
    const { runId } = intent;
    const change = { what, message: `run ${adfRunId} of pipeline ${target.pipelineName}` };
    ledger.claim(adfRunId, entity.key);
    ledger.keepAnswer(runId, adfRunId);
    await report(
      runUpdate(
        entity,
        { id: runId, state: 'pending', externalId: adfRunId },
        { status: 'active', properties: recordProperties(target, confirmedIntent(intent)), change },
      ),
    );
    ledger.settle(runId);
    return { requeueAfterMs: Math.min(pollIntervalMs, 1000) };
  };

  /** The run will not be started, and it takes a change or a new run to try again. */
  const refuse = async (
    { entity, record }: Work,
    runId: string,
    message: string,
    target?: Target,
    reason: 'StartRefused' | typeof UNCONFIRMED = 'StartRefused',
  ): Promise<ReconcileResult> => {
    ledger.settle(runId);
    await report(
      runUpdate(
        entity,
        { id: runId, state: 'failed', finishedAt: timestamp(now()), message },
        {
          status: entity.deletionRequestedAt === undefined ? 'error' : 'deleting',
          properties: recordProperties(target, withdrawnIntent(runId, record)),
          conditions: [notReady(reason, message), stalled(reason, message)],
        },
      ),
    );
    return {};
  };

  /** Nobody can tell what became of the start: another one could be a second run. */
  const unconfirmed = async (work: Work, target: Target, { runId, at }: Intent): Promise<ReconcileResult> => {
    const message = `createRun at ${at} was not confirmed, and factory ${target.factoryName} is not there (any more) to look for its run: a run may be left there; look, then run it again`;
    await refuse(work, runId, message, target, UNCONFIRMED);
    return AT_ONCE;
  };

  const reportIntent = ({ entity }: Work, target: Target, intent: Intent): Promise<void> =>
    report(
      runUpdate(
        entity,
        { id: intent.runId, state: 'pending' },
        {
          status: 'pending',
          properties: recordProperties(target, intent),
          conditions: waiting('Starting', 'the pipeline run is being started'),
        },
      ),
    );

  /** createRun certainly started nothing: the next try need not look for anything. */
  const retract = ({ entity }: Work, target: Target, intent: Intent): Promise<void> =>
    report(
      runUpdate(
        entity,
        { id: intent.runId, state: 'pending' },
        {
          status: 'pending',
          properties: recordProperties(target, { ...confirmedIntent(intent), isWithdrawn: true }),
          conditions: waiting('StartDelayed', 'the pipeline run is not started yet'),
        },
      ),
    );

  const onCreateFailed = async (
    work: Work,
    target: Target,
    intent: Intent,
    error: unknown,
  ): Promise<ReconcileResult> => {
    if (!isFault(error)) throw error;
    if (outcomeOf(error) === 'unknown') {
      work.context.log.warn(
        { runId: intent.runId, err: error },
        'nobody knows whether the run was started, looking for it',
      );
      const afterMs = typeof error.retry === 'object' ? error.retry.afterMs : 0;
      return { requeueAfterMs: Math.max(afterMs, Math.min(500, pollIntervalMs)) };
    }
    const status = apiStatusOf(error);
    const isAboutTheRun = error.retry === 'never' && status !== undefined && status !== 401 && status !== 403;
    if (isAboutTheRun) return refuse(work, intent.runId, error.message, target);
    await retract(work, target, intent);
    throw error;
  };

  const createRun = async (work: Work, request: PipelineRequest, intent: Intent): Promise<ReconcileResult> => {
    const { target, ...options } = request;
    const { runId } = intent;
    const leftMs = Date.parse(intent.at) + halfGraceMs - now();
    if (work.context.signal.aborted || leftMs <= 0) {
      await retract(work, target, intent);
      throw new Fault(
        'COMPONENT_RETRYABLE',
        'the run was not started: its intent took too long to record, or the component stops',
      );
    }
    let adfRunId: string;
    try {
      adfRunId = await api.createRun(
        target,
        { pipelineName: target.pipelineName, ...options },
        { ...work.call, requestId: runId },
        Math.min(leftMs, settings.requestTimeoutMs),
      );
    } catch (error) {
      return onCreateFailed(work, target, intent, error);
    }
    work.context.log.info({ runId, adfRunId, pipeline: target.pipelineName }, 'pipeline run started');
    return confirm(work, 'Created', adfRunId, target, intent);
  };

  const start = async (work: Work, runId: string): Promise<ReconcileResult> => {
    const { entity, record, call, context } = work;
    const correlation = correlationParameter === undefined ? {} : { [correlationParameter]: runId };
    const made = pipelineRequest(entity.manifest.resource.spec, correlation);
    if ('problems' in made) return refuse(work, runId, made.problems.join('; '));
    const { request } = made;
    // With wrong credentials nothing is intended.
    await api.ready(call);
    const intent = nextIntent(runId, timestamp(now()), context.fence, record, request, correlationParameter);
    await reportIntent(work, request.target, intent);
    return ledger.whileStarting(runId, likenessOf(request.target, intent.sent), () => createRun(work, request, intent));
  };

  /** A run that only looks right is taken when no other resource can still say that it is its own. */
  const mayTake = ({ isCertain }: Match, target: Target, intent: Intent): boolean => {
    if (isCertain) return true;
    if (ledger.isOtherStarting(intent.runId, likenessOf(target, intent.sent))) return false;
    const claimsKnownMs = ledger.sinceMs + Math.min(CLAIMS_KNOWN_AFTER_MS, halfGraceMs);
    return ledger.intended(intent.runId) || now() >= claimsKnownMs;
  };

  const giveUp = async (work: Work, runId: string, onMissing: OnMissing, target: Target, intent: Intent) => {
    work.context.log.info({ runId, onMissing }, 'the intended run was not started');
    if (onMissing === 'start') return start(work, runId);
    if (onMissing === 'wait') await retract(work, target, intent);
    else await callOff(work, runId);
    return AT_ONCE;
  };

  const lookAgain = async (
    { entity }: Work,
    target: Target,
    intent: Intent,
    leftMs: number,
  ): Promise<ReconcileResult> => {
    await report(
      runUpdate(
        entity,
        { id: intent.runId, state: 'pending' },
        {
          status: entity.deletionRequestedAt === undefined ? 'pending' : 'deleting',
          properties: recordProperties(target, intent),
          conditions: waiting('ConfirmingStart', 'looking for the pipeline run, which may have been started'),
        },
      ),
    );
    const lookAgainMs = Math.min(MAX_LOOK_AGAIN_MS, pollIntervalMs);
    return { requeueAfterMs: leftMs > 0 ? Math.min(lookAgainMs, leftMs + 1) : lookAgainMs };
  };

  const findOrStart = async (
    work: Work,
    record: RunRecord & { readonly intent: Intent },
    onMissing: OnMissing,
  ): Promise<ReconcileResult> => {
    const { entity, context } = work;
    const { id: runId, intent } = record;
    const made = record.target ?? pipelineRequest(entity.manifest.resource.spec);
    if ('problems' in made) return refuse(work, runId, made.problems.join('; '));
    const target = 'request' in made ? made.request.target : made;
    const answered = ledger.answerFor(runId);
    if (answered !== undefined) return confirm(work, 'Created', answered, target, intent);
    const lookedAtMs = now();
    const found = await patiently(search(work, target, intent));
    if (typeof found === 'object' && mayTake(found, target, intent)) {
      context.log.warn({ runId, ...found }, 'pipeline run found that was started before, taken over');
      return confirm(work, 'Adopted', found.adfRunId, target, intent);
    }
    const leftMs = Date.parse(intent.at) + searchGraceMs - lookedAtMs;
    if (found === 'absent' && leftMs <= 0) return unconfirmed(work, target, intent);
    if (found === undefined && leftMs <= 0) return giveUp(work, runId, onMissing, target, intent);
    return lookAgain(work, target, intent, leftMs);
  };

  /** Ends a run that was never started. */
  const callOff = async ({ entity, record }: Work, runId: string): Promise<ReconcileResult> => {
    const message = 'called off before it was started';
    await report(
      runUpdate(
        entity,
        { id: runId, state: 'cancelled', finishedAt: timestamp(now()), message },
        {
          status: entity.deletionRequestedAt === undefined ? 'active' : 'deleting',
          properties: recordProperties(undefined, withdrawnIntent(runId, record)),
        },
      ),
    );
    return AT_ONCE;
  };

  return { start, findOrStart, callOff };
};
