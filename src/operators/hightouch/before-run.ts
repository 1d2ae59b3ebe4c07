// What a run needs before it is triggered: the model and the sync as the spec describes them, which sync it is of, and the runs of that sync that are
// there already. Of a sync one unconfirmed start goes on at a time: runs carry nothing of ours, so two could not be told apart.

import {
  CLOCK_TOLERANCE_MS,
  Fault,
  isNotThere,
  isRefusal,
  leftToSettleMs,
  nextIntent,
  ownerOf,
  runUpdate,
  waitingFor,
  type ExternalChange,
  type JsonObject,
  type Prepared,
} from '../../sdk/index.ts';
import { knownId } from './client.ts';
import type { Ensured, Known } from './ensure.ts';
import type { Id } from './ids.ts';
import type { Parts } from './parts.ts';
import { hightouchRequest, type HightouchRequest, type TriggerRequest } from './request.ts';
import { recordProperties, type Intent, type Work } from './run-record.ts';
import { isQueued } from './run-status.ts';

/** A run may wait as long as the one before it takes. */
const LONGEST_WAIT_MS = 6 * 3_600_000;
const SOON_MS = 500;

type Preparing = Prepared<Intent, Work>;

/** What is said before the sync is known. Of a start that was not confirmed, the next intent is to go back to the first. */
export const ensuringProperties = ({ record }: Work, known: Known, runId: string): JsonObject => ({
  ...recordProperties(known, record?.id === runId ? record.intent : undefined),
  ...(known.sync === undefined ? { isEnsuring: true } : {}),
});

export const createBeforeRun = ({ settings, api, ensure, uses, now, ledger }: Parts) => {
  const { pollIntervalMs, searchGraceMs, settleMs } = settings;

  /** Of a sync that this resource made a moment ago, an answer "not there" is "not yet". undefined: it should be seen by now. */
  const settling = ({ known: { sync } }: Work, syncId: Id) => {
    const leftMs = sync?.id === syncId ? leftToSettleMs(sync.madeAt, settleMs, now()) : 0;
    if (sync === undefined || leftMs <= 0) return undefined;
    const message = `sync ${syncId} (${sync.slug}) was made at ${sync.madeAt ?? ''} and is not to be seen yet`;
    return { message, afterMs: Math.min(pollIntervalMs, leftMs + 1) };
  };

  const syncIdFor = async ({ call }: Work, { syncId, syncSlug }: TriggerRequest, ensured: Ensured): Promise<Id> => {
    if (syncId !== undefined) return syncId;
    if (syncSlug === undefined || syncSlug === ensured.sync.slug) return ensured.sync.id;
    const found = await api.find('syncs', syncSlug, call);
    if (found !== undefined) return knownId(found, `syncs/${syncSlug}`);
    const details = { status: 404, outcome: 'none' };
    throw new Fault('COMPONENT_TERMINAL', `spec.trigger.syncSlug: there is no sync ${syncSlug}`, {
      retry: 'never',
      details,
    });
  };

  /** `before`: the runs of the sync as they are now. Throws the Fault of a pause after 429. */
  const intentFor = ({ context, record }: Work, runId: string, syncId: Id, before: readonly JsonObject[]) => {
    api.ready();
    const { since } = nextIntent(runId, new Date(now()).toISOString(), context.fence, record);
    const searchedMs = api.earliest(Date.parse(since)) - 2 * CLOCK_TOLERANCE_MS - searchGraceMs;
    const idOfRun = (run: JsonObject): Id => knownId(run, `runs of sync ${syncId}`);
    const isSearched = (run: JsonObject): boolean => !(Date.parse(String(run['createdAt'])) < searchedMs);
    const earlierRunIds = before.filter(isSearched).map(idOfRun);
    return { syncId, earlierRunIds, queuedRunIds: before.filter(isQueued).map(idOfRun) };
  };

  const ofSync = async (work: Work, runId: string, request: HightouchRequest, ensured: Ensured): Promise<Preparing> => {
    const { call, entity } = work;
    const syncId = await syncIdFor(work, request.trigger, ensured);
    if (request.sync.disabled && syncId === ensured.sync.id) {
      const message = 'spec.sync.disabled is true: a disabled sync cannot run; set it to false';
      return { kind: 'refuse', work, message };
    }
    if (!ledger().reserve(syncId, runId, ownerOf(entity)))
      return { kind: 'later', afterMs: Math.min(SOON_MS, pollIntervalMs) };
    const listed = await api.runsSince(syncId, now() - CLOCK_TOLERANCE_MS - LONGEST_WAIT_MS, call);
    const early = listed === undefined ? settling(work, syncId) : undefined;
    if (early !== undefined) return { kind: 'wait', work, reason: 'NotSeenYet', ...early };
    // What is not there is refused by the trigger.
    const intent = intentFor(work, runId, syncId, listed ?? []);
    return { kind: 'go', work: { ...work, flags: request.trigger.flags }, intent };
  };

  return {
    /** The trigger was refused because the sync is not to be seen yet. */
    notYet: (work: Work, { syncId }: Intent, error: Fault) => (isNotThere(error) ? settling(work, syncId) : undefined),

    prepare: async (given: Work, runId: string): Promise<Preparing> => {
      const { entity, call, context, known: before } = given;
      const made = hightouchRequest(entity.manifest.resource.spec);
      if ('problems' in made) return { kind: 'refuse', work: given, message: made.problems.join('; ') };
      let work = given;
      const conditions = waitingFor('Ensuring', 'the model and the sync are looked for');
      const say = (known: Known, change?: ExternalChange): Promise<void> => {
        const properties = ensuringProperties(given, known, runId);
        const rest = {
          status: 'pending',
          properties,
          conditions,
          ...(change === undefined ? {} : { change }),
        } as const;
        return context.controller.updateEntityStatus(runUpdate(entity, { id: runId, state: 'pending' }, rest));
      };
      if (before.sync === undefined) await say(before);
      try {
        const result = await ensure({
          ...{ request: made.request, known: before, generation: entity.generation, call },
          tell: async (known, change) => {
            work = { ...work, known };
            await say(known, change);
          },
        });
        if (result.kind === 'unseen') {
          const afterMs = Math.min(pollIntervalMs, result.leftMs + 1);
          return { kind: 'wait', work, reason: 'NotSeenYet', message: result.message, afterMs };
        }
        work = { ...work, known: result.ensured };
        uses.driftChecked(entity.key, now());
        return await ofSync(work, runId, made.request, result.ensured);
      } catch (error) {
        if (isRefusal(error)) return { kind: 'refuse', work, message: error.message };
        throw error;
      }
    },
  };
};
