// The model and the sync as the spec describes them, each found by its slug, created when it is not there, changed when it differs. A slug
// is unique, so a creation whose answer was lost is found the next time. What the API cannot change (source, query type, destination,
// model of a sync) is refused with a message, never worked around.

import { Fault, type JsonObject } from '../../sdk/index.ts';
import { idOf, statusOf, type CallContext, type Hightouch } from './client.ts';
import { includes, type HightouchRequest } from './request.ts';

export type Ensured = {
  readonly modelId: number;
  readonly modelSlug: string;
  readonly syncId: number;
  readonly syncSlug: string;
};

const MODEL_FIXED = ['sourceId', 'queryType'];
const SYNC_FIXED = ['destinationId', 'modelId'];

const refusal = (text: string): Fault =>
  new Fault('COMPONENT_TERMINAL', text, { retry: 'never', details: { status: 422, outcome: 'none' } });

const known = (value: JsonObject, what: string): number => {
  const id = idOf(value);
  if (id !== undefined) return id;
  throw new Fault('COMPONENT_RETRYABLE', `${what}: the answer has no id`, { details: { outcome: 'unknown' } });
};

const ensureOne = async (
  api: Hightouch,
  kind: 'models' | 'syncs',
  wanted: JsonObject & { readonly slug: string },
  fixed: readonly string[],
  call: CallContext,
): Promise<number> => {
  const what = `${kind}/${wanted.slug}`;
  let found = await api.find(kind, wanted.slug, call);
  if (found === undefined) {
    try {
      return known(await api.create(kind, wanted, call), what);
    } catch (error) {
      if (statusOf(error) !== 409) throw error;
      // Somebody else has just created it.
      found = await api.find(kind, wanted.slug, call);
      if (found === undefined) throw error;
    }
  }
  const id = known(found, what);
  const different = Object.entries(wanted).filter(([field, value]) => !includes(found[field], value));
  const stuck = different.find(([field]) => fixed.includes(field));
  if (stuck !== undefined) {
    const [field, value] = stuck;
    throw refusal(
      `${what} exists with ${field} ${JSON.stringify(found[field] ?? null)}, wanted ${JSON.stringify(value)}; it cannot be changed: use another slug`,
    );
  }
  if (different.length > 0) await api.update(kind, id, Object.fromEntries(different), call);
  return id;
};

/** Faults: COMPONENT_TERMINAL with `status` when Hightouch refuses what is described. */
export const ensure = async (
  api: Hightouch,
  { model, sync }: HightouchRequest,
  call: CallContext,
): Promise<Ensured> => {
  const modelId = await ensureOne(api, 'models', model, MODEL_FIXED, call);
  const syncId = await ensureOne(api, 'syncs', { ...sync, modelId }, SYNC_FIXED, call);
  return { modelId, modelSlug: model.slug, syncId, syncSlug: sync.slug };
};
