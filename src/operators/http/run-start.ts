// What the manifest says of starting a run, for the SDK's "runs that are started once": a start that was not confirmed is looked for with `find`
// before anything is started again; without `find` it is never started again by itself. How a run is said beside its object is decided here.

import {
  createLedger,
  createOnce,
  Fault,
  isFault,
  notReady,
  ownerOf,
  parseDurationMs,
  withEarlier,
  type EntityStatus,
  type HttpAction,
  type Intent as OnceIntent,
  type JsonValue,
  type OnceWork,
  type ReconcileContext,
  type RunRecord,
  type Said,
  type StatusUpdate,
} from '../../sdk/index.ts';
import { withLookUps } from './look-ups.ts';
import { idOf, recordedRuns, type Intent, type Record, type Sent } from './record.ts';
import { asSent, conditionsOf, observed, sentOf } from './run-parts.ts';
import { inputOf, updateOf, type Parts, type Report, type Work } from './work.ts';

export type RunIntent = OnceIntent & { readonly sent?: Sent };

/** `of`: the reconcile whose run it is. `base`: what is to be said of the object beside it. */
export type RunWork = OnceWork<RunIntent> & {
  readonly of: Work;
  readonly action: HttpAction;
  readonly base: Report;
  readonly let?: JsonValue;
};

const storedIntent = ({ runId, since, at, fence, sent }: RunIntent): Intent => ({
  ...{ what: runId, since, at, fence },
  ...(sent === undefined ? {} : { sent }),
});

/** The run as the SDK knows it. An intent to make the object is none of a run. */
export const runRecordOf = ({ run, intent, earlierIds }: Record): RunRecord<RunIntent> | undefined => {
  if (run === undefined) return undefined;
  if (intent === undefined || intent.what !== run.id) return run;
  const { what: runId, ...rest } = intent;
  return { ...run, intent: { ...rest, runId, earlierRunIds: earlierIds } };
};

/** The work with what is known once something was said of its run: which runs were before it, and the intent. */
const knowing = ({ of: work, base }: RunWork, runId: string, intent: RunIntent | undefined): Work => {
  const { run, earlierIds } = work.record;
  const earlier = withEarlier(earlierIds, run === undefined || run.id === runId ? undefined : run.externalId);
  const stored = intent === undefined ? {} : { intent: storedIntent(intent) };
  return { ...work, record: { ...work.record, ...base.record, ...stored, earlierIds: earlier } };
};

export const createRunStart = (parts: Parts) => {
  const { client, now, definition } = parts;
  const { pollIntervalMs, findForMs } = definition;
  const ledger = createLedger({ now, graceMs: findForMs });

  const findForOf = ({ findFor }: HttpAction): number =>
    (findFor === undefined ? undefined : parseDurationMs(findFor)) ?? findForMs;

  const reportOf = (work: RunWork, { kind, run: said, intent }: Said<RunIntent>): Report | undefined => {
    const { base, action } = work;
    const { externalId: _earlier, ...before } = observed(work.of, said);
    const run = { ...before, ...(said.externalId === undefined ? {} : { externalId: said.externalId }) };
    const { message = '' } = said;
    switch (kind) {
      case 'looking':
        return undefined;
      case 'intended':
        return { ...base, run, message: `to be started, as intended at ${intent?.at ?? ''}` };
      case 'started': {
        const startedAt = new Date(now()).toISOString();
        const kept = { ...work.of.record.kept, startedAt };
        // Without `read` it has ended with the answer.
        const over = action.read === undefined ? ({ state: 'succeeded', finishedAt: startedAt } as const) : {};
        return { ...base, record: { ...base.record, kept }, run: { ...run, ...over }, withdraw: true };
      }
      case 'refused':
        return { ...base, withdraw: true, status: 'error', run, ...conditionsOf('failed', message) };
      case 'unconfirmed': {
        const conditions = [notReady('StartUnconfirmed', message)];
        return { ...base, status: 'error', run, conditions, message, withdraw: true };
      }
      default:
        return { ...base, run, withdraw: true };
    }
  };

  const once = createOnce<RunIntent, RunWork>({
    ...{ platform: 'the API', pollIntervalMs, now, ledger },
    graceMs: ({ action }) => findForOf(action),
    prepare: async (work) => {
      client.ready();
      const { of: given, action, context, entity } = work;
      const seen = await withLookUps(client, action.let, action.start, inputOf(given, definition), context);
      const sent = action.find === undefined ? undefined : sentOf(entity);
      const prepared = 'let' in seen ? { ...work, let: seen['let'] ?? null } : work;
      const { earlierIds } = knowing(work, entity.run?.id ?? '', undefined).record;
      const intent = { earlierRunIds: earlierIds, ...(sent === undefined ? {} : { sent }) };
      return { kind: 'go', work: prepared, intent };
    },
    start: async (work, intent) => {
      const { action, context } = work;
      const { externalId: program } = action.start;
      const known = inputOf(knowing(work, intent.runId, intent), definition);
      const input = work.let === undefined ? known : { ...known, let: work.let };
      const answer = await client.send(action.start, input, context, true);
      return program === undefined ? undefined : idOf(await client.read(program, input, answer), 'start');
    },
    isRefusal: (error) => isFault(error) && error.retry === 'never',
    search: async (work, intent, { isFree }) => {
      const { action, context } = work;
      if (action.find === undefined) return 'unsearchable';
      const given = inputOf(asSent(work.of, storedIntent(intent)), definition);
      const input = await withLookUps(client, action.let, action.find, given, context);
      const found = await client.find(action.find, input, context, isFree);
      return { ids: found.map(({ externalId }) => externalId) };
    },
    unconfirmed: (_work, { at }) =>
      `the request to start it at ${at} was not confirmed, and the manifest has no "find" to look for the run; look outside, then run it again`,
    // Runs are followed beside their object, by run-follow.ts.
    look: () => Promise.reject(new Fault('COMPONENT_RETRYABLE', 'this run is followed elsewhere')),
    say: (work, said): StatusUpdate | undefined => {
      const report = reportOf(work, said);
      return report === undefined ? undefined : updateOf(knowing(work, said.run.id, said.intent), report);
    },
  });

  return {
    ...once,

    /** Whose the runs are that a status has recorded, ended ones too; before anything else in each reconcile. */
    learn: (status: EntityStatus | undefined, { fence }: ReconcileContext): void => {
      ledger.inTerm(fence);
      for (const id of recordedRuns(status)) if (status !== undefined) ledger.claim(id, ownerOf(status));
    },
  };
};

export type RunStart = ReturnType<typeof createRunStart>;
