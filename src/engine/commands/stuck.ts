// A command that changes nothing, sent again for a resource that is stuck: who sends it has mended something, or wants to see whether it
// works now. So it asks the component to look at once instead of being `unchanged`. Called by decide-intent.ts where a decision has no events.

import { decideResource } from '../../domain/resource/decide.ts';
import type { Decision, DecisionContext } from '../../domain/decision.ts';
import { saysStuck } from '../../messages/entity.ts';
import type { Awaitable } from '../../core/awaitable.ts';
import type { Aggregate } from './aggregates.ts';
import type { Relations } from './relations.ts';

/** Faults: as `lastStatusOf`; what cannot be read is not taken for well. */
export const retryIfStuck = (
  decision: Decision,
  { ref, resource }: Aggregate,
  context: DecisionContext & { readonly relations: Relations },
): Awaitable<Decision> => {
  const { entity } = resource;
  if (!decision.ok || decision.value.length > 0 || entity === undefined) return decision;
  return context.relations
    .lastStatusOf(entity)
    .then((status) =>
      status?.uid === entity.uid && saysStuck(status)
        ? decideResource({ type: 'reconcile' }, resource, context, ref)
        : decision,
    );
};
