// What each verb does to a secret. Pure; see deciders.ts.

import type { Decision } from '../../domain/decision.ts';
import { decideSecret } from '../../domain/secret/decide.ts';
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
} from './case.ts';

const apply: Decider = {
  needs: needsNothing,
  decide: (one, context): Decision => {
    const wanted = wantedOf(one, 'secret');
    if (!wanted.ok) return wanted;
    const { ref, secret } = one.aggregate;
    const command = { type: 'apply', manifest: wanted.value.manifest, ...applyingBy(one, context) } as const;
    return decideSecret(command, secret, context, ref);
  },
};

const reseal: Decider = {
  needs: needsNothing,
  decide: (one, context) => {
    const wanted = wantedOf(one, 'secret');
    if (!wanted.ok) return wanted;
    const { ref, secret } = one.aggregate;
    return decideSecret({ type: 'reseal', manifest: wanted.value.manifest }, secret, context, ref);
  },
};

/** With force nobody asks who uses it. */
const mayBeInUse = (one: Case): boolean => one.aggregate.secret.secret !== undefined && targetOf(one).force !== true;

const remove: Decider = {
  needs: (one) => (mayBeInUse(one) ? ['secretUsers'] : NOTHING),
  decide: (one, context) => {
    const { ref, secret } = one.aggregate;
    const { force = false } = targetOf(one);
    const users = mayBeInUse(one) ? known(one, 'secretUsers') : { total: 0, operators: [] };
    return decideSecret({ type: 'delete', users, force, ...expectedBy(one, context) }, secret, context, ref);
  },
};

export const secretDeciders: DecidersOf<'secret'> = { apply, create: apply, patch: apply, delete: remove, reseal };
