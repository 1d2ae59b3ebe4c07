// What deletion does: the sync is disabled, for the API can delete nothing, and the last status says what stays. A sync that another
// resource uses too is left alone. Which resources use which sync is known once each was looked at in this process (ledger.ts).

import {
  isJsonObject,
  isNotThere,
  notReady,
  type Entity,
  type EntityKey,
  type EntityStatus,
  type ReconcileResult,
} from '../../sdk/index.ts';
import { knownId } from './client.ts';
import type { Ensured } from './ensure.ts';
import type { Id } from './ids.ts';
import { othersKnownMs, type Parts, type Work } from './parts.ts';
import { hightouchRequest } from './request.ts';
import { hasEnded, type RunRecord } from './run-record.ts';

/** Ids and slugs of the syncs that the resource has or may have to do with. */
export const syncsOf = (
  entity: Entity,
  ensured: Ensured | undefined,
  record: RunRecord | undefined,
): readonly string[] => {
  const { sync, trigger } = entity.manifest.resource.spec;
  const slugs = [
    isJsonObject(sync) ? sync['slug'] : undefined,
    isJsonObject(trigger) ? trigger['syncSlug'] : undefined,
  ];
  const ids = [ensured?.syncId, record?.intent?.syncId, isJsonObject(trigger) ? trigger['syncId'] : undefined];
  return [...slugs, ...ids].flatMap((one) => (typeof one === 'string' || typeof one === 'number' ? [String(one)] : []));
};

/** `disabled`: the id of a sync that was there to be disabled. */
const whatStays = ({ record, ensured }: Work, others: readonly string[], disabled: Id | undefined): string => {
  const mayRun = record?.intent !== undefined && !hasEnded(record.state);
  const run = mayRun ? `; run ${record.externalRunId ?? '(not confirmed)'} may still be under way` : '';
  const model = ensured === undefined ? 'its model' : `model ${ensured.modelId} (${ensured.modelSlug})`;
  if (others.length > 0)
    return `its sync stays as it is, which is used by ${others.join(', ')} too; ${model} stays at Hightouch${run}`;
  if (disabled === undefined) return 'nothing of it is at Hightouch';
  return `sync ${disabled} is disabled; it and ${model} stay at Hightouch, whose API cannot delete them${run}`;
};

export const createRemover = (
  parts: Parts,
  getEntity: (key: EntityKey, type: string) => Promise<Entity | undefined>,
): ((work: Work, status: EntityStatus | undefined) => Promise<ReconcileResult>) => {
  const { api, ledger, now } = parts;

  /** The sync that the resource made, or may have made before that could be recorded. */
  const syncToDisable = async ({ entity, ensured, call, record }: Work): Promise<Id | undefined> => {
    if (ensured !== undefined) return ensured.syncId;
    if (record === undefined) return undefined;
    const made = hightouchRequest(entity.manifest.resource.spec);
    if ('problems' in made) return undefined;
    const { slug } = made.request.sync;
    const found = await api.find('syncs', slug, call);
    return found === undefined ? undefined : knownId(found, `syncs/${slug}`);
  };

  /** Resources that use the sync and stay. */
  const othersUsing = async ({ entity, ensured }: Work, type: string): Promise<readonly string[]> => {
    const { sync } = entity.manifest.resource.spec;
    const slug = isJsonObject(sync) && typeof sync['slug'] === 'string' ? [sync['slug']] : [];
    const syncs = [...(ensured === undefined ? [] : [ensured.syncId]), ...slug];
    const others = await Promise.all(
      ledger.othersUsing(entity.key, syncs).map(async (key) => ({ key, other: await getEntity(key, type) })),
    );
    return others.flatMap(({ key, other }) =>
      other === undefined || other.deletionRequestedAt !== undefined ? [] : [key],
    );
  };

  return async (work, status) => {
    const { entity, call, ensured, record } = work;
    const hadAny = record !== undefined || ensured !== undefined;
    const waitMs = othersKnownMs(parts) - now();
    if (hadAny && waitMs > 0) return { requeueAfterMs: Math.ceil(waitMs) };
    const others = hadAny ? await othersUsing(work, entity.manifest.resource.type) : [];
    const syncId = others.length === 0 ? await syncToDisable(work) : undefined;
    let isThere = syncId !== undefined;
    if (syncId !== undefined) {
      await api.update('syncs', syncId, { disabled: true }, call).catch((error: unknown) => {
        if (!isNotThere(error)) throw error;
        isThere = false;
      });
    }
    const message = whatStays(work, others, isThere ? syncId : undefined);
    const properties = status?.uid === entity.uid ? status.properties : {};
    await parts.report({
      key: entity.key,
      status: 'deleted',
      message,
      properties,
      conditions: [notReady('Deleted', message)],
    });
    work.context.log.info({ key: entity.key, syncId, others }, syncId === undefined ? 'sync left' : 'sync disabled');
    ledger.use(entity.key, []);
    return {};
  };
};
