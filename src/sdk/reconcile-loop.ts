// From a key to a reconcile and back: reads the entity, calls the author's reconciler, turns what it returned or threw into the
// next look and, where the author said nothing, into a status. One loop lives for one term of leadership.

import { isFault } from '../core/fault.ts';
import type { Writable } from '../core/writable.ts';
import { backOffMs, defaultBackOff, type BackOff } from '../engine/back-off.ts';
import type { Clock, Log } from '../engine/ports.ts';
import { createWorkLine, type WorkLine, type WorkOutcome } from '../engine/work-line.ts';
import type { Entity, EntityKey } from '../messages/entity.ts';
import { failureReasons } from './conditions.ts';
import type { Controller, ReconcileRecord } from './controller.ts';
import type { ComponentMetrics } from './metrics.ts';
import { startReconcile, type RunningReconcile } from './reconcile-context.ts';
import { failureUpdate, isGone, isReleased, silentUpdate } from './status-rules.ts';
import type { EntityStore, Reconciler, ReconcileRequest, ReconcileResult } from './types.ts';

export type ReconcileLoopOptions = {
  readonly reconciler: Reconciler;
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
  /** Aborts the contexts of running reconciles and resolves when they have ended. */
  stop(reason: unknown): Promise<void>;
};

/** Polls further apart than this are spread like resyncs: thousands that began together do not ask together for ever. */
const SPREAD_FROM_MS = 1000;

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

const isPowerOfTwo = (count: number): boolean => (count & (count - 1)) === 0;

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
  const running = new Map<EntityKey, RunningReconcile>();
  const ended = new AbortController();

  // Spread a little, so that what started together does not stay together.
  const resyncMs = (): number => Math.ceil(options.resyncIntervalMs * (0.9 + 0.1 * random()));

  const nextLook = (result: ReconcileResult | undefined): number => {
    const wanted = result?.requeueAfterMs;
    if (wanted === undefined || !Number.isFinite(wanted)) return resyncMs();
    return wanted < SPREAD_FROM_MS ? Math.max(1, wanted) : Math.ceil(wanted * (0.9 + 0.1 * random()));
  };

  const hold = (forMs: number, key: EntityKey): void => {
    if (!Number.isFinite(forMs) || forMs <= 0) return;
    log.warn({ key, forMs }, 'reconciles of this operator held');
    line.hold(forMs);
  };

  const onSuccess = async (record: ReconcileRecord, result: ReconcileResult | undefined): Promise<WorkOutcome> => {
    const { key, manifest } = record.entity;
    const { type } = manifest.resource;
    if (!record.reported) {
      const previous = await controller.getEntityStatus(key, type);
      const update = silentUpdate(record.entity, previous, result?.requeueAfterMs === undefined);
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

  /** Whether the failure is to be seen in the status now: not on each of many equal attempts. */
  const shouldReport = async (entity: Entity, attempt: number, message: string, reason: string): Promise<boolean> => {
    const status = await controller.getEntityStatus(entity.key, entity.manifest.resource.type);
    const condition = status?.uid === entity.uid ? status.conditions.find((one) => one.reason === reason) : undefined;
    if (condition === undefined || status?.observedSequence !== entity.sequence) return true;
    return condition.message !== message && isPowerOfTwo(attempt);
  };

  const reportFailure = async (
    entity: Entity,
    attempt: number,
    message: string,
    terminal: boolean,
  ): Promise<boolean> => {
    const reason = terminal ? failureReasons.terminal : failureReasons.retrying;
    try {
      if (!(await shouldReport(entity, attempt, message, reason))) return true;
      const previous = await controller.getEntityStatus(entity.key, entity.manifest.resource.type);
      await controller.updateEntityStatus(failureUpdate(entity, previous, { message, terminal }));
      return true;
    } catch (error) {
      log.warn({ key: entity.key, err: error }, 'failure could not be reported');
      return false;
    }
  };

  const onFailure = async (entity: Entity, attempt: number, error: unknown): Promise<WorkOutcome> => {
    if (isFault(error, 'JS_CONFLICT')) {
      if (Number(error.details['foundFence']) > fence) options.onFenced();
      metrics.reconciled('conflict');
      log.info({ key: entity.key, err: error }, 'status changed under a reconcile, running it again');
      return { kind: 'failed' };
    }
    const retry = isFault(error) ? error.retry : 'later';
    const terminal = retry === 'never';
    metrics.reconciled(terminal ? 'terminal' : 'failed');
    log.warn({ key: entity.key, attempt, terminal, err: error }, 'reconcile failed');
    if (typeof retry === 'object' && retry.scope === 'operator') hold(retry.afterMs, entity.key);
    const reported = await reportFailure(entity, attempt, messageOf(error).slice(0, 2000), terminal);
    // Nobody would know that it is stuck: try again until it can be said.
    if (terminal) return reported ? { kind: 'stuck' } : { kind: 'failed' };
    if (typeof retry !== 'object') return { kind: 'failed' };
    // A little later than told, so that those who were told the same do not come at once.
    const spreadMs = backOffMs(1, backOff, random);
    return { kind: 'failed', againAfterMs: Math.max(1, retry.afterMs) + spreadMs };
  };

  const reconcile = async (entity: Entity, attempt: number): Promise<WorkOutcome> => {
    const request = requestOf(entity);
    const provenance = await entities.provenance?.(entity.key);
    const record = controller.begin(entity, provenance);
    const beganMs = metrics.nowMs();
    const one = startReconcile({
      request,
      attempt,
      fence,
      traceparent: provenance?.traceparent,
      log,
      startedMs: clock.nowMs(),
      onExternalCall: (call) => metrics.externalCall(call),
      hold: (forMs) => hold(forMs, entity.key),
    });
    running.set(entity.key, one);
    if (ended.signal.aborted) one.abort(ended.signal.reason);
    try {
      return await onSuccess(record, await reconciler.reconcile(request, one.context));
    } catch (error) {
      // Told to stop, it stopped: that is no failure.
      if (ended.signal.aborted) return { kind: 'failed' };
      return await onFailure(record.entity, attempt, error);
    } finally {
      running.delete(entity.key);
      controller.end(entity.key);
      metrics.reconcileTook(beganMs);
    }
  };

  const work = async (key: EntityKey, attempt: number): Promise<WorkOutcome> => {
    try {
      const entity = await entities.get(key);
      if (entity === undefined) return { kind: 'gone' };
      const status = await controller.getEntityStatus(key, entity.manifest.resource.type);
      if (isGone(entity, status) || isReleased(entity, status)) {
        await options.onGone(entity);
        return { kind: 'gone' };
      }
      return await reconcile(entity, attempt);
    } catch (error) {
      if (!ended.signal.aborted) log.warn({ key, attempt, err: error }, 'entity could not be worked on');
      return { kind: 'failed' };
    }
  };

  // One sweep instead of a timer per reconcile; `running` is in the order of starting.
  const watchTimeouts = async (): Promise<void> => {
    while (!ended.signal.aborted) {
      await clock.sleep(Math.min(1000, Math.ceil(reconcileTimeoutMs / 4)), ended.signal);
      const lateMs = clock.nowMs() - reconcileTimeoutMs;
      for (const [key, one] of running) {
        if (one.startedMs > lateMs) break;
        if (one.aborted) continue;
        log.warn({ key, timeoutMs: reconcileTimeoutMs }, 'reconcile takes too long, its signal is aborted');
        one.abort(new Error(`reconcile took longer than ${reconcileTimeoutMs} ms`));
      }
    }
  };
  void watchTimeouts();

  const line = createWorkLine({ clock, maxWorkers: options.maxWorkers, backOff, random, work });
  return {
    line,
    stop: async (reason) => {
      ended.abort(reason);
      for (const one of running.values()) one.abort(reason);
      await line.stop();
    },
  };
};
