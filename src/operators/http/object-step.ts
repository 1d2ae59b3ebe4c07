// Makes the thing outside be there and as declared: read, else find, else restore or create; update when it differs; delete. Level-based:
// every reconcile looks at the API again, and goes on from what the status says was intended. Each thing that is done to it is in the status and
// in the log.

import {
  createLedger,
  Fault,
  leftToSettleMs,
  notSeenYet,
  type ChangeReason,
  type ExternalChange,
  type HttpObject,
} from '../../sdk/index.ts';
import { createObjectChange, type Changed } from './object-change.ts';
import { createObjectClaims } from './object-claims.ts';
import { createObjectMake, WHAT, type Made } from './object-make.ts';
import { createObjectRead, type Observed } from './object-read.ts';
import { createObjectRemove } from './object-remove.ts';
import type { Record } from './record.ts';
import type { Answer } from './answer.ts';
import { tell, type Parts, type Report, type Waiting, type Work } from './work.ts';

/** `record`: what is known after it. `againAfterMs`: before the next resync. */
export type Ensured = Observed &
  Pick<Report, 'further'> & { readonly kind: 'there'; readonly record: Record; readonly againAfterMs?: number };

/** A place in the middle of a reconcile: the thing was read as `answer`, `how` it came to be there in this one. */
type Reached = {
  readonly work: Work;
  readonly objectId: string;
  readonly answer: Answer;
  readonly how?: ChangeReason;
};

const persists = (difference: string, heldUntilMs: number): NonNullable<Report['further']> => [
  {
    type: 'DriftPersists',
    status: 'True',
    reason: 'CorrectionsDoNotLast',
    message: `${difference}; corrected again and again, it came back each time. The next correction is at ${new Date(heldUntilMs).toISOString()}`,
  },
];

const withoutIntent = ({ intent, ...known }: Record): Record =>
  intent === undefined || intent.what === WHAT ? known : { ...known, intent };

export const createObjectStep = (parts: Parts, object: HttpObject) => {
  const { definition, now } = parts;
  const ledger = createLedger({ now, graceMs: definition.settleMs });
  const claims = createObjectClaims(ledger);
  const read = createObjectRead(parts, object);
  const make = createObjectMake(parts, object, { claims, ledger, read });
  const change = createObjectChange(parts, object);
  const remove = createObjectRemove(parts, object, { claims, make, read });

  /** Stores the id as soon as it is known. */
  const arrived = async (work: Work, { objectId, how }: Made): Promise<Work> => {
    const isNew = how !== 'Adopted';
    const { deletedAt: _d, madeAt: _m, drift: _f, ...before } = work.record.kept ?? {};
    const kept = isNew ? { ...before, madeAt: new Date(now()).toISOString() } : before;
    const appliedGeneration = isNew ? work.entity.generation : 0;
    const record = { ...withoutIntent(work.record), objectId, appliedGeneration, kept };
    const after = { ...work, record };
    const withdraw = work.record.intent?.what === WHAT;
    await tell(after, { status: 'pending', withdraw, change: { what: how } });
    return after;
  };

  const unseen = (work: Work, message: string, afterMs: number): Waiting => ({
    ...{ kind: 'wait', work, afterMs },
    report: { status: 'pending', conditions: notSeenYet(message), message },
  });

  const unseenYet = (work: Work, objectId: string): Waiting | undefined => {
    const { madeAt } = work.record.kept ?? {};
    const leftMs = leftToSettleMs(madeAt, definition.settleMs, now());
    if (leftMs <= 0) return undefined;
    const message = `${objectId} was made at ${madeAt ?? ''} and is not to be seen yet`;
    return unseen(work, message, Math.min(leftMs, definition.pollIntervalMs));
  };

  const restored = async (work: Work, objectId: string): Promise<Reached | Waiting> => {
    await make.restore(work, objectId);
    const record = { ...work.record, objectId, appliedGeneration: 0 };
    const after = { ...work, record };
    await tell(after, { status: 'pending', change: { what: 'Restored' } });
    const seen = await read.look(after, objectId);
    if (seen.kind === 'there') return { work: after, objectId, answer: seen.answer, how: 'Restored' };
    const message = `${objectId} was restored and is not to be seen yet`;
    return unseen(after, message, definition.pollIntervalMs);
  };

  const makeIt = async (work: Work): Promise<Reached | Waiting> => {
    const made = await make.findOrCreate(work);
    if (made.kind === 'wait') return made;
    const after = await arrived(work, made);
    const { objectId, how } = made;
    const seen = await read.look(after, objectId);
    if (seen.kind === 'there') return { work: after, objectId, how, answer: seen.answer };
    if (seen.kind === 'gone' && object.restore !== undefined) return restored(after, objectId);
    const wait = unseenYet(after, objectId);
    if (wait !== undefined) return wait;
    throw new Fault('COMPONENT_RETRYABLE', `what was found as ${objectId} is not there when it is read`);
  };

  const reach = async (work: Work): Promise<Reached | Waiting> => {
    const { objectId } = work.record;
    if (objectId === undefined) return makeIt(work);
    const holder = await claims.claim(work, objectId);
    if (holder !== undefined) {
      const { objectId: _theirs, ...others } = work.record;
      return claims.conflict({ ...work, record: others }, objectId, holder);
    }
    const seen = await read.look(work, objectId);
    if (seen.kind === 'there') return { work, objectId, answer: seen.answer };
    if (seen.kind === 'gone' && seen.answer !== undefined && object.restore !== undefined)
      return restored(work, objectId);
    if (seen.kind === 'unseen') {
      const wait = unseenYet(work, objectId);
      if (wait !== undefined) return wait;
    }
    claims.drop(work, objectId);
    return makeIt(work);
  };

  /** What was done is stored before anything else is asked: it would be done again. */
  const changed = async ({ work, objectId, how }: Reached, done: Changed): Promise<Work> => {
    const { generation } = work.entity;
    const isNew = work.record.appliedGeneration !== generation;
    const { drift: _before, ...kept } = work.record.kept ?? {};
    const drift = done.drift ?? (isNew ? undefined : work.record.kept?.drift);
    const record = {
      ...work.record,
      ...{ objectId, appliedGeneration: generation, kept: { ...kept, ...(drift === undefined ? {} : { drift }) } },
    };
    const after = { ...work, record };
    if (done.count === 0) return after;
    const what = how ?? (isNew ? 'Updated' : 'DriftCorrected');
    const change: ExternalChange = { what, message: done.difference };
    await tell(after, { status: 'pending', withdraw: work.record.intent?.what === WHAT, change });
    return after;
  };

  return {
    /** Which term it is; before anything else in each reconcile. */
    learn: ({ context }: Work): void => ledger.inTerm(context.fence),

    /** The thing as it is after this; its id is stored as soon as it is known. */
    ensure: async (given: Work): Promise<Ensured | Waiting> => {
      const reached = await reach(given);
      if ('kind' in reached) return reached;
      const { work, objectId, how } = reached;
      const isNew = (work.record.appliedGeneration ?? 0) !== work.entity.generation;
      const done = await change.bring(work, objectId, reached.answer, { isNew, isDrift: !isNew && how === undefined });
      const after = await changed(reached, done);
      const again = done.count === 0 ? undefined : await read.look(after, objectId);
      const answer = again?.kind === 'there' ? again.answer : reached.answer;
      const { heldUntilMs } = done;
      return {
        ...{ kind: 'there', ...(await read.observe(after, objectId, answer)), record: withoutIntent(after.record) },
        ...(heldUntilMs === undefined
          ? {}
          : { againAfterMs: heldUntilMs - now(), further: persists(done.difference, heldUntilMs) }),
      };
    },

    remove,
  };
};

export type ObjectStep = ReturnType<typeof createObjectStep>;
