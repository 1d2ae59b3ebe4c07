// What each verb does to an operator. Pure; see deciders.ts.

import { Fault } from '../../core/fault.ts';
import { reject } from '../../core/rejection.ts';
import { err } from '../../core/result.ts';
import type { Decision } from '../../domain/decision.ts';
import { decideOperator } from '../../domain/operator/decide.ts';
import { DELETION_GRACE_MS } from '../../domain/operator/deletion-grace.ts';
import { NOTHING_LEFT } from '../../messages/left-behind.ts';
import {
  applyingBy,
  expectedBy,
  known,
  needsNothing,
  NOTHING,
  targetOf,
  wantedOf,
  type Case,
  type Decider,
  type DecidersOf,
  type Scene,
} from './case.ts';

/** The jq programs that it brings must compile; then the resources that it has must fit what it becomes. */
const apply: Decider = {
  needs: (one) => {
    const { operator } = one.aggregate.operator;
    if (!wantedOf(one, 'operator').ok) return NOTHING;
    if (one.facts.programProblems === undefined) return ['programProblems'];
    const isSafe = operator === undefined || operator.deletionRequestedAt !== undefined;
    return isSafe || one.facts.programProblems.length > 0 ? NOTHING : ['breakages'];
  },
  decide: (one, context): Decision => {
    const { ref, operator: state } = one.aggregate;
    const wanted = wantedOf(one, 'operator');
    if (!wanted.ok) return wanted;
    const [first, ...others] = known(one, 'programProblems');
    if (first !== undefined) return err(reject('JQ_INVALID', first.message, [first, ...others]));
    const isHost = state.operator !== undefined && state.operator.deletionRequestedAt === undefined;
    const breakages = isHost ? known(one, 'breakages') : undefined;
    if (breakages !== undefined) return err(breakages);
    const { manifest } = wanted.value;
    return decideOperator({ type: 'apply', manifest, ...applyingBy(one, context) }, state, ref.name);
  },
};

const reseal: Decider = {
  needs: needsNothing,
  decide: (one) => {
    const wanted = wantedOf(one, 'operator');
    if (!wanted.ok) return wanted;
    const { ref, operator } = one.aggregate;
    return decideOperator({ type: 'reseal', manifest: wanted.value.manifest }, operator, ref.name);
  },
};

const restart: Decider = {
  needs: needsNothing,
  decide: (one, context) => {
    const { ref, operator } = one.aggregate;
    const { component } = targetOf(one);
    const which = component === undefined ? {} : { component };
    return decideOperator({ type: 'restart', ...which, ...expectedBy(one, context) }, operator, ref.name);
  },
};

const remove: Decider = {
  needs: ({ aggregate }) => (aggregate.operator.operator === undefined ? NOTHING : ['dependents']),
  decide: (one, context) => {
    const { ref, operator } = one.aggregate;
    const { force = false } = targetOf(one);
    const dependents = operator.operator === undefined ? NOTHING_LEFT : known(one, 'dependents');
    return decideOperator({ type: 'delete', dependents, force, ...expectedBy(one, context) }, operator, ref.name);
  },
};

/** Whether the operator is the one whose deletion shall end. */
const isMeant = (one: Case): boolean => {
  const { operator } = one.aggregate.operator;
  return operator !== undefined && operator.uid === (targetOf(one).uid ?? '');
};

const isInGrace = (one: Case, { time }: Scene): boolean => {
  const askedMs = Date.parse(one.aggregate.operator.operator?.deletionRequestedAt ?? '');
  return isMeant(one) && Date.parse(time) - askedMs < DELETION_GRACE_MS;
};

/**
 * The end of a deletion (P12). The operator-runtime asks for it, and is not believed: an operator goes when nothing can have been accepted any
 * more that needs it. Faults: JS_UNAVAILABLE (its grace is not over yet).
 */
const finalize: Decider = {
  needs: (one, scene) => (isMeant(one) && !isInGrace(one, scene) ? ['dependents', 'leftStorage'] : NOTHING),
  decide: (one, context) => {
    const { ref, operator } = one.aggregate;
    const { uid = '' } = targetOf(one);
    if (isInGrace(one, context)) {
      const message = `operator "${ref.name}" may still be found by commands under way; send it again`;
      throw new Fault('JS_UNAVAILABLE', message);
    }
    if (!isMeant(one)) return decideOperator({ type: 'finalize', uid, dependents: NOTHING_LEFT }, operator, ref.name);
    const [dependents, storage] = [known(one, 'dependents'), known(one, 'leftStorage')];
    return decideOperator({ type: 'finalize', uid, dependents, storage }, operator, ref.name);
  },
};

export const operatorDeciders: DecidersOf<'operator'> = {
  apply,
  create: apply,
  patch: apply,
  delete: remove,
  finalize,
  reseal,
  restart,
};
