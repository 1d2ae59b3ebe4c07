// The runs of one resource that have not ended: one goes on (or is about to), the others wait behind it in the order in which they were
// asked for. Pure. The fold of a resource (evolve.ts) moves the lane with each event, and the list of runs (run-list.ts) makes the same
// moves to learn how each run ended, so the two cannot disagree.
//
// A component sees only `run`. It gets the next one when an event says that the one before has ended, so components in any language need
// to know nothing of what waits.

import type { Entity, RuntimeStatus } from '../../messages/entity.ts';
import type { RunEnd, RunRequest } from '../../messages/runs.ts';
import type { IfRunning } from '../../messages/if-running.ts';

/** `waitingRuns` is absent when none wait, and none wait unless `run` goes on. */
export type RunLane = Pick<Entity, 'run' | 'waitingRuns'>;
/** The lane afterwards, and the runs that ended by the move itself: nobody reports about them. */
export type LaneMove = {
  readonly lane: RunLane;
  readonly ended: readonly { readonly id: string; readonly end: RunEnd }[];
};

/** Waiting runs of one resource. More are refused (RUN_QUEUE_FULL). */
export const MAX_WAITING_RUNS = 20;
/** The same as JSON: parameters may be large, and every view of the resource holds them. */
export const MAX_WAITING_BYTES = 64 * 1024;

const begun = (run: RunRequest): NonNullable<RunLane['run']> => ({ ...run, cancelRequested: false });

const laneOf = (run: RunLane['run'], waiting: readonly RunRequest[]): RunLane => ({
  ...(run === undefined ? {} : { run }),
  ...(waiting.length === 0 ? {} : { waitingRuns: waiting }),
});

const dropped = (runs: readonly RunRequest[], end: RunEnd): LaneMove['ended'] => runs.map(({ id }) => ({ id, end }));

/** The run that has not ended, as far as is known. */
export const goingOn = ({ run }: RunLane): RunLane['run'] => (run?.ended === undefined ? run : undefined);

/** `ifRunning` is absent in events of earlier versions: the newest run took the place of the one before, whose end nobody recorded. */
export const requestRun = (lane: RunLane, run: RunRequest, ifRunning: IfRunning | undefined): LaneMove => {
  const current = goingOn(lane);
  const waiting = lane.waitingRuns ?? [];
  if (current === undefined) return { lane: { run: begun(run) }, ended: [] };
  if (ifRunning === undefined) return { lane: { run: begun(run) }, ended: dropped([current], 'unknown') };
  if (ifRunning === 'replace') {
    const replaced = { ...current, cancelRequested: true, isReplaced: true as const };
    return { lane: laneOf(replaced, [run]), ended: dropped(waiting, 'replaced') };
  }
  // The spec that an earlier change wanted run is there no more: the newest is run once.
  const isOutdated = (one: RunRequest): boolean => run.ofSpec === true && one.ofSpec === true;
  const kept = waiting.filter((one) => !isOutdated(one));
  return { lane: laneOf(current, [...kept, run]), ended: dropped(waiting.filter(isOutdated), 'superseded') };
};

/** The run that goes on is to be stopped; with `all` none that waits is started either. */
export const cancelRun = (lane: RunLane, runId: string, all: boolean): LaneMove => {
  const { run, waitingRuns = [] } = lane;
  if (run === undefined || run.id !== runId) return { lane, ended: [] };
  const cancelled = { ...run, cancelRequested: true };
  return all
    ? { lane: { run: cancelled }, ended: dropped(waitingRuns, 'cancelled') }
    : { lane: laneOf(cancelled, waitingRuns), ended: [] };
};

/** The run has ended, as its component reported: the next one begins. */
export const endRun = (lane: RunLane, runId: string, state: RunState): LaneMove => {
  const { run, waitingRuns = [] } = lane;
  if (run === undefined || run.id !== runId || run.ended !== undefined) return { lane, ended: [] };
  const end = state === 'cancelled' && run.isReplaced === true ? 'replaced' : state;
  const [next, ...rest] = waitingRuns;
  const after = next === undefined ? laneOf({ ...run, ended: end }, []) : laneOf(begun(next), rest);
  return { lane: after, ended: [{ id: runId, end }] };
};

/** None that waits is started any more: the resource is to go. */
export const dropWaiting = (lane: RunLane): LaneMove => {
  const { run, waitingRuns = [] } = lane;
  return { lane: laneOf(run, []), ended: dropped(waitingRuns, 'cancelled') };
};

/** How a component says that a run has ended. */
export type RunState = Extract<RuntimeStatus, 'succeeded' | 'failed' | 'cancelled'>;
export const isEnd = (state: unknown): state is RunState =>
  state === 'succeeded' || state === 'failed' || state === 'cancelled';

/** Number of the next run of the resource. */
export const nextNumber = ({ run, waitingRuns = [] }: RunLane): number =>
  (waitingRuns.at(-1)?.number ?? run?.number ?? 0) + 1;
