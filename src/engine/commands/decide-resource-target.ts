// Decides the commands that name one resource: delete, release, run, cancel, suspend, resume, reconcile, and the one that the operator-runtime
// sends when a component has said that a run has ended (settle). Called by decide-intent.ts.

import type { Awaitable } from '../../core/awaitable.ts';
import { reject, type Rejection } from '../../core/rejection.ts';
import { err } from '../../core/result.ts';
import type { Decision } from '../../domain/decision.ts';
import { decideResource } from '../../domain/resource/decide.ts';
import type { TargetCommand } from '../../messages/commands.ts';
import type { Entity } from '../../messages/entity.ts';
import type { Aggregate } from './aggregates.ts';
import type { DecideIntentContext } from './deciding.ts';
import { warnOfHolding } from './held-back.ts';
import { runWishOf } from './resource-types.ts';
import { retryIfStuck } from './stuck.ts';

type Expected = { readonly expectedGeneration?: number };

/** Whether there is an operator with the resource's type. */
const isHosted = ({ manifest }: Entity, context: DecideIntentContext): boolean => {
  const { operator, type } = manifest.resource;
  return context.operatorNamed(operator)?.manifest.operator.resources.some(({ name }) => name === type) === true;
};

/** `release`, and `delete` of a resource with force, which is the same. */
const releaseResource = async (
  { force }: TargetCommand,
  expected: Expected,
  { ref, resource }: Aggregate,
  context: DecideIntentContext,
): Promise<Decision> => {
  const { entity } = resource;
  const isOperatorGone = entity === undefined || !isHosted(entity, context);
  const lastStatus = entity === undefined ? undefined : await context.relations.lastStatusOf(entity);
  const by = context.request.actor;
  const command = { type: 'release', force: force === true, by, isOperatorGone, lastStatus, ...expected } as const;
  return decideResource(command, resource, context, ref);
};

/** A run that nobody would carry out is refused; a deletion that nobody would carry out is a wish that is kept, with a word about it. */
const orphanProblem = (
  verb: string,
  entity: Entity | undefined,
  context: DecideIntentContext,
): Rejection | undefined => {
  if (entity === undefined) return undefined;
  const { operator } = entity.manifest.resource;
  if (isHosted(entity, context)) return undefined;
  const message = `operator "${operator}" is gone, or has no such type any more, and nobody is there to do it`;
  if (verb === 'run' || verb === 'cancel' || verb === 'reconcile') {
    return reject('OPERATOR_NOT_FOUND', `${message}; register the operator again, or release the resource`);
  }
  const hint = 'register the operator again, or release the resource: what it has outside then stays';
  if (verb === 'delete') context.warn({ code: 'OPERATOR_GONE', severity: 'warning', message, hint, pointer: '' });
  return undefined;
};

/** The run's end, as the status says that the operator-runtime has seen. */
const settleRun = async (
  { uid = '', runId = '', statusSequence = 0 }: TargetCommand,
  { ref, resource }: Aggregate,
  context: DecideIntentContext,
): Promise<Decision> => {
  const { entity } = resource;
  const status = entity === undefined ? undefined : await context.relations.statusAt(entity, statusSequence);
  const observed = status?.uid === uid ? status.run : undefined;
  return decideResource({ type: 'settle', uid, runId, observed }, resource, context, ref);
};

const decideRunOf = (
  command: TargetCommand,
  expected: Expected,
  { ref, resource }: Aggregate,
  context: DecideIntentContext,
): Decision => {
  const { operator = '', type = '' } = resource.entity?.manifest.resource ?? {};
  const wish = runWishOf(command, context.operatorNamed(operator), type);
  return decideResource({ type: 'run', wish, ...expected }, resource, context, ref);
};

/** delete, cancel, suspend, resume and reconcile. */
const decideWish = (
  { verb, all = false }: TargetCommand,
  expected: Expected,
  aggregate: Aggregate,
  context: DecideIntentContext,
): Awaitable<Decision> => {
  const { ref, resource } = aggregate;
  switch (verb) {
    case 'cancel':
      return decideResource({ type: verb, all, ...expected }, resource, context, ref);
    case 'delete':
      return retryIfStuck(decideResource({ type: verb, ...expected }, resource, context, ref), aggregate, context);
    case 'suspend':
    case 'resume':
    case 'reconcile':
      return decideResource({ type: verb, ...expected }, resource, context, ref);
    default:
      return err(reject('COMMAND_INVALID', `${verb} does not work on resources`));
  }
};

export const decideResourceTarget = async (
  command: TargetCommand,
  expected: Expected,
  aggregate: Aggregate,
  context: DecideIntentContext,
): Promise<Decision> => {
  const { entity } = aggregate.resource;
  const { verb } = command;
  if (verb === 'settle') return settleRun(command, aggregate, context);
  if (verb === 'release' || (verb === 'delete' && command.force === true)) {
    return releaseResource(command, expected, aggregate, context);
  }
  const orphaned = orphanProblem(verb, entity, context);
  if (orphaned !== undefined) return err(orphaned);
  if (verb === 'run') return decideRunOf(command, expected, aggregate, context);
  if (entity !== undefined && isHosted(entity, context)) warnOfHolding(verb, entity, context.warn);
  return decideWish(command, expected, aggregate, context);
};
