// Runs work only while a lease is held: the projector, the operator-runtime and the durable door of the command-handler each have one
// active copy, and standbys that take over by themselves.

import { isFault } from '../../core/fault.ts';
import type { Clock } from '../ports/clock.ts';
import type { Lease, LeaseKeeper } from '../ports/leases.ts';
import type { Log } from '../ports/log.ts';

const RESTART_MS = 500;
const MAX_RESTART_MS = 10_000;
/** Work that held on this long was not failing at start: the back-off begins anew. */
const STEADY_MS = 30_000;

/**
 * Resolves when `signal` aborts. `work` gets a signal that also aborts when the lease is lost; when it fails with a Fault it is begun
 * again, with a new lease and after a growing pause. Bugs are thrown.
 */
export const whileLeading = async (options: {
  readonly leases: LeaseKeeper;
  readonly name: string;
  readonly holder: string;
  readonly ttlMs: number;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
  /** See LeaseKeeper. */
  facts?(): Readonly<Record<string, unknown>>;
  work(lease: Lease, signal: AbortSignal): Promise<void>;
}): Promise<void> => {
  const { leases, name, holder, ttlMs, clock, log, signal } = options;
  let pauseMs = RESTART_MS;
  while (!signal.aborted) {
    log.debug({ lease: name }, 'waiting for lease');
    let lease: Lease | undefined;
    let startedMs = clock.nowMs();
    try {
      lease = await leases.acquire(name, {
        ttlMs,
        holder,
        signal,
        ...(options.facts === undefined ? {} : { facts: options.facts }),
      });
      if (lease === undefined) return;
      startedMs = clock.nowMs();
      log.info({ lease: name, token: lease.token }, 'lease acquired');
      await options.work(lease, AbortSignal.any([signal, lease.lost]));
      if (!signal.aborted) log.warn({ lease: name, token: lease.token, isLost: lease.lost.aborted }, 'lease given up');
    } catch (error) {
      if (!isFault(error)) throw error;
      log.warn({ lease: name, err: error }, 'leading failed');
    } finally {
      await lease
        ?.release()
        .catch((error: unknown) => log.warn({ lease: name, err: error }, 'lease could not be released'));
    }
    if (signal.aborted) return;
    pauseMs = clock.nowMs() - startedMs > STEADY_MS ? RESTART_MS : Math.min(MAX_RESTART_MS, pauseMs * 2);
    await clock.sleep(pauseMs, signal);
  }
};
