// The model and the sync as the spec describes them, each found by its slug, created when it is not there, changed when it differs. A slug
// is unique, so a creation whose answer was lost is found the next time. What was created is told at once, and waited for when Hightouch does
// not list it yet. What the API cannot change (source, query type, destination, model of a sync) is refused with a message, never worked around.
// Of a configuration only what the spec names is ours: keys that Hightouch or its users put beside stay, so a key that is taken out of the spec
// stays too (null clears it).

import {
  differenceText,
  Fault,
  isJsonObject,
  leftToSettleMs,
  type ChangeReason,
  type ExternalChange,
  type JsonObject,
  type JsonValue,
} from '../../sdk/index.ts';
import { knownId, statusOf, type CallContext, type Hightouch } from './client.ts';
import { jsonId, type Id } from './ids.ts';
import { includes, type HightouchRequest } from './request.ts';

/** `madeAt`: when this resource made it; RFC 3339. */
export type Thing = { readonly id: Id; readonly slug: string; readonly madeAt?: string };

/** What is known to be at Hightouch for the resource. `appliedGeneration`: of the resource when both were last brought to what it describes. */
export type Known = { readonly model?: Thing; readonly sync?: Thing; readonly appliedGeneration?: number };
export type Ensured = Known & { readonly model: Thing; readonly sync: Thing };

const MODEL_FIXED = ['sourceId', 'queryType'];
const SYNC_FIXED = ['destinationId', 'modelId'];

/** It was made a moment ago, and is not listed yet. */
export type Unseen = { readonly kind: 'unseen'; readonly message: string; readonly leftMs: number };
export type Ensuring = { readonly kind: 'there'; readonly ensured: Ensured; readonly isChanged: boolean };

export type EnsureParts = {
  readonly api: Hightouch;
  readonly settleMs: number;
  /** Never shown in what differed. */
  readonly secrets: readonly string[];
  now(): number;
};

export type EnsureFor = {
  readonly request: HightouchRequest;
  readonly known: Known;
  readonly generation: number;
  readonly call: CallContext;
  /** Called after each change, before the next: what is known by then, and all that was done. */
  tell(known: Known, change: ExternalChange): Promise<void>;
};

const refusal = (text: string): Fault =>
  new Fault('COMPONENT_TERMINAL', text, { retry: 'never', details: { status: 422, outcome: 'none' } });

/** `wanted` over `found`, object by object; lists are whole. */
const over = (found: JsonValue | undefined, wanted: JsonValue): JsonValue =>
  isJsonObject(found) && isJsonObject(wanted)
    ? { ...found, ...Object.fromEntries(Object.entries(wanted).map(([key, value]) => [key, over(found[key], value)])) }
    : wanted;

const isDone = (made: Done | JsonObject): made is Done => made['kind'] === 'done';

type Wanted = {
  readonly kind: 'models' | 'syncs';
  readonly wanted: JsonObject & { readonly slug: string };
  readonly fixed: readonly string[];
  readonly before: Thing | undefined;
};
/** `what` undefined: it was as it is wanted. */
type Done = {
  readonly kind: 'done';
  readonly thing: Thing;
  readonly what?: Exclude<ChangeReason, 'Deleted' | 'Restored'>;
  readonly message: string;
};

/** What is said of several: the first of these that was done. */
const TELLING: readonly ChangeReason[] = ['Recreated', 'Created', 'Adopted', 'Updated', 'DriftCorrected'];

const NAMES = { models: 'model', syncs: 'sync' } as const;

export const createEnsure = ({ api, settleMs, secrets, now }: EnsureParts) => {
  const refuseFixed = (what: string, found: JsonObject, [field, value]: readonly [string, JsonValue]): never => {
    const is = JSON.stringify(found[field] ?? null);
    throw refusal(
      `${what} exists with ${field} ${is}, wanted ${JSON.stringify(value)}; it cannot be changed: use another slug`,
    );
  };

  const make = async ({ kind, wanted, before }: Wanted, call: CallContext): Promise<Done | JsonObject> => {
    const { slug } = wanted;
    try {
      const id = knownId(await api.create(kind, wanted, call), `${kind}/${slug}`);
      const thing = { id, slug, madeAt: new Date(now()).toISOString() };
      const what = before === undefined ? 'Created' : 'Recreated';
      return { kind: 'done', thing, what, message: `${NAMES[kind]} ${id} (${slug})` };
    } catch (error) {
      if (statusOf(error) !== 409) throw error;
      // Somebody else has just created it.
      const found = await api.find(kind, slug, call);
      if (found === undefined) throw error;
      return found;
    }
  };

  const bring = async (
    { kind, wanted, fixed, before }: Wanted,
    found: JsonObject,
    isApplied: boolean,
    call: CallContext,
  ): Promise<Done> => {
    const { slug } = wanted;
    const what = `${kind}/${slug}`;
    const id = knownId(found, what);
    const different = Object.entries(wanted).filter(([field, value]) => !includes(found[field], value));
    const stuck = different.find(([field]) => fixed.includes(field));
    if (stuck !== undefined) return refuseFixed(what, found, stuck);
    const difference = differenceText(Object.fromEntries(different), found, {
      ...{ secrets, under: NAMES[kind], unshown: 'null' },
    });
    if (different.length > 0) {
      const changes = different.map(
        ([field, value]) => [field, field === 'configuration' ? over(found[field], value) : value] as const,
      );
      await api.update(kind, id, Object.fromEntries(changes), call);
    }
    if (before?.id !== id) {
      const message = [`${NAMES[kind]} ${id} (${slug})`, difference].filter((one) => one !== '').join('; ');
      return { kind: 'done', thing: { id, slug }, what: 'Adopted', message };
    }
    const done = { kind: 'done', thing: before, message: difference } as const;
    return different.length === 0 ? done : { ...done, what: isApplied ? 'DriftCorrected' : 'Updated' };
  };

  const ensureOne = async (given: Wanted, isApplied: boolean, call: CallContext): Promise<Done | Unseen> => {
    const { kind, wanted } = given;
    const before = given.before?.slug === wanted.slug ? given.before : undefined;
    const known = { ...given, before };
    const found = await api.find(kind, wanted.slug, call);
    if (found !== undefined) return bring(known, found, isApplied, call);
    const leftMs = leftToSettleMs(before?.madeAt, settleMs, now());
    if (before !== undefined && leftMs > 0) {
      const message = `${NAMES[kind]} ${before.id} (${before.slug}) was made at ${before.madeAt ?? ''} and is not to be seen yet`;
      return { kind: 'unseen', message, leftMs };
    }
    const made = await make(known, call);
    return isDone(made) ? made : bring(known, made, isApplied, call);
  };

  /** Faults: COMPONENT_TERMINAL with `status` when Hightouch refuses what is described. */
  return async ({ request, known, generation, call, tell }: EnsureFor): Promise<Ensuring | Unseen> => {
    const { model, sync } = request;
    const isApplied = known.appliedGeneration === generation;
    const changes: Done[] = [];
    const note = async (done: Done, knownNow: Known): Promise<void> => {
      if (done.what === undefined) return;
      changes.push(done);
      const what = TELLING.find((one) => changes.some((change) => change.what === one)) ?? done.what;
      await tell(knownNow, { what, message: changes.map(({ message }) => message).join('; ') });
    };
    const ofModel = { kind: 'models', wanted: model, fixed: MODEL_FIXED, before: known.model } as const;
    const first = await ensureOne(ofModel, isApplied, call);
    if (first.kind === 'unseen') return first;
    const withModel = { ...known, model: first.thing };
    await note(first, withModel);
    const wanted = { ...sync, modelId: jsonId(first.thing.id) };
    const second = await ensureOne({ kind: 'syncs', wanted, fixed: SYNC_FIXED, before: known.sync }, isApplied, call);
    if (second.kind === 'unseen') return second;
    const ensured = { ...withModel, sync: second.thing };
    await note(second, ensured);
    return { kind: 'there', ensured: { ...ensured, appliedGeneration: generation }, isChanged: changes.length > 0 };
  };
};

export type Ensure = ReturnType<typeof createEnsure>;
