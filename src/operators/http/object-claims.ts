// Which resource a thing outside belongs to: the first that has it. The second says so (`Conflict`), writes nothing and deletes nothing. The claims of
// this process are of one resource type; what each status has recorded is claimed again at the first look of a term.

import { ownerOf, type Ledger } from '../../sdk/index.ts';
import { waiting, type Waiting, type Work } from './work.ts';

const AGAIN_MS = 30_000;

export type ObjectClaims = {
  /** Claims the thing. Otherwise the name of the resource that has it. */
  claim(work: Work, objectId: string): Promise<string | undefined>;
  /** A search found the thing: how long others have time to say that it is theirs. */
  adoptableAfterMs(work: Work): number;
  conflict(work: Work, objectId: string, holder: string): Waiting;
  /** The thing is gone, or nothing is known of whose it is any more. */
  drop(work: Work, objectId: string): void;
};

export const createObjectClaims = (ledger: Ledger): ObjectClaims => ({
  claim: async ({ entity, context }, objectId) => {
    const owner = ownerOf(entity);
    if (ledger.take(objectId, owner)) return undefined;
    const [key = '', uid = ''] = (ledger.holderOf(objectId) ?? '').split(' ');
    const holder = await context.controller.getEntity(key, entity.manifest.resource.type);
    if (holder !== undefined && holder.uid === uid) return key;
    // Released, or deleted with the thing left outside.
    ledger.drop(objectId);
    return ledger.take(objectId, owner) ? undefined : key;
  },
  adoptableAfterMs: ({ entity }) => ledger.adoptableAfterMs(ownerOf(entity)),
  conflict: (work, objectId, holder) => {
    const message = `${objectId} belongs to the resource ${holder}; nothing is written to it for this one. Let it mean another thing, or delete one of the two`;
    return waiting(work, {
      ...{ reason: 'Conflict', message, status: 'error', afterMs: AGAIN_MS },
      further: [{ type: 'Conflict', status: 'True', reason: 'BelongsToAnother', message }],
    });
  },
  drop: ({ entity }, objectId) => {
    if (ledger.holderOf(objectId) === ownerOf(entity)) ledger.drop(objectId);
  },
});
