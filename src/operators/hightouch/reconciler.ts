// One resource of type hightouch is a model, a sync and one wanted run after another. What Hightouch can do, for the SDK's "runs that are started
// once". A trigger has no idempotency key, and a run carries nothing of ours.
//
// An intent names the runs of the sync that were there before it. What is found later, was not there and is followed by nobody is the run,
// for as long as only this operator starts runs of the sync. A run that a schedule or a person starts within the grace after a lost answer can
// be taken for it; then ours is not followed, and still none is started twice.
//
// A trigger while a run of the sync waits starts none: it is answered with the one that waits. The intent names those too, and when nothing
// new has come by the end of the grace, the one that waited is taken: it began after the intent, with the sync as it was wanted.

import {
  createOnce,
  ownerOf,
  type FollowStep,
  type Found,
  type Once,
  type Reconciler,
  type Search,
  type Seen,
} from '../../sdk/index.ts';
import { createBeforeRun, ensuringProperties } from './before-run.ts';
import { knownId, type Hightouch } from './client.ts';
import { createWithoutDrift } from './drift.ts';
import { createEnsure } from './ensure.ts';
import { byAge } from './ids.ts';
import type { Parts } from './parts.ts';
import { createRemover, syncsOf } from './removal.ts';
import { keptOf, knownIn, readIntent, RECORDED, recordProperties, type Intent, type Work } from './run-record.ts';
import { isKnownStatus, NOUN, observe } from './run-status.ts';
import type { HightouchSettings } from './settings.ts';
import { createUses } from './uses.ts';

export type ReconcilerOptions = {
  readonly settings: HightouchSettings;
  readonly api: Hightouch;
  /** Milliseconds since the epoch. Default: the system's clock. */
  readonly now?: () => number;
};

/** Kinds of words that say that there is nothing to look for. */
const GIVEN_UP: readonly string[] = ['refused', 'unconfirmed', 'called-off'];

export const createHightouchReconciler = ({ settings, api, now = Date.now }: ReconcilerOptions): Reconciler => {
  const { searchGraceMs, pollIntervalMs, settleMs, requestTimeoutMs, warningIs } = settings;
  const uses = createUses();
  const ensure = createEnsure({ api, settleMs, secrets: [settings.apiKey], now });
  const parts: Parts = { settings, api, ensure, uses, now, ledger: () => once.ledger };
  const { prepare, notYet } = createBeforeRun(parts);

  const search = async (work: Work, intent: Intent, { isFree, isLast, onMissing }: Search): Promise<Found> => {
    const { call, entity } = work;
    const { syncId, runId } = intent;
    const mayTake = once.ledger.reserve(syncId, runId, ownerOf(entity));
    const runs = await api.runsSince(syncId, Date.parse(intent.since), call);
    if (runs === undefined) return 'absent';
    const ids = runs.map((run) => knownId(run, `runs of sync ${syncId}`)).filter(isFree);
    const joined = intent.queuedRunIds.at(-1);
    if (ids.length > 0 || joined === undefined || !isLast || onMissing === 'call-off')
      return { ids: ids.toSorted(byAge), mayTake };
    return (await api.run(syncId, joined, call)) === undefined ? { ids } : { ids: [joined], isCertain: true };
  };

  const look = async (work: Work, { record }: FollowStep<Intent>): Promise<Seen | undefined> => {
    const { call, context, known } = work;
    const { externalId, id } = record;
    const syncId = record.intent?.syncId ?? known.sync?.id;
    const run = syncId === undefined ? undefined : await api.run(syncId, externalId, call);
    if (syncId === undefined || run === undefined) return undefined;
    if (!isKnownStatus(run))
      context.log.warn({ externalId, runStatus: String(run['status']) }, 'run status not known, polling on');
    const { run: observed, metadata, conditions } = observe(id, syncId, run, warningIs);
    return { state: observed.state, run: observed, properties: { syncRun: metadata }, conditions };
  };

  const once: Once<Intent, Work> = createOnce<Intent, Work>({
    ...{ noun: NOUN, platform: 'Hightouch', graceMs: searchGraceMs, pollIntervalMs, settleMs, now },
    ...{ recorded: RECORDED, readIntent, keptOf, prepare, notYet, search, look },
    work: (base) => {
      const { entity, record, context } = base;
      const { signal, traceparent, fetch } = context;
      const known = knownIn(base.status?.properties ?? {});
      if (entity.deletionRequestedAt === undefined) uses.use(entity.key, syncsOf(entity, known, record));
      return { ...base, known, call: { signal, fetch, ...(traceparent === undefined ? {} : { traceparent }) } };
    },
    start: ({ call, flags = {} }, { syncId }, timeoutMs) =>
      api.trigger(syncId, flags, call, Math.min(timeoutMs, requestTimeoutMs)),
    alike: (_work, { syncId }) => syncId,
    unconfirmed: (_work, { at, syncId }) =>
      `the trigger at ${at} was not confirmed, and sync ${syncId} is not there (any more) to look for its run: a run may be left at Hightouch; look there, then run it again`,
    wasSeen: ({ status }) => status?.properties['syncRun'] !== undefined,
    settled: createWithoutDrift(parts, (work, change) =>
      work.context.controller.updateEntityStatus(once.settledUpdate(work, change)),
    ),
    remove: createRemover(parts),
    forget: (key) => {
      uses.forget(key);
      once.ledger.release(key);
    },
    properties: (work, { kind, run, intent, properties, unseenSince }) => {
      if (kind === 'waiting') return ensuringProperties(work, work.known, run.id);
      const syncRun = kind === 'unseen' ? work.status?.properties['syncRun'] : properties?.['syncRun'];
      const said = recordProperties(work.known, GIVEN_UP.includes(kind) ? undefined : intent, syncRun);
      return unseenSince === undefined ? said : { ...said, unseenSince };
    },
    // What is changed outside are the model and the sync.
    change: () => undefined,
  });
  return once.reconciler('hightouch');
};
