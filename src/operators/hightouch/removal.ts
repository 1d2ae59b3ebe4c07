// What deletion does: the sync is disabled, for the API can delete nothing, and the last status says what stays. A sync that another
// resource uses too is left alone. Which resources use which sync is known once each was looked at in this process (uses.ts).

import {
  hasEnded,
  isJsonObject,
  isNotThere,
  leftToSettleMs,
  notReady,
  notSeenYet,
  type Entity,
  type ReconcileResult,
} from '../../sdk/index.ts';
import { knownId } from './client.ts';
import type { Known } from './ensure.ts';
import type { Id } from './ids.ts';
import type { Parts } from './parts.ts';
import { hightouchRequest } from './request.ts';
import type { Work } from './run-record.ts';

/** Ids and slugs of the syncs that the resource has or may have to do with. */
export const syncsOf = (entity: Entity, known: Known, record: Work['record']): readonly string[] => {
  const { sync, trigger } = entity.manifest.resource.spec;
  const slugs = [
    isJsonObject(sync) ? sync['slug'] : undefined,
    isJsonObject(trigger) ? trigger['syncSlug'] : undefined,
  ];
  const ids = [known.sync?.id, record?.intent?.syncId, isJsonObject(trigger) ? trigger['syncId'] : undefined];
  return [...slugs, ...ids].flatMap((one) => (typeof one === 'string' || typeof one === 'number' ? [String(one)] : []));
};

/** `disabled`: the id of a sync that was there to be disabled. */
const whatStays = ({ record, known }: Work, others: readonly string[], disabled: Id | undefined): string => {
  const mayRun = record?.intent !== undefined && !hasEnded(record.state);
  const run = mayRun ? `; run ${record.externalId ?? '(not confirmed)'} may still be under way` : '';
  const model = known.model === undefined ? 'its model' : `model ${known.model.id} (${known.model.slug})`;
  if (others.length > 0)
    return `its sync stays as it is, which is used by ${others.join(', ')} too; ${model} stays at Hightouch${run}`;
  if (disabled === undefined && known.sync === undefined && known.model !== undefined)
    return `${model} stays at Hightouch, whose API cannot delete it`;
  if (disabled === undefined) return 'nothing of it is at Hightouch';
  return `sync ${disabled} is disabled; it and ${model} stay at Hightouch, whose API cannot delete them${run}`;
};

export const createRemover = ({ api, uses, ledger, now, settings }: Parts) => {
  /** The sync that the resource made, or may have made before that could be recorded. */
  const syncToDisable = async ({ entity, known, call, record }: Work): Promise<Id | undefined> => {
    if (known.sync !== undefined) return known.sync.id;
    if (record === undefined) return undefined;
    const made = hightouchRequest(entity.manifest.resource.spec);
    if ('problems' in made) return undefined;
    const { slug } = made.request.sync;
    const found = await api.find('syncs', slug, call);
    return found === undefined ? undefined : knownId(found, `syncs/${slug}`);
  };

  /** Resources that use the sync and stay. */
  const othersUsing = async ({ entity, known, context }: Work, type: string): Promise<readonly string[]> => {
    const { sync } = entity.manifest.resource.spec;
    const slug = isJsonObject(sync) && typeof sync['slug'] === 'string' ? [sync['slug']] : [];
    const syncs = [...(known.sync === undefined ? [] : [known.sync.id]), ...slug];
    const others = await Promise.all(
      uses.othersUsing(entity.key, syncs).map(async (key) => ({
        key,
        other: await context.controller.getEntity(key, type),
      })),
    );
    return others.flatMap(({ key, other }) =>
      other === undefined || other.deletionRequestedAt !== undefined ? [] : [key],
    );
  };

  /** A number: it was made a moment ago and is not to be seen yet; ms that it is still waited for. */
  const disable = async ({ known: { sync }, call }: Work, syncId: Id): Promise<'done' | 'gone' | number> => {
    try {
      await api.update('syncs', syncId, { disabled: true }, call);
      return 'done';
    } catch (error) {
      if (!isNotThere(error)) throw error;
      return leftToSettleMs(sync?.madeAt, settings.settleMs, now()) || 'gone';
    }
  };

  return async (work: Work): Promise<ReconcileResult> => {
    const { entity, known, record, status, context } = work;
    const hadAny = record !== undefined || known.model !== undefined;
    const waitMs = ledger().claimsKnownMs() - now();
    if (hadAny && waitMs > 0) return { requeueAfterMs: Math.ceil(waitMs) };
    const others = hadAny ? await othersUsing(work, entity.manifest.resource.type) : [];
    const syncId = others.length === 0 ? await syncToDisable(work) : undefined;
    const disabled = syncId === undefined ? 'gone' : await disable(work, syncId);
    const properties = status?.properties ?? {};
    if (typeof disabled === 'number') {
      const message = `sync ${syncId} was made a moment ago and is not to be seen yet; it is disabled when it is`;
      await context.controller.updateEntityStatus({
        key: entity.key,
        status: 'deleting',
        message,
        properties,
        conditions: notSeenYet(message),
      });
      return { requeueAfterMs: Math.min(settings.pollIntervalMs, disabled + 1) };
    }
    const message = whatStays(work, others, disabled === 'done' ? syncId : undefined);
    await context.controller.updateEntityStatus({
      ...{ key: entity.key, status: 'deleted', message, properties, change: { what: 'Deleted', message } },
      conditions: [notReady('Deleted', message)],
    });
    uses.forget(entity.key);
    ledger().release(entity.key);
    return {};
  };
};
