// Deletes the thing outside, and says what may be left of it. It is gone when it is gone: an API that answers "accepted" is read until it says
// so.

import { isNotThere, leftToSettleMs, type HttpObject } from '../../sdk/index.ts';
import type { ObjectClaims } from './object-claims.ts';
import { WHAT, type ObjectMake } from './object-make.ts';
import { absenceIn, type ObjectRead } from './object-read.ts';
import { inputOf, tell, waiting, type Parts, type Waiting, type Work } from './work.ts';

/** `left`: what stays outside, or may; empty: nothing. */
export type Removed = { readonly kind: 'removed'; readonly left: string; readonly objectId?: string };

const nothing: Removed = { kind: 'removed', left: '' };

export const createObjectRemove = (
  parts: Parts,
  object: HttpObject,
  { claims, make, read }: { readonly claims: ObjectClaims; readonly make: ObjectMake; readonly read: ObjectRead },
) => {
  const { client, definition, now } = parts;
  const gone = object.delete?.gone ?? object.read.gone;
  /** Whether it is read until it is gone: where the request says DELETE, or the manifest says what gone is. */
  const isWaitedFor = object.delete?.method === 'DELETE' || gone !== undefined;

  const leftMsOf = (since: string | undefined): number => leftToSettleMs(since, definition.settleMs, now());

  const again = (work: Work, reason: string, message: string, leftMs: number): Waiting =>
    waiting(work, {
      ...{ status: 'deleting', reason, message },
      afterMs: Math.max(1, Math.min(leftMs, definition.pollIntervalMs)),
    });

  /** Its id; or there is none, and what may be there nevertheless. */
  const locate = async (work: Work): Promise<string | Removed | Waiting> => {
    const { objectId, intent } = work.record;
    if (objectId !== undefined) return objectId;
    if (intent?.what !== WHAT) return nothing;
    if (object.find === undefined) {
      const left = `a request to create it at ${intent.at} was not confirmed, and the manifest has no "find" to look for what it may have made: that may be left`;
      return { kind: 'removed', left };
    }
    for (const found of await make.found(work)) {
      if ((await claims.claim(work, found)) === undefined) return found;
    }
    const leftMs = leftMsOf(intent.at);
    const message = `what a request to create it at ${intent.at} may have made is looked for, to be deleted`;
    return leftMs > 0 ? again(work, 'CreateUnconfirmed', message, leftMs) : nothing;
  };

  const isGone = async (work: Work, objectId: string): Promise<boolean> =>
    (await read.look(work, objectId, gone)).kind !== 'there';

  const send = async (work: Work, objectId: string): Promise<'accepted' | 'gone' | 'unseen'> => {
    if (object.delete === undefined) return 'gone';
    try {
      await client.send(object.delete, inputOf(work, definition, objectId), work.context);
      return 'accepted';
    } catch (error) {
      if (!isNotThere(error)) throw error;
      return absenceIn(error).kind === 'unseen' && leftMsOf(work.record.kept?.madeAt) > 0 ? 'unseen' : 'gone';
    }
  };

  const removeIt = async (work: Work, objectId: string): Promise<Removed | Waiting> => {
    const removed: Removed = { kind: 'removed', left: '', objectId };
    const { kept } = work.record;
    const stillThere = `${objectId} is still there after the request to delete it was accepted`;
    const leftMs = leftMsOf(kept?.deletedAt);
    if (leftMs > 0) {
      if (await isGone(work, objectId)) return removed;
      return again(work, 'Deleting', stillThere, definition.pollIntervalMs);
    }
    const answered = await send(work, objectId);
    if (answered === 'gone' || (answered === 'accepted' && !isWaitedFor)) return removed;
    if (answered === 'unseen') {
      const message = `${objectId} was made a moment ago and is not to be seen yet; it is deleted when it is`;
      return again(work, 'Deleting', message, leftMsOf(kept?.madeAt));
    }
    const known = { objectId, kept: { ...kept, deletedAt: new Date(now()).toISOString() } };
    const after = { ...work, record: { ...work.record, ...known } };
    await tell(after, { status: 'deleting', message: stillThere });
    return (await isGone(after, objectId)) ? removed : again(after, 'Deleting', stillThere, definition.pollIntervalMs);
  };

  return async (work: Work): Promise<Removed | Waiting> => {
    const located = await locate(work);
    if (typeof located !== 'string') return located;
    const holder = await claims.claim(work, located);
    if (holder !== undefined)
      return { kind: 'removed', left: `${located} stays: it belongs to the resource ${holder}` };
    if (object.delete === undefined) {
      claims.drop(work, located);
      return { kind: 'removed', left: `${located} stays: the manifest has no way to delete it` };
    }
    const result = await removeIt(work, located);
    if (result.kind === 'removed') claims.drop(work, located);
    return result;
  };
};
