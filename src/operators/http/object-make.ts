// A thing that is not there: found and adopted, restored, or made. A request to make one is intended in the status before it is sent; as long as
// it is not known what became of it, nothing is made again before it was looked for.

import {
  Fault,
  isFault,
  leftToSettleMs,
  outcomeOf,
  ownerOf,
  type ChangeReason,
  type HttpObject,
  type Ledger,
} from '../../sdk/index.ts';
import { withLookUps } from './look-ups.ts';
import type { ObjectClaims } from './object-claims.ts';
import type { ObjectRead } from './object-read.ts';
import { idOf, intentTo } from './record.ts';
import type { Answer } from './answer.ts';
import { inputOf, tell, waiting, type Parts, type Waiting, type Work } from './work.ts';

export const WHAT = 'object';

/** `answer`: what was read of it, when it was. */
export type Made = {
  readonly kind: 'made';
  readonly objectId: string;
  readonly how: ChangeReason;
  readonly answer?: Answer;
};

export const createObjectMake = (
  parts: Parts,
  object: HttpObject,
  { claims, ledger, read }: { readonly claims: ObjectClaims; readonly ledger: Ledger; readonly read: ObjectRead },
) => {
  const { client, definition, now } = parts;

  const found = async (work: Work): Promise<readonly string[]> => {
    if (object.find === undefined) return [];
    const input = await withLookUps(client, object.let, object.find, inputOf(work, definition), work.context);
    const all = await client.find(object.find, input, work.context);
    return all.map(({ externalId }) => externalId);
  };

  /** The first that is there, or can be restored, and belongs to nobody else. */
  const adopt = async (work: Work, candidates: readonly string[]): Promise<Made | Waiting | undefined> => {
    const afterMs = claims.adoptableAfterMs(work);
    if (afterMs > 0) {
      const message = `found ${candidates[0] ?? ''} outside; the other resources have a moment to say whether it is theirs`;
      return waiting(work, { status: 'pending', reason: 'Adopting', message, afterMs });
    }
    // One of them may be what another is being told of at this moment.
    await ledger.startsEnded(WHAT);
    let taken: Waiting | undefined;
    for (const objectId of candidates) {
      const seen = await read.look(work, objectId);
      if (seen.kind === 'unseen' || (seen.kind === 'gone' && object.restore === undefined)) continue;
      const holder = await claims.claim(work, objectId);
      if (holder === undefined) {
        const { answer } = seen;
        if (candidates.length > 1)
          work.context.log.warn({ count: candidates.length, objectId }, 'several things match, one of them is taken');
        return { kind: 'made', objectId, how: 'Adopted', ...(answer === undefined ? {} : { answer }) };
      }
      taken ??= claims.conflict(work, objectId, holder);
    }
    return taken;
  };

  const create = async (work: Work): Promise<string> => {
    client.ready();
    const at = new Date(now()).toISOString();
    const intent = intentTo(WHAT, at, work.context.fence, work.record.intent);
    const input = await withLookUps(client, object.let, object.create, inputOf(work, definition), work.context);
    const message = `to be made, as intended at ${at}`;
    await tell(work, { status: 'pending', record: { intent }, message });
    const intended = { ...work, record: { ...work.record, intent } };
    try {
      return await ledger.whileStarting(WHAT, async () => {
        const seen = { ...inputOf(intended, definition), ...('let' in input ? { let: input['let'] ?? null } : {}) };
        const answer = await client.send(object.create, seen, work.context, true);
        const objectId = idOf(await client.read(object.create.externalId, seen, answer), 'create');
        ledger.take(objectId, ownerOf(work.entity));
        return objectId;
      });
    } catch (error) {
      // Nothing was made, and that is certain: nothing is to be looked for.
      if (outcomeOf(error) === 'none') {
        const why = isFault(error) ? { message: error.message } : {};
        await tell(intended, { status: 'error', withdraw: true, ...why });
      }
      throw error;
    }
  };

  return {
    found,

    restore: async (work: Work, objectId: string): Promise<void> => {
      if (object.restore === undefined) return;
      const input = inputOf(work, definition, objectId);
      const seen = await withLookUps(client, object.let, object.restore, input, work.context);
      await client.send(object.restore, seen, work.context);
    },

    findOrCreate: async (work: Work): Promise<Made | Waiting> => {
      const candidates = await found(work);
      const adopted = candidates.length === 0 ? undefined : await adopt(work, candidates);
      if (adopted !== undefined) return adopted;
      const { intent, objectId } = work.record;
      if (intent?.what === WHAT && object.find === undefined) {
        const message = `a request to create it at ${intent.at} was not confirmed, and the manifest has no "find" to look for what it may have made; look outside, then delete and declare the resource anew`;
        throw new Fault('COMPONENT_TERMINAL', message, { retry: 'never' });
      }
      const leftMs = leftToSettleMs(intent?.what === WHAT ? intent.at : undefined, definition.settleMs, now());
      if (leftMs > 0) {
        const message = `a request to create it at ${intent?.at ?? ''} was not confirmed; what it may have made is looked for`;
        const afterMs = Math.min(leftMs, definition.pollIntervalMs);
        return waiting(work, { status: 'pending', reason: 'CreateUnconfirmed', message, afterMs });
      }
      return {
        kind: 'made',
        objectId: await create(work),
        how: objectId === undefined ? 'Created' : 'Recreated',
      };
    },
  };
};

export type ObjectMake = ReturnType<typeof createObjectMake>;
