// Who decides what: one decider for each verb on each kind of thing. A decider says which facts it needs (gather.ts fetches exactly those), and
// then decides on them, waiting for nothing. A verb that is not in the row of a kind does not work on it; readIntents refuses it before.

import type { Verb } from '../../messages/commands.ts';
import type { Kind } from '../../messages/subjects.ts';
import type { Decider, DecidersOf } from './case.ts';
import { operatorDeciders } from './decide-operator.ts';
import { resourceDeciders } from './decide-resource.ts';
import { secretDeciders } from './decide-secret.ts';

const deciders: { readonly [TKind in Kind]: DecidersOf<TKind> } = {
  operator: operatorDeciders,
  resource: resourceDeciders,
  secret: secretDeciders,
};

export const deciderOf = (kind: Kind, verb: Verb): Decider => {
  const row: Readonly<Partial<Record<Verb, Decider>>> = deciders[kind];
  const decider = row[verb];
  if (decider === undefined) throw new Error(`nothing decides ${verb} on a ${kind}`);
  return decider;
};
