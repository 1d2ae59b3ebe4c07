// The platform outside, and the component that makes it match. The platform counts what is made and started; it refuses a caller with an older fence
// than one it has seen for the thing, since what a dead component has on its way no component can call back.

import { Fault } from '../../src/core/fault.ts';
import type { JsonObject } from '../../src/core/json.ts';
import type { Link } from '../../src/testing/index.ts';
import type { OController, ReconcileContext, Reconciler } from '../../src/sdk/index.ts';
import type { ObservedRun, RuntimeStatus } from '../../src/messages/entity.ts';
import type { Random } from '../../scripts/chaos/random.ts';

export type OutsideRun = {
  readonly id: string;
  readonly thing: string;
  starts: number;
  endsAtMs: number;
  state: RuntimeStatus;
};
type Thing = { readonly spec: JsonObject };

export type Platform = {
  readonly things: Map<string, Thing>;
  readonly runs: Map<string, OutsideRun>;
  /** The largest that was seen for each thing, also of one that is gone. */
  readonly fences: Map<string, number>;
  /** What must not have happened. */
  readonly breaches: string[];
  stateOf(run: OutsideRun): RuntimeStatus;
};

export const createPlatform = (nowMs: () => number): Platform => {
  const runs = new Map<string, OutsideRun>();
  return {
    things: new Map(),
    runs,
    fences: new Map(),
    breaches: [],
    stateOf: (run) => {
      if (run.state === 'inprogress' && nowMs() >= run.endsAtMs) run.state = 'succeeded';
      return run.state;
    },
  };
};

const isOver = (state: RuntimeStatus): boolean => state !== 'pending' && state !== 'inprogress';

const POLL_MS = 700;

/** The reconciler of one incarnation of a component. */
export const platformReconciler = (
  platform: Platform,
  parts: { readonly link: Link; readonly random: Random; nowMs(): number },
): Reconciler => {
  const { link, random } = parts;
  let controller: OController | undefined;

  const call = async <T>(work: () => T): Promise<T> => {
    try {
      return await link.call({ kind: 'request', name: 'platform' }, work);
    } catch (error) {
      throw new Fault('COMPONENT_RETRYABLE', 'the platform did not answer', { cause: error });
    }
  };

  /** Who comes with an older fence than was seen is told so. */
  const guard = (thing: string, fence: number): void => {
    if (fence < (platform.fences.get(thing) ?? 0)) throw new Fault('COMPONENT_RETRYABLE', 'fenced off');
    platform.fences.set(thing, fence);
  };

  const ensure = (thing: string, spec: JsonObject, { fence }: ReconcileContext): Promise<void> =>
    call(() => {
      guard(thing, fence);
      platform.things.set(thing, { spec });
    });

  const remove = (thing: string, { fence }: ReconcileContext): Promise<void> =>
    call(() => {
      guard(thing, fence);
      platform.things.delete(thing);
      for (const run of platform.runs.values())
        if (run.thing === thing && !isOver(platform.stateOf(run))) run.state = 'cancelled';
    });

  const look = (id: string): Promise<RuntimeStatus | undefined> =>
    call(() => {
      const run = platform.runs.get(id);
      return run === undefined ? undefined : platform.stateOf(run);
    });

  const startRun = (thing: string, id: string, { fence }: ReconcileContext): Promise<RuntimeStatus> => {
    const lengthMs = random.between(0, 3000);
    return call(() => {
      guard(thing, fence);
      const known = platform.runs.get(id);
      const run = known ?? { id, thing, starts: 0, endsAtMs: parts.nowMs() + lengthMs, state: 'inprogress' };
      run.starts += 1;
      if (run.starts > 1) platform.breaches.push(`run ${id} of ${thing} was started ${run.starts} times`);
      platform.runs.set(id, run);
      return run.state;
    });
  };

  const cancel = (id: string): Promise<RuntimeStatus> =>
    call(() => {
      const run = platform.runs.get(id);
      if (run !== undefined && !isOver(platform.stateOf(run))) run.state = 'cancelled';
      return run?.state ?? 'cancelled';
    });

  /** What is said of the run that is wanted, after what had to be done about it. */
  const followRun = async (
    thing: string,
    run: { readonly id: string; readonly cancelRequested: boolean },
    context: ReconcileContext,
  ): Promise<ObservedRun> => {
    const { id } = run;
    const seen = await look(id);
    if (run.cancelRequested) return { id, state: await cancel(id) };
    if (seen !== undefined) return { id, state: seen };
    context.signal.throwIfAborted();
    return { id, state: await startRun(thing, id, context) };
  };

  return {
    id: () => 'platform',
    init: (given) => {
      controller = given;
    },
    reconcile: async ({ key, type }, context) => {
      const entity = await controller?.getEntity(key, type);
      if (controller === undefined || entity === undefined) return {};
      const thing = `${key}/${entity.uid}`;
      if (entity.deletionRequestedAt !== undefined) {
        await remove(thing, context);
        await controller.updateEntityStatus({ key, status: 'deleted' });
        return {};
      }
      await ensure(thing, entity.manifest.resource.spec, context);
      const { run } = entity;
      if (run === undefined || run.ended !== undefined) {
        const before = await controller.getEntityStatus(key, type);
        const last = before?.uid === entity.uid ? before.run : undefined;
        await controller.updateEntityStatus({ key, status: 'active', ...(last === undefined ? {} : { run: last }) });
        return {};
      }
      const observed = await followRun(thing, run, context);
      await controller.updateEntityStatus({ key, status: 'active', run: observed });
      return isOver(observed.state) ? {} : { requeueAfterMs: POLL_MS };
    },
  };
};
