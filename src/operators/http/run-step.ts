// One wanted run after another, never two at once: which of starting (run-start.ts) and following (run-follow.ts) is next.

import {
  Fault,
  nextStep,
  type EntityStatus,
  type HttpAction,
  type HttpTypeSpec,
  type ReconcileContext,
  type ReconcileResult,
} from '../../sdk/index.ts';
import { createRunFollow } from './run-follow.ts';
import { createRequestsOf } from './run-parts.ts';
import { createRunStart, runRecordOf, type RunWork } from './run-start.ts';
import type { Parts, Report, Work } from './work.ts';

export const createRunStep = (parts: Parts, http: Pick<HttpTypeSpec, 'run' | 'actions'>) => {
  const { pollIntervalMs } = parts.definition;
  const requests = createRequestsOf(http);
  const starting = createRunStart(parts);
  const follow = createRunFollow(parts);

  /** Faults: COMPONENT_TERMINAL when the manifest has none. */
  const requestsFor = (action: string | undefined): HttpAction => {
    const found = requests(action);
    if (found !== undefined) return found;
    const what = action === undefined ? 'a normal run: it has no "run"' : `the action "${action}"`;
    throw new Fault('COMPONENT_TERMINAL', `the operator's manifest has no requests for ${what}`, { retry: 'never' });
  };

  /** The reconcile as one of the run `id`, which may be an earlier one than is wanted. */
  const forRun = (work: Work, id: string): Work => {
    const { entity } = work;
    const wanted = entity.run ?? { number: 0, requestedAt: '', cancelRequested: false };
    return wanted === entity.run && entity.run.id === id
      ? work
      : { ...work, entity: { ...entity, run: { ...wanted, id } } };
  };

  const toStart = (work: Work, id: string, action: HttpAction, base: Report): RunWork => {
    const { entity, status, context, record } = work;
    return { ...{ entity, status, context, record: runRecordOf(record) }, of: forRun(work, id), action, base };
  };

  /** The run before is ended first: two at once are never wanted. */
  const endEarlier = async (work: Work, id: string, base: Report): Promise<ReconcileResult> => {
    const earlier = forRun(work, id);
    const run = { ...earlier.entity.run, id, cancelRequested: true } as NonNullable<typeof earlier.entity.run>;
    const entity = { ...earlier.entity, run };
    await follow({ ...earlier, entity }, requestsFor(work.status?.run?.action), base);
    return { requeueAfterMs: pollIntervalMs };
  };

  return {
    learn: (status: EntityStatus | undefined, context: ReconcileContext): void => starting.learn(status, context),

    /** Whether a run that may be under way can be cancelled. */
    canCancel: ({ entity, status }: Work): boolean =>
      requests(status?.run?.action ?? entity.run?.action)?.cancel !== undefined,

    /** One step towards the end of the wanted run; `base`: what is to be said of the object beside it. */
    step: async (work: Work, base: Report): Promise<ReconcileResult> => {
      const { entity, record } = work;
      const wanted = entity.run;
      if (wanted === undefined) throw new Fault('COMPONENT_TERMINAL', 'no run is wanted', { retry: 'never' });
      const step = nextStep(entity, runRecordOf(record), { canCancel: true });
      switch (step.kind) {
        case 'follow':
          return step.record.id === wanted.id
            ? follow(work, requestsFor(wanted.action), base)
            : endEarlier(work, step.record.id, base);
        case 'find': {
          const { intent, onMissing } = step;
          const isWanted = intent.runId === wanted.id;
          const action = isWanted ? requestsFor(wanted.action) : requests(intent.sent?.run.action);
          const known = action ?? { start: { url: '' } };
          const given = toStart(work, intent.runId, known, base);
          return action === undefined ? starting.callOff(given, intent.runId) : starting.find(given, intent, onMissing);
        }
        case 'call-off':
          return starting.callOff(toStart(work, wanted.id, requestsFor(wanted.action), base), wanted.id);
        case 'start':
          return starting.start(toStart(work, wanted.id, requestsFor(wanted.action), base), wanted.id);
        default:
          return {};
      }
    },
  };
};

export type RunStep = ReturnType<typeof createRunStep>;
