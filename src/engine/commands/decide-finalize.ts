// Decides `finalize`, the end of a deletion (P12). The operator-runtime asks for it, and is not believed: a resource goes when the last status
// that is stored says `deleted` about it, an operator when nothing can have been accepted any more that needs it.

import { DELETION_GRACE_MS } from '../../domain/operator/deletion-grace.ts';
import { decideOperator } from '../../domain/operator/decide.ts';
import { decideResource } from '../../domain/resource/decide.ts';
import { Fault } from '../../core/fault.ts';
import type { Decision, DecisionContext } from '../../domain/decision.ts';
import type { TargetCommand } from '../../messages/commands.ts';
import { NOTHING_LEFT } from '../../messages/left-behind.ts';
import type { Aggregate } from './aggregates.ts';
import type { Relations } from './relations.ts';

type Context = DecisionContext & { readonly relations: Relations };

/** Faults: JS_UNAVAILABLE (the grace of an operator is not over yet), and those of the relations. */
export const decideFinalize = async (
  { uid = '' }: TargetCommand,
  { ref, resource, operator }: Aggregate,
  context: Context,
): Promise<Decision> => {
  if (ref.kind === 'operator') {
    const known = operator.operator;
    const isMeant = known !== undefined && known.uid === uid;
    const askedMs = isMeant ? Date.parse(known.deletionRequestedAt ?? '') : Number.NaN;
    if (Date.parse(context.time) - askedMs < DELETION_GRACE_MS) {
      throw new Fault(
        'JS_UNAVAILABLE',
        `operator "${ref.name}" may still be found by commands under way; send it again`,
      );
    }
    if (!isMeant) return decideOperator({ type: 'finalize', uid, dependents: NOTHING_LEFT }, operator, ref.name);
    const dependents = await context.relations.dependentsOf(ref.name);
    const storage = await context.relations.storageLeftBy(known);
    return decideOperator({ type: 'finalize', uid, dependents, storage }, operator, ref.name);
  }
  const { entity } = resource;
  const lastStatus = entity?.uid === uid ? await context.relations.lastStatusOf(entity) : undefined;
  return decideResource({ type: 'finalize', uid, lastStatus }, resource, context, ref);
};
