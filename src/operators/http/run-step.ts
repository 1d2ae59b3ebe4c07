// One wanted run after another, never two at once: which of starting (run-start.ts) and following (run-follow.ts) is next.

import {
  Fault,
  type Entity,
  type EntityStatus,
  type HttpAction,
  type HttpTypeSpec,
  type ReconcileContext,
  type ReconcileResult,
} from '../../sdk/index.ts';
import { hasEnded } from './record.ts';
import { createRunFollow } from './run-follow.ts';
import { createRequestsOf, isToEnd } from './run-parts.ts';
import { createRunStart } from './run-start.ts';
import type { Parts, Report, Work } from './work.ts';

export const createRunStep = (parts: Parts, http: Pick<HttpTypeSpec, 'run' | 'actions'>) => {
  const { pollIntervalMs } = parts.definition;
  const requests = createRequestsOf(http);
  const starting = createRunStart(parts, requests);
  const follow = createRunFollow(parts);

  /** Faults: COMPONENT_TERMINAL when the manifest has none. */
  const requestsFor = (action: string | undefined): HttpAction => {
    const found = requests(action);
    if (found !== undefined) return found;
    const what = action === undefined ? 'a normal run: it has no "run"' : `the action "${action}"`;
    throw new Fault('COMPONENT_TERMINAL', `the operator's manifest has no requests for ${what}`, { retry: 'never' });
  };

  /** The run before is followed to its end first: two at once are never wanted. */
  const endEarlier = async (work: Work, wanted: NonNullable<Entity['run']>, base: Report): Promise<ReconcileResult> => {
    const { entity, record, status } = work;
    const run = { ...wanted, id: record.run?.id ?? '', cancelRequested: true };
    await follow({ ...work, entity: { ...entity, run } }, requestsFor(status?.run?.action), base);
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
      if (record.run?.externalId !== undefined && !hasEnded(record.run.state)) {
        const isSame = record.run.id === wanted.id;
        return isSame ? follow(work, requestsFor(wanted.action), base) : endEarlier(work, wanted, base);
      }
      const action = requestsFor(wanted.action);
      if (record.intent?.what === wanted.id) return starting.findOrStart(work, action, base, record.intent);
      const result = await starting.findEarlier(work, base);
      if (result !== undefined) return result;
      return isToEnd(entity) ? starting.callOff(work, base) : starting.start(work, action, base);
    },
  };
};

export type RunStep = ReturnType<typeof createRunStep>;
