// The model and the sync as the spec describes them, each found by its slug, created when it is not there, changed when it differs. A slug
// is unique, so a creation whose answer was lost is found the next time. What the API cannot change (source, query type, destination,
// model of a sync) is refused with a message, never worked around. Of a configuration only what the spec names is ours: keys that
// Hightouch or its users put beside stay, so a key that is taken out of the spec stays too (null clears it).

import { Fault, isJsonObject, type JsonObject, type JsonValue } from '../../sdk/index.ts';
import { knownId, statusOf, type CallContext, type Hightouch } from './client.ts';
import { jsonId, type Id } from './ids.ts';
import { includes, type HightouchRequest } from './request.ts';

export type Ensured = {
  readonly modelId: Id;
  readonly modelSlug: string;
  readonly syncId: Id;
  readonly syncSlug: string;
};

const MODEL_FIXED = ['sourceId', 'queryType'];
const SYNC_FIXED = ['destinationId', 'modelId'];

/** `changed`: fields that were not as described, each as `models.name`; all of what had to be created is `models` or `syncs`. */
export type Ensuring = { readonly ensured: Ensured; readonly changed: readonly string[] };
type One = { readonly id: Id; readonly changed: readonly string[] };

const refusal = (text: string): Fault =>
  new Fault('COMPONENT_TERMINAL', text, { retry: 'never', details: { status: 422, outcome: 'none' } });

/** `wanted` over `found`, object by object; lists are whole. */
const over = (found: JsonValue | undefined, wanted: JsonValue): JsonValue =>
  isJsonObject(found) && isJsonObject(wanted)
    ? { ...found, ...Object.fromEntries(Object.entries(wanted).map(([key, value]) => [key, over(found[key], value)])) }
    : wanted;

const ensureOne = async (
  api: Hightouch,
  kind: 'models' | 'syncs',
  wanted: JsonObject & { readonly slug: string },
  fixed: readonly string[],
  call: CallContext,
): Promise<One> => {
  const what = `${kind}/${wanted.slug}`;
  let found = await api.find(kind, wanted.slug, call);
  if (found === undefined) {
    try {
      return { id: knownId(await api.create(kind, wanted, call), what), changed: [kind] };
    } catch (error) {
      if (statusOf(error) !== 409) throw error;
      // Somebody else has just created it.
      found = await api.find(kind, wanted.slug, call);
      if (found === undefined) throw error;
    }
  }
  const id = knownId(found, what);
  const different = Object.entries(wanted).filter(([field, value]) => !includes(found[field], value));
  const stuck = different.find(([field]) => fixed.includes(field));
  if (stuck !== undefined) {
    const [field, value] = stuck;
    throw refusal(
      `${what} exists with ${field} ${JSON.stringify(found[field] ?? null)}, wanted ${JSON.stringify(value)}; it cannot be changed: use another slug`,
    );
  }
  if (different.length > 0) {
    const changes = different.map(
      ([field, value]) => [field, field === 'configuration' ? over(found[field], value) : value] as const,
    );
    await api.update(kind, id, Object.fromEntries(changes), call);
  }
  return { id, changed: different.map(([field]) => `${kind}.${field}`) };
};

/** Faults: COMPONENT_TERMINAL with `status` when Hightouch refuses what is described. */
export const ensure = async (
  api: Hightouch,
  { model, sync }: HightouchRequest,
  call: CallContext,
): Promise<Ensuring> => {
  const madeModel = await ensureOne(api, 'models', model, MODEL_FIXED, call);
  const madeSync = await ensureOne(api, 'syncs', { ...sync, modelId: jsonId(madeModel.id) }, SYNC_FIXED, call);
  const ensured = { modelId: madeModel.id, modelSlug: model.slug, syncId: madeSync.id, syncSlug: sync.slug };
  return { ensured, changed: [...madeModel.changed, ...madeSync.changed] };
};
