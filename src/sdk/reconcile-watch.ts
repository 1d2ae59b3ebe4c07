// Which reconciles are under way and since when: aborts the signal of one that takes too long, and gives it up when it goes on all the
// same. JavaScript cannot end it; who called it gets its worker back, and what it still does is fenced off (controller.ts). Called by
// reconcile-loop.ts. One sweep instead of a timer per reconcile.

import { formatDurationMs } from '../core/duration.ts';
import type { Clock } from '../engine/ports/clock.ts';
import type { Log } from '../engine/ports/log.ts';
import type { EntityKey } from '../messages/entity.ts';
import type { RunningReconcile } from './reconcile-context.ts';

export type ReconcileWatch = {
  /**
   * Watches one until the returned function is called. `onGivenUp` is called at most once, a sweep after its signal was aborted: that is how
   * long it has to end by itself.
   */
  begin(key: EntityKey, one: RunningReconcile, onGivenUp: () => void): () => void;
  /** Aborts the signals of all. */
  abortAll(reason: unknown): void;
  /** Those that were given up on and go on, the oldest first. */
  givenUp(): readonly HungReconcile[];
};

export type HungReconcile = { readonly key: EntityKey; readonly sinceMs: number };

export type ReconcileWatchOptions = {
  readonly clock: Clock;
  readonly log: Log;
  readonly timeoutMs: number;
  /** Ends the sweeps. */
  readonly signal: AbortSignal;
};

const MAX_SWEEP_MS = 1000;

type Watched = { readonly key: EntityKey; readonly one: RunningReconcile; onGivenUp(): void };

export const createReconcileWatch = ({ clock, log, timeoutMs, signal }: ReconcileWatchOptions): ReconcileWatch => {
  // Both in the order of starting.
  const running = new Set<Watched>();
  const hung = new Set<Watched>();

  const lookAt = (watched: Watched): void => {
    const { key, one } = watched;
    if (!one.aborted) {
      log.warn({ key, timeoutMs }, 'reconcile takes too long, its signal is aborted');
      one.abort(new Error(`reconcile took longer than ${timeoutMs} ms`));
      return;
    }
    log.error({ key, timeoutMs }, 'reconcile goes on although its signal was aborted, given up');
    running.delete(watched);
    hung.add(watched);
    watched.onGivenUp();
  };

  const sweep = async (): Promise<void> => {
    while (!signal.aborted) {
      await clock.sleep(Math.min(MAX_SWEEP_MS, Math.ceil(timeoutMs / 4)), signal);
      if (signal.aborted) return;
      const lateMs = clock.nowMs() - timeoutMs;
      for (const watched of running) {
        if (watched.one.startedMs > lateMs) break;
        lookAt(watched);
      }
    }
  };
  void sweep();

  return {
    begin: (key, one, onGivenUp) => {
      const watched = { key, one, onGivenUp };
      running.add(watched);
      return () => {
        running.delete(watched);
        hung.delete(watched);
      };
    },
    abortAll: (reason) => {
      for (const { one } of running) one.abort(reason);
    },
    givenUp: () => [...hung].map(({ key, one }) => ({ key, sinceMs: one.startedMs })),
  };
};

/** What is said of a resource whose reconcile was given up on. */
export const hangText = (sinceMs: number, timeoutMs: number): string =>
  `the reconcile that began at ${new Date(sinceMs).toISOString()} has not ended, though its ${formatDurationMs(timeoutMs)} ` +
  '(OPSTREAM_RECONCILE_TIMEOUT) are over and its signal was aborted; the resource waits until it ends or the component is started again';
