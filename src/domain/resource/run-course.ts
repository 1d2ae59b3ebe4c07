// Decides what becomes of runs after they were asked for: cancelled, ended, or wanted once more by a changed spec. Pure.

import { reject } from '../../core/rejection.ts';
import { err, ok, type Result } from '../../core/result.ts';
import type { Entity, ObservedRun } from '../../messages/entity.ts';
import type { NewResourceEvent, ResourceEventData } from '../../messages/events.ts';
import type { IfRunning } from '../../messages/if-running.ts';
import type { Decision, DecisionContext } from '../decision.ts';
import { goingOn, isEnd } from './run-lane.ts';
import { laneProblem, nextRun, notRunnable } from './run.ts';
import type { ResourceState } from './state.ts';

/** Sent by the operator-runtime when a status says that a run has ended. `observed` is that status' word on the run, read by the handler. */
export type SettleCommand = {
  readonly type: 'settle';
  readonly uid: string;
  readonly runId: string;
  readonly observed: ObservedRun | undefined;
};

const MAX_MESSAGE_LENGTH = 2000;

type Changed = ResourceEventData['io.opstream.resource.changed.v1'];

/** The run that a changed spec is. */
export const runOfSpec = (
  entity: Entity,
  ifRunning: IfRunning,
  context: DecisionContext,
): Result<Pick<Changed, 'run' | 'ifRunning' | 'skippedRun'>> => {
  const run = { ...nextRun(entity, context), ofSpec: true as const };
  if (ifRunning === 'skip' && goingOn(entity) !== undefined) return ok({ skippedRun: run });
  const problem = laneProblem(entity, run, ifRunning);
  return problem === undefined ? ok({ run, ifRunning }) : err(problem);
};

export const decideCancel = (entity: Entity, all: boolean, generation: number): Decision<NewResourceEvent> => {
  if (!entity.runnable && entity.run === undefined) return err(notRunnable(entity, []));
  const run = goingOn(entity);
  if (run === undefined) {
    const last = entity.run === undefined ? 'it never ran' : `run ${entity.run.number} has ended`;
    return err(reject('NOT_RUNNING', `resource "${entity.manifest.name}" has no run to cancel: ${last}`));
  }
  const isNews = !run.cancelRequested || (all && entity.waitingRuns !== undefined);
  if (!isNews) return ok([]);
  const data = { runId: run.id, ...(all ? { all: true as const } : {}) };
  return ok([{ type: 'io.opstream.resource.cancel-requested.v1', generation, data }]);
};

/** Nothing when the run has ended already, or is of an earlier resource of the name: the same status may be told of any number of times. */
export const decideSettle = (
  { uid, runId, observed }: SettleCommand,
  { entity, generation }: ResourceState,
): Decision<NewResourceEvent> => {
  if (entity === undefined || entity.uid !== uid || goingOn(entity)?.id !== runId) return ok([]);
  if (observed?.id !== runId || !isEnd(observed.state)) {
    const message = `no status of resource "${entity.manifest.name}" says that run ${runId} has ended`;
    return err(reject('COMMAND_INVALID', message));
  }
  const { state, startedAt, finishedAt, externalId, message } = observed;
  const data = {
    runId,
    state,
    ...(startedAt === undefined ? {} : { startedAt }),
    ...(finishedAt === undefined ? {} : { finishedAt }),
    ...(externalId === undefined ? {} : { externalId }),
    ...(message === undefined ? {} : { message: message.slice(0, MAX_MESSAGE_LENGTH) }),
  };
  return ok([{ type: 'io.opstream.resource.run-ended.v1', generation, data }]);
};
