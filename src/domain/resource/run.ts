// Decides whether a resource may be run, and as what: its normal run, or an action that its type declares. Pure.

import { err, ok } from '../../core/result.ts';
import { reject, type Rejection, type RejectionDetail } from '../../core/rejection.ts';
import { nearestName } from '../../json-schema/nearest.ts';
import type { JsonObject } from '../../core/json.ts';
import type { Entity } from '../../messages/entity.ts';
import type { NewResourceEvent } from '../../messages/events.ts';
import type { RunRequest } from '../../messages/runs.ts';
import type { IfRunning } from '../../messages/if-running.ts';
import { goingOn, MAX_WAITING_BYTES, MAX_WAITING_RUNS, nextNumber, requestRun } from './run-lane.ts';
import type { Decision, DecisionContext } from '../decision.ts';

/** What is asked for, and what the resource's type says of it. */
export type RunWish = {
  readonly action?: string;
  readonly parameters?: JsonObject;
  /** Names of the actions that the type declares. */
  readonly actions: readonly string[];
  /** Of the parameters by the action's schema; pointers are into the command. */
  readonly problems: readonly RejectionDetail[];
  /** What the command says, else the type. Default `queue`. */
  readonly ifRunning?: IfRunning;
};

export const NO_WISH: RunWish = { actions: [], problems: [] };

export const nextRun = (entity: Entity | undefined, context: DecisionContext): RunRequest => ({
  id: context.eventId,
  number: nextNumber(entity ?? {}),
  requestedAt: context.time,
});

const inProgress = (entity: Entity): Rejection => {
  const { name, workspace } = entity.manifest;
  const { number, requestedAt } = entity.run ?? { number: 0, requestedAt: '?' };
  return reject(
    'RUN_IN_PROGRESS',
    `run ${number} of resource "${name}" in workspace "${workspace}" goes on (asked for at ${requestedAt}); wait for its end, cancel it, or ask with --if-running queue or replace`,
  );
};

const queueFull = (entity: Entity): Rejection => {
  const { name } = entity.manifest;
  const waiting = entity.waitingRuns?.length ?? 0;
  return reject(
    'RUN_QUEUE_FULL',
    `expected at most ${MAX_WAITING_RUNS} runs of resource "${name}" (and ${MAX_WAITING_BYTES / 1024} KiB of them) to wait, found ${waiting}; wait for their end, or cancel them with "opstream cancel -n ${name} --all"`,
  );
};

/** Why the run may not be asked for while another goes on; undefined: it may. */
export const laneProblem = (entity: Entity, run: RunRequest, ifRunning: IfRunning): Rejection | undefined => {
  if (goingOn(entity) === undefined) return undefined;
  if (ifRunning === 'skip') return inProgress(entity);
  const { lane } = requestRun(entity, run, ifRunning);
  const waiting = lane.waitingRuns ?? [];
  const isFull = waiting.length > MAX_WAITING_RUNS || JSON.stringify(waiting).length > MAX_WAITING_BYTES;
  return isFull ? queueFull(entity) : undefined;
};

const typeOf = (entity: Entity): string => `${entity.manifest.resource.operator}/${entity.manifest.resource.type}`;

export const notRunnable = (entity: Entity, actions: readonly string[]): Rejection =>
  reject(
    'NOT_RUNNABLE',
    actions.length === 0
      ? `${typeOf(entity)} is not runnable (isRunnable: false in the operator's manifest)`
      : `${typeOf(entity)} has no normal run (isRunnable: false in the operator's manifest), only actions: ${actions.join(', ')}; name one of them`,
  );

/** Why the wish cannot be granted to a resource of this type, whatever its state. */
const wishProblem = ({ action, parameters, actions, problems }: RunWish, entity: Entity): Rejection | undefined => {
  if (action === undefined) {
    if (!entity.runnable) return notRunnable(entity, actions);
    if (parameters === undefined) return undefined;
    const message = 'parameters belong to an action; name one, or leave them out';
    return reject('COMMAND_INVALID', message, [{ message, pointer: '/parameters' }]);
  }
  if (!actions.includes(action)) {
    const nearest = nearestName(action, actions);
    const hint = nearest === undefined ? '' : `; did you mean "${nearest}"?`;
    const known = actions.length === 0 ? 'declares no actions' : `has the actions ${actions.join(', ')}`;
    const message = `${typeOf(entity)} ${known}; found "${action}"${hint}`;
    return reject('ACTION_NOT_FOUND', message, [{ message, pointer: '/action' }]);
  }
  if (problems.length === 0) return undefined;
  const message = `the parameters break the schema of action "${action}" in ${problems.length} place(s)`;
  return reject('ACTION_INVALID', message, problems);
};

export const decideRun = (
  wish: RunWish,
  entity: Entity,
  generation: number,
  context: DecisionContext,
): Decision<NewResourceEvent> => {
  const problem = wishProblem(wish, entity);
  if (problem !== undefined) return err(problem);
  if (entity.suspended) {
    return err(reject('SUSPENDED', `resource "${entity.manifest.name}" is suspended; resume it before you run it`));
  }
  const { action, parameters = {} } = wish;
  const run = { ...nextRun(entity, context), ...(action === undefined ? {} : { action, parameters }) };
  const ifRunning = wish.ifRunning ?? 'queue';
  const taken = laneProblem(entity, run, ifRunning);
  if (taken !== undefined) return err(taken);
  return ok([{ type: 'io.opstream.resource.run-requested.v1', generation, data: { run, ifRunning } }]);
};
