// From a key to a reconcile and back: reads the entity, calls the author's reconciler, turns what it returned or threw into the
// next look and, where the author said nothing, into a status. One loop lives for one term of leadership.

import { isFault } from '../core/fault.ts';
import type { Writable } from '../core/writable.ts';
import { backOffMs, defaultBackOff, type BackOff } from '../engine/loops/back-off.ts';
import type { Clock } from '../engine/ports/clock.ts';
import type { Log } from '../engine/ports/log.ts';
import { createWorkLine, type WorkLine, type WorkOutcome } from '../engine/loops/work-line.ts';
import { failureReasons, type Entity, type EntityKey } from '../messages/entity.ts';
import type { Controller, ReconcileRecord } from './controller.ts';
import type { ComponentMetrics } from './metrics.ts';
import { checkedResult, thrownText } from './author-checks.ts';
import type { AtWork } from './at-work.ts';
import { createFailureReport } from './failure-report.ts';
import { startReconcile, type RunningReconcile } from './reconcile-context.ts';
import { createReconcileWatch, hangText, type HungReconcile } from './reconcile-watch.ts';
import { isGone, isReleased, silentUpdate } from './status-rules.ts';
import { createInterruptions } from './interruptions.ts';
import { suspendedUpdate } from './suspension.ts';
import type { EntityStore, OController, Reconciler, ReconcileRequest, ReconcileResult } from './types.ts';

export type ReconcileLoopOptions = {
  readonly reconciler: Reconciler;
  /** Told of what is worked on. Default: nobody is. */
  readonly atWork?: AtWork;
  readonly controller: Controller;
  readonly entities: EntityStore;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: ComponentMetrics;
  readonly fence: number;
  readonly maxWorkers: number;
  readonly resyncIntervalMs: number;
  readonly reconcileTimeoutMs: number;
  readonly backOff?: BackOff;
  random(): number;
  /** A component with a newer lease is at work: this term is over. */
  onFenced(): void;
  /** The author has reported that nothing is left of it outside. */
  onGone(entity: Entity): Promise<void> | void;
};

export type ReconcileLoop = {
  readonly line: WorkLine;
  /** The entity of the key has changed: worked on as soon as possible. A reconcile of it that is under way ends when it is suspended. */
  changed(key: EntityKey): void;
  /** Reconciles that were given up on and go on, the oldest first. */
  hung(): readonly HungReconcile[];
  /** Aborts the contexts of running reconciles and resolves when they have ended, also those that were given up on. */
  stop(reason: unknown): Promise<void>;
};

const TELL_AGAIN_MS = 1000;
/** Polls further apart than this are spread like resyncs: thousands that began together do not ask together for ever. */
const SPREAD_FROM_MS = 1000;

/** Which try it is, and how often in a row it was stuck before. */
type Turn = { readonly attempt: number; readonly stalls: number };

/** Between the tries of what needs somebody to mend it: a person should not have to come back to it, and nobody is to be hammered. */
const STUCK_BACK_OFF: BackOff = { baseMs: 15_000, capMs: 3_600_000 };

/** Grows by the back-off's rule, spread over its last quarter. */
const stuckPauseMs = (stalls: number, random: () => number): number =>
  backOffMs(stalls + 1, STUCK_BACK_OFF, () => 0.75 + random() / 4);

const requestOf = ({ key, manifest, run }: Entity): ReconcileRequest => {
  const request: Writable<ReconcileRequest> = {
    key,
    type: manifest.resource.type,
  };
  if (run?.action !== undefined) request.action = run.action;
  if (run?.parameters !== undefined) request.parameters = run.parameters;
  return request;
};

export const createReconcileLoop = (options: ReconcileLoopOptions): ReconcileLoop => {
  const { reconciler, controller, entities, clock, log, metrics, fence, random, reconcileTimeoutMs } = options;
  const backOff = options.backOff ?? defaultBackOff;
  const interruptions = createInterruptions(entities, log);
  const ended = new AbortController();
  const watch = createReconcileWatch({ clock, log, timeoutMs: reconcileTimeoutMs, signal: ended.signal });
  const failures = createFailureReport({ controller, log });
  const forAuthor: OController = {
    getEntity: (key, type) => controller.getEntity(key, type),
    getEntityStatus: (key, type) => controller.getEntityStatus(key, type),
    updateEntityStatus: (update) => controller.updateEntityStatus(update),
  };

  // Spread a little, so that what started together does not stay together.
  const resyncMs = (): number => Math.ceil(options.resyncIntervalMs * (0.9 + 0.1 * random()));

  const nextLook = ({ requeueAfterMs: wanted }: ReconcileResult): number => {
    if (wanted === undefined) return resyncMs();
    return wanted < SPREAD_FROM_MS ? Math.max(1, wanted) : Math.ceil(wanted * (0.9 + 0.1 * random()));
  };

  const hold = (forMs: number, key: EntityKey): void => {
    if (!Number.isFinite(forMs) || forMs <= 0) return;
    log.warn({ key, forMs }, 'reconciles of this operator held');
    line.hold(forMs);
  };

  const onSuccess = async (record: ReconcileRecord, result: ReconcileResult): Promise<WorkOutcome> => {
    const { key, manifest } = record.entity;
    const { type } = manifest.resource;
    if (!record.reported) {
      const previous = await controller.getEntityStatus(key, type);
      const update = record.entity.suspended
        ? suspendedUpdate(record.entity, previous)
        : silentUpdate(record.entity, previous, result.requeueAfterMs === undefined);
      if (update !== undefined) await controller.updateEntityStatus(update);
    }
    metrics.reconciled('succeeded');
    const isDeleting = record.entity.deletionRequestedAt !== undefined;
    if (isDeleting && isGone(record.entity, await controller.getEntityStatus(key, type))) {
      await options.onGone(record.entity);
      return { kind: 'gone' };
    }
    return { kind: 'done', againAfterMs: nextLook(result) };
  };

  const onFailure = async (entity: Entity, { attempt, stalls }: Turn, error: unknown): Promise<WorkOutcome> => {
    if (isFault(error, 'JS_CONFLICT')) {
      if (Number(error.details['foundFence']) > fence) options.onFenced();
      metrics.reconciled('conflict');
      log.info({ key: entity.key, err: error }, 'status changed under a reconcile, running it again');
      return { kind: 'failed' };
    }
    const retry = isFault(error) ? error.retry : 'later';
    const message = thrownText(error).slice(0, 2000);
    if (retry === 'never') {
      const againAfterMs = stuckPauseMs(stalls, random);
      metrics.reconciled('terminal');
      log.warn({ key: entity.key, attempt, terminal: true, againAfterMs, err: error }, 'reconcile failed');
      const problem = { reason: failureReasons.terminal, message, nextTryMs: clock.nowMs() + againAfterMs };
      // Nobody would know that it is stuck: try again until it can be said.
      return (await failures.report(entity, attempt, problem)) ? { kind: 'stuck', againAfterMs } : { kind: 'failed' };
    }
    metrics.reconciled('failed');
    log.warn({ key: entity.key, attempt, terminal: false, err: error }, 'reconcile failed');
    if (typeof retry === 'object' && retry.scope === 'operator') hold(retry.afterMs, entity.key);
    await failures.report(entity, attempt, { reason: failureReasons.retrying, message });
    if (typeof retry !== 'object') return { kind: 'failed' };
    // A little later than told, so that those who were told the same do not come at once.
    const spreadMs = backOffMs(1, backOff, random);
    return { kind: 'failed', againAfterMs: Math.max(1, retry.afterMs) + spreadMs };
  };

  /** Says that it hangs, until that is said or it has ended. */
  const tellHung = async (record: ReconcileRecord, sinceMs: number, hasEnded: () => boolean): Promise<void> => {
    metrics.reconciled('hung');
    const message = hangText(sinceMs, reconcileTimeoutMs);
    while (!hasEnded() && !ended.signal.aborted) {
      if (await failures.report(record.entity, 1, { reason: failureReasons.hung, message })) return;
      await clock.sleep(TELL_AGAIN_MS, ended.signal);
    }
  };

  /** Of a suspended entity only `observe` is called, if the author has one. */
  const ask = async ({ entity }: ReconcileRecord, { context }: RunningReconcile): Promise<ReconcileResult> => {
    if (!entity.suspended) return reconciler.reconcile(requestOf(entity), context);
    return reconciler.observe === undefined ? {} : reconciler.observe(requestOf(entity), context);
  };

  const reconcileOnce = async (record: ReconcileRecord, turn: Turn, one: RunningReconcile): Promise<WorkOutcome> => {
    try {
      const result: unknown = await ask(record, one);
      return record.isFenced ? { kind: 'failed' } : await onSuccess(record, checkedResult(result));
    } catch (error) {
      // Told to stop, it stopped: that is no failure.
      if (ended.signal.aborted || interruptions.has(one)) return { kind: 'failed' };
      if (!record.isFenced) return await onFailure(record.entity, turn, error);
      log.warn({ key: record.entity.key, err: error }, 'reconcile that was given up on has failed');
      return { kind: 'failed' };
    }
  };

  const reconcile = async (entity: Entity, turn: Turn): Promise<WorkOutcome> => {
    const { key } = entity;
    const provenance = await entities.provenance?.(key);
    const record = controller.begin(entity, provenance, () => one.context.log);
    const beganMs = metrics.nowMs();
    const one = startReconcile({
      request: requestOf(entity),
      attempt: turn.attempt,
      fence,
      controller: forAuthor,
      traceparent: provenance?.traceparent,
      tracestate: provenance?.tracestate,
      log,
      startedMs: clock.nowMs(),
      onExternalCall: (call) => metrics.externalCall(call),
      hold: (forMs) => hold(forMs, key),
    });
    if (ended.signal.aborted) one.abort(ended.signal.reason);
    interruptions.begin(key, one);
    const leave = options.atWork?.begin(key);
    return new Promise((resolve) => {
      let telling: Promise<void> = Promise.resolve();
      let hasEnded = false;
      const over = watch.begin(key, one, () => {
        record.isFenced = true;
        telling = tellHung(record, one.startedMs, () => hasEnded);
        resolve({ kind: 'blocked', until: work.then(() => telling) });
      });
      const work = reconcileOnce(record, turn, one).then((outcome) => {
        hasEnded = true;
        over();
        leave?.();
        interruptions.end(key);
        controller.end(key);
        metrics.reconcileTook(beganMs);
        resolve(outcome);
      });
    });
  };

  const work = async (key: EntityKey, attempt: number, stalls: number): Promise<WorkOutcome> => {
    try {
      const entity = await entities.get(key);
      if (entity === undefined) return { kind: 'gone' };
      const status = await controller.getEntityStatus(key, entity.manifest.resource.type);
      if (isGone(entity, status) || isReleased(entity, status)) {
        await options.onGone(entity);
        return { kind: 'gone' };
      }
      return await reconcile(entity, { attempt, stalls });
    } catch (error) {
      if (!ended.signal.aborted) log.warn({ key, attempt, err: error }, 'entity could not be worked on');
      return { kind: 'failed' };
    }
  };

  const line = createWorkLine({ clock, maxWorkers: options.maxWorkers, backOff, random, work });
  return {
    line,
    hung: () => watch.givenUp(),
    changed: (key) => {
      line.changed(key);
      interruptions.look(key);
    },
    stop: async (reason) => {
      ended.abort(reason);
      watch.abortAll(reason);
      await line.stop();
    },
  };
};
