// One wanted run after another, never two at once: intent stored, start, follow to its end, cancel. A start that was not confirmed is
// looked for with `find` before anything is started again; without `find` it is never started again by itself.

import {
  Fault,
  isFault,
  isJsonObject,
  notReady,
  outcomeOf,
  type Entity,
  type EntityStatus,
  type HttpRun,
  type JsonObject,
  type JsonValue,
  type ObservedRun,
  type ReconcileContext,
  type ReconcileResult,
  type RuntimeStatus,
} from '../../sdk/index.ts';
import { createLedger } from './ledger.ts';
import { hasEnded, idOf, intentTo, recordedRuns, withEarlier, type Intent, type Sent } from './record.ts';
import type { Answer } from './rest-client.ts';
import { inputOf, updateOf, type Parts, type Report, type Work } from './work.ts';

const STATES = ['pending', 'inprogress', 'succeeded', 'failed', 'cancelled'] as const;
const NOT_FOUND = 404;
const MIN_WAIT_MS = 50;

const textOf = (value: JsonValue): string =>
  value === null ? '' : typeof value === 'string' ? value : JSON.stringify(value);

/** What is said of the resource while its run is in this state. */
const lifecycleOf = (state: RuntimeStatus): Report['status'] => (state === 'failed' ? 'error' : 'active');

const conditionsOf = (state: RuntimeStatus, message: string) =>
  state === 'failed' ? { conditions: [notReady('RunFailed', message === '' ? 'the run failed' : message)] } : {};

const isToEnd = ({ run, deletionRequestedAt }: Entity): boolean =>
  run?.cancelRequested === true || deletionRequestedAt !== undefined;

const unlessEmpty = <K extends string>(texts: Readonly<Record<K, string>>): { readonly [N in K]?: string } =>
  Object.fromEntries(Object.entries(texts).filter(([, text]) => text !== '')) as { readonly [N in K]?: string };

/** A resource that was declared anew under the same key has none of the earlier one's runs. */
const ownerOf = ({ key, uid }: Pick<Entity, 'key' | 'uid'>): string => `${key} ${uid}`;

const sentOf = ({ run, manifest }: Entity): Sent | undefined =>
  run === undefined ? undefined : { spec: manifest.resource.spec, run };

/** The resource as it was when the run was to be started. */
const asSent = (work: Work, { sent }: Intent): Work => {
  if (sent === undefined) return work;
  const { manifest } = work.entity;
  const resource = { ...manifest.resource, spec: sent.spec };
  return { ...work, entity: { ...work.entity, run: sent.run, manifest: { ...manifest, resource } } };
};

export const createRunStep = (parts: Parts, definition: HttpRun) => {
  const { client, now } = parts;
  const { pollIntervalMs, findForMs } = parts.definition;
  const ledger = createLedger({ now, findForMs });

  const observed = (work: Work, more: Partial<ObservedRun> & Pick<ObservedRun, 'state'>): ObservedRun => {
    const wanted = work.entity.run;
    const before = work.status?.run?.id === wanted?.id ? work.status?.run : undefined;
    return { ...before, ...more, id: wanted?.id ?? '' };
  };

  const started = async (work: Work, externalId: string, base: Report): Promise<ReconcileResult> => {
    const run = observed(work, { state: 'pending', externalId });
    ledger.keepAnswer(run.id, externalId);
    await parts.report(updateOf(work, { ...base, run, withdraw: true }));
    ledger.settle(run.id);
    return { requeueAfterMs: pollIntervalMs };
  };

  const start = async (work: Work, base: Report): Promise<ReconcileResult> => {
    client.ready();
    const { entity, record, context } = work;
    const runId = entity.run?.id ?? '';
    const sent = definition.find === undefined ? undefined : sentOf(entity);
    const intent = intentTo(runId, new Date(now()).toISOString(), context.fence, record.intent, sent);
    const earlierIds = withEarlier(record.earlierIds, record.run?.externalId);
    const intended = { ...work, record: { ...record, ...base.record, intent, earlierIds } };
    const { externalId: _earlier, ...run } = observed(work, { state: 'pending' });
    await parts.report(updateOf(intended, { ...base, run }));
    const input = inputOf(intended, parts.definition);
    let externalId: string;
    try {
      externalId = await ledger.whileStarting(async () => {
        const answer = await client.send(definition.start, input, context, true);
        const id = idOf(await client.read(definition.start.externalId, input, answer), 'start');
        ledger.learn([id], ownerOf(entity), context.fence);
        return id;
      });
    } catch (error) {
      if (outcomeOf(error) !== 'none') throw error;
      const isFinal = isFault(error) && error.retry === 'never';
      const message = error instanceof Error ? error.message : '';
      const failed = { state: 'failed', message, finishedAt: new Date(now()).toISOString() } as const;
      await parts.report(
        updateOf(intended, {
          ...base,
          withdraw: true,
          ...(isFinal
            ? { status: 'error', run: observed(work, failed), ...conditionsOf('failed', message) }
            : { run, message }),
        }),
      );
      if (isFinal) return {};
      throw error;
    }
    return started(intended, externalId, base);
  };

  type Look = { readonly externalId?: string; readonly afterMs?: number };
  const soon = (leftMs: number): Look => ({ afterMs: Math.max(MIN_WAIT_MS, Math.min(leftMs, pollIntervalMs)) });

  /** The run that an unconfirmed start gave, or when to look again. Neither: it was not started. */
  const lookFor = async (work: Work, intent: Intent): Promise<Look> => {
    const answered = ledger.answerFor(intent.what);
    if (answered !== undefined) return { externalId: answered };
    const owner = ownerOf(work.entity);
    const isFree = (id: string): boolean => !work.record.earlierIds.includes(id) && ledger.isFree(id, owner);
    const found =
      definition.find === undefined
        ? []
        : await client.find(definition.find, inputOf(asSent(work, intent), parts.definition), work.context, isFree);
    if (found.length > 0) {
      const waitMs = ledger.adoptableAfterMs(intent.what);
      if (waitMs > 0) return soon(waitMs);
      // One of them may be what another is being told of at this moment.
      await ledger.startsEnded();
      const own = found.find(({ externalId }) => ledger.take(externalId, owner));
      return own === undefined ? soon(0) : { externalId: own.externalId };
    }
    const leftMs = Date.parse(intent.at) + findForMs - now();
    return definition.find !== undefined && leftMs > 0 ? soon(leftMs) : {};
  };

  const callOff = async (work: Work, base: Report): Promise<ReconcileResult> => {
    const run = observed(work, { state: 'cancelled', message: 'called off before it was started' });
    await parts.report(updateOf(work, { ...base, run, withdraw: true }));
    return {};
  };

  const findOrStart = async (work: Work, base: Report, intent: Intent): Promise<ReconcileResult> => {
    const { externalId, afterMs } = await lookFor(work, intent);
    if (externalId !== undefined) return started(work, externalId, base);
    if (afterMs !== undefined) return { requeueAfterMs: afterMs };
    if (definition.find !== undefined) return isToEnd(work.entity) ? callOff(work, base) : start(work, base);
    const message = `the request to start it at ${intent.at} was not confirmed, and the manifest has no "find" to look for the run; look outside, then run it again`;
    const run = observed(work, { state: 'failed', message });
    const conditions = [notReady('StartUnconfirmed', message)];
    await parts.report(updateOf(work, { ...base, status: 'error', run, conditions, message, withdraw: true }));
    return {};
  };

  /** An earlier run whose start was not confirmed must not be lost. undefined: there is none, the next one can be started. */
  const findEarlier = async (work: Work, base: Report): Promise<ReconcileResult | undefined> => {
    const { entity, record } = work;
    if (record.intent === undefined || record.intent.what === 'object') return undefined;
    const { externalId, afterMs } = await lookFor(work, record.intent);
    const run = { ...(entity.run ?? { number: 0, requestedAt: '', cancelRequested: false }), id: record.intent.what };
    if (externalId !== undefined) return started({ ...work, entity: { ...entity, run } }, externalId, base);
    return afterMs === undefined ? undefined : { requeueAfterMs: afterMs };
  };

  const cancel = async (work: Work, input: JsonObject): Promise<string | undefined> => {
    if (definition.cancel === undefined) return 'it cannot be cancelled: the manifest has no "cancel"';
    try {
      await client.send(definition.cancel, input, work.context);
    } catch (error) {
      // Already at its end, or gone: what is read next says so.
      if (!isFault(error) || error.retry !== 'never') throw error;
    }
    return undefined;
  };

  const read = async (work: Work, input: JsonObject): Promise<Answer | undefined> => {
    try {
      return await client.send(definition.read, input, work.context);
    } catch (error) {
      if (isFault(error) && error.details['status'] === NOT_FOUND) return undefined;
      throw error;
    }
  };

  const optional = async (program: string | undefined, input: JsonObject, answer: Answer): Promise<JsonValue> =>
    program === undefined ? null : client.read(program, input, answer);

  type Seen = {
    readonly input: JsonObject;
    readonly answer: Answer;
    readonly externalId: string;
    readonly note: string | undefined;
  };
  const observe = async (work: Work, base: Report, seen: Seen): Promise<ReconcileResult> => {
    const { input, answer, externalId, note = '' } = seen;
    const word = textOf(await client.read(definition.read.state, input, answer));
    const state = STATES.find((one) => definition.read.states[one]?.includes(word) === true);
    if (state === undefined) work.context.log.warn({ state: word, runId: externalId }, 'state of run is not mapped');
    const said = textOf(await optional(definition.read.message, input, answer));
    const unknown = state === undefined ? `the API says "${word}", which the manifest's states do not map` : undefined;
    const message = unknown ?? (said === '' ? note : said);
    const startedAt = textOf(await optional(definition.read.startedAt, input, answer));
    const finishedAt = textOf(await optional(definition.read.finishedAt, input, answer));
    const properties = await optional(definition.read.properties, input, answer);
    const reached = state ?? 'inprogress';
    const run = observed(work, {
      ...{ state: reached, externalId },
      ...unlessEmpty({ message, startedAt, finishedAt }),
    });
    await parts.report(
      updateOf(work, {
        ...base,
        status: base.status === 'active' ? lifecycleOf(reached) : base.status,
        run,
        ...(isJsonObject(properties) ? { properties: { ...base.properties, ...properties } } : {}),
        ...conditionsOf(reached, message),
        message,
      }),
    );
    return hasEnded(reached) ? {} : { requeueAfterMs: pollIntervalMs };
  };

  const follow = async (work: Work, base: Report): Promise<ReconcileResult> => {
    const externalId = work.record.run?.externalId ?? '';
    const input = inputOf(work, parts.definition, externalId);
    const note = isToEnd(work.entity) ? await cancel(work, input) : undefined;
    const answer = await read(work, input);
    if (answer === undefined) {
      const message = `run ${externalId} is not known to the API any more`;
      const run = observed(work, { state: 'failed', message });
      await parts.report(updateOf(work, { ...base, status: 'error', run, ...conditionsOf('failed', message) }));
      return {};
    }
    return observe(work, base, { input, answer, externalId, note });
  };

  return {
    /** Whose the runs are that a status has recorded, ended ones too; before anything else in each reconcile. */
    learn: (status: EntityStatus | undefined, { fence }: ReconcileContext): void =>
      ledger.learn(recordedRuns(status), status === undefined ? '' : ownerOf(status), fence),

    /** One step towards the end of the wanted run; `base`: what is to be said of the object beside it. */
    step: async (work: Work, base: Report): Promise<ReconcileResult> => {
      const { entity, record } = work;
      const wanted = entity.run;
      if (wanted === undefined) throw new Fault('COMPONENT_TERMINAL', 'no run is wanted', { retry: 'never' });
      const isSame = record.run?.id === wanted.id;
      // The run before is followed to its end first: two at once are never wanted.
      if (record.run?.externalId !== undefined && !hasEnded(record.run.state)) {
        if (isSame) return follow(work, base);
        const earlier = { ...entity, run: { ...wanted, id: record.run.id, cancelRequested: true } };
        await follow({ ...work, entity: earlier }, base);
        return { requeueAfterMs: pollIntervalMs };
      }
      if (record.intent?.what === wanted.id) return findOrStart(work, base, record.intent);
      const result = await findEarlier(work, base);
      if (result !== undefined) return result;
      return isToEnd(entity) ? callOff(work, base) : start(work, base);
    },
  };
};

export type RunStep = ReturnType<typeof createRunStep>;
