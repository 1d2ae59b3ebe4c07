// Starts the wanted run: intent stored, start, id stored. A start that was not confirmed is looked for with `find` before anything is started
// again; without `find` it is never started again by itself.

import {
  isFault,
  notReady,
  outcomeOf,
  parseDurationMs,
  type EntityStatus,
  type HttpAction,
  type ReconcileContext,
  type ReconcileResult,
} from '../../sdk/index.ts';
import { createLedger } from './ledger.ts';
import { withLookUps } from './look-ups.ts';
import { idOf, intentTo, recordedRuns, withEarlier, type Intent } from './record.ts';
import { asSent, conditionsOf, isToEnd, observed, sentOf, type Requests } from './run-parts.ts';
import { inputOf, ownerOf, updateOf, type Parts, type Report, type Work } from './work.ts';

const MIN_WAIT_MS = 50;

export const createRunStart = (parts: Parts, requests: Requests) => {
  const { client, now, definition } = parts;
  const { pollIntervalMs, findForMs } = definition;
  const ledger = createLedger({ now, findForMs });

  const findForOf = ({ findFor }: HttpAction): number =>
    (findFor === undefined ? undefined : parseDurationMs(findFor)) ?? findForMs;

  /** `externalId` undefined: the request has no answer that names one. Without `read` it has ended with that answer. */
  const started = async (
    work: Work,
    action: HttpAction,
    externalId: string | undefined,
    base: Report,
  ): Promise<ReconcileResult> => {
    const at = new Date(now()).toISOString();
    const isOver = action.read === undefined;
    const run = observed(work, {
      state: isOver ? 'succeeded' : 'pending',
      ...(externalId === undefined ? {} : { externalId }),
      ...(isOver ? { finishedAt: at } : {}),
    });
    if (externalId !== undefined) ledger.keepAnswer(run.id, externalId);
    const kept = { ...work.record.kept, startedAt: at };
    await parts.report(updateOf(work, { ...base, record: { ...base.record, kept }, run, withdraw: true }));
    ledger.settle(run.id);
    return isOver ? {} : { requeueAfterMs: pollIntervalMs };
  };

  /** Nothing was started, and that is certain. Throws `error` when it may be tried again. */
  const refused = async (work: Work, base: Report, error: unknown): Promise<ReconcileResult> => {
    const message = error instanceof Error ? error.message : '';
    if (!isFault(error) || error.retry !== 'never') {
      const { externalId: _earlier, ...run } = observed(work, { state: 'pending' });
      await parts.report(updateOf(work, { ...base, withdraw: true, run, message }));
      throw error;
    }
    const run = observed(work, { state: 'failed', message, finishedAt: new Date(now()).toISOString() });
    const said = { status: 'error', run, ...conditionsOf('failed', message) } as const;
    await parts.report(updateOf(work, { ...base, withdraw: true, ...said }));
    return {};
  };

  const start = async (work: Work, action: HttpAction, base: Report): Promise<ReconcileResult> => {
    client.ready();
    const { entity, record, context } = work;
    const before = inputOf(work, definition);
    const seen = await withLookUps(client, action.let, action.start, before, context);
    const runId = entity.run?.id ?? '';
    const sent = action.find === undefined ? undefined : sentOf(entity);
    const at = new Date(now()).toISOString();
    const intent = intentTo(runId, at, context.fence, record.intent, sent);
    const earlierIds = withEarlier(record.earlierIds, record.run?.externalId);
    const intended = { ...work, record: { ...record, ...base.record, intent, earlierIds } };
    const { externalId: _earlier, ...run } = observed(work, { state: 'pending' });
    await parts.report(updateOf(intended, { ...base, run, message: `to be started, as intended at ${at}` }));
    const input = { ...inputOf(intended, definition), ...('let' in seen ? { let: seen['let'] ?? null } : {}) };
    const { externalId: program } = action.start;
    let externalId: string | undefined;
    try {
      externalId = await ledger.whileStarting(async () => {
        const answer = await client.send(action.start, input, context, true);
        if (program === undefined) return undefined;
        const id = idOf(await client.read(program, input, answer), 'start');
        ledger.learn([id], ownerOf(entity), context.fence);
        return id;
      });
    } catch (error) {
      if (outcomeOf(error) !== 'none') throw error;
      return refused(intended, base, error);
    }
    return started(intended, action, externalId, base);
  };

  type Look = { readonly externalId?: string; readonly afterMs?: number };
  const soon = (leftMs: number): Look => ({ afterMs: Math.max(MIN_WAIT_MS, Math.min(leftMs, pollIntervalMs)) });

  /** The run that an unconfirmed start gave, or when to look again. Neither: it was not started. */
  const lookFor = async (work: Work, action: HttpAction, intent: Intent): Promise<Look> => {
    const answered = ledger.answerFor(intent.what);
    if (answered !== undefined) return { externalId: answered };
    if (action.find === undefined) return {};
    const owner = ownerOf(work.entity);
    const isFree = (id: string): boolean => !work.record.earlierIds.includes(id) && ledger.isFree(id, owner);
    const given = inputOf(asSent(work, intent), definition);
    const input = await withLookUps(client, action.let, action.find, given, work.context);
    const found = await client.find(action.find, input, work.context, isFree);
    if (found.length > 0) {
      const waitMs = ledger.adoptableAfterMs(intent.what);
      if (waitMs > 0) return soon(waitMs);
      // One of them may be what another is being told of at this moment.
      await ledger.startsEnded();
      const own = found.find(({ externalId }) => ledger.take(externalId, owner));
      return own === undefined ? soon(0) : { externalId: own.externalId };
    }
    const leftMs = Date.parse(intent.at) + findForOf(action) - now();
    return leftMs > 0 ? soon(leftMs) : {};
  };

  const callOff = async (work: Work, base: Report): Promise<ReconcileResult> => {
    const run = observed(work, { state: 'cancelled', message: 'called off before it was started' });
    await parts.report(updateOf(work, { ...base, run, withdraw: true }));
    return {};
  };

  return {
    start,
    callOff,

    /** Whose the runs are that a status has recorded, ended ones too; before anything else in each reconcile. */
    learn: (status: EntityStatus | undefined, { fence }: ReconcileContext): void =>
      ledger.learn(recordedRuns(status), status === undefined ? '' : ownerOf(status), fence),

    findOrStart: async (work: Work, action: HttpAction, base: Report, intent: Intent): Promise<ReconcileResult> => {
      const { externalId, afterMs } = await lookFor(work, action, intent);
      if (externalId !== undefined) return started(work, action, externalId, base);
      if (afterMs !== undefined) return { requeueAfterMs: afterMs };
      if (action.find !== undefined) return isToEnd(work.entity) ? callOff(work, base) : start(work, action, base);
      const message = `the request to start it at ${intent.at} was not confirmed, and the manifest has no "find" to look for the run; look outside, then run it again`;
      const run = observed(work, { state: 'failed', message });
      const conditions = [notReady('StartUnconfirmed', message)];
      await parts.report(updateOf(work, { ...base, status: 'error', run, conditions, message, withdraw: true }));
      return {};
    },

    /** An earlier run whose start was not confirmed must not be lost. undefined: there is none, the next one can be started. */
    findEarlier: async (work: Work, base: Report): Promise<ReconcileResult | undefined> => {
      const { entity, record } = work;
      const { intent } = record;
      if (intent === undefined || intent.what === 'object') return undefined;
      const action = requests(intent.sent?.run.action);
      if (action === undefined) return undefined;
      const { externalId, afterMs } = await lookFor(work, action, intent);
      const run = { ...(entity.run ?? { number: 0, requestedAt: '', cancelRequested: false }), id: intent.what };
      if (externalId !== undefined) return started({ ...work, entity: { ...entity, run } }, action, externalId, base);
      return afterMs === undefined ? undefined : { requeueAfterMs: afterMs };
    },
  };
};

export type RunStart = ReturnType<typeof createRunStart>;
