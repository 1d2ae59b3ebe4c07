// The door to an external API, shared by all resources of a component: closed after an answer that says "too many", until its Retry-After is
// over, and by a limit of requests in a time. What comes meanwhile is told when to come again: within the limit each at another time, so that
// not all come back together.

import { Fault } from '../../core/fault.ts';

const MAX_PAUSE_MS = 3_600_000;

export type Gate = {
  /** Faults: COMPONENT_RETRYABLE with the time that is left, or the one that closed it; nothing was sent. */
  pass(): void;
  /** As `pass`, without taking a place. */
  look(): void;
  /** For at most an hour. `why`: what is said meanwhile. */
  close(pauseMs: number, why?: Fault): void;
};

export const createGate = (
  limit: { readonly requests: number; readonly perMs: number } | undefined,
  now: () => number,
): Gate => {
  let closedUntilMs = Number.NEGATIVE_INFINITY;
  let closedFor: Fault | undefined;
  let tokens = limit?.requests ?? 0;
  let filledMs = now();
  /** Places that were promised and are still to come. */
  let promised = 0;

  const refused = (afterMs: number, isClosed: boolean): Fault => {
    const why = isClosed ? closedFor : undefined;
    const message = why?.message ?? 'the external API allows no more requests for a while';
    return new Fault(why?.code ?? 'COMPONENT_RETRYABLE', message, {
      retry: { afterMs: Math.ceil(afterMs), ...(isClosed ? { scope: 'operator' } : {}) },
      details: { ...why?.details, outcome: 'none' },
    });
  };

  const enter = (count: 0 | 1): void => {
    const nowMs = now();
    if (closedUntilMs > nowMs) throw refused(closedUntilMs - nowMs, true);
    if (limit === undefined) return;
    const eachMs = limit.perMs / limit.requests;
    const passed = (nowMs - filledMs) / eachMs;
    tokens = Math.min(limit.requests, tokens + passed);
    promised = Math.max(0, promised - passed);
    filledMs = nowMs;
    if (tokens >= 1) {
      tokens -= count;
      return;
    }
    promised += 1;
    throw refused((promised - tokens) * eachMs, false);
  };

  return {
    pass: () => enter(1),
    look: () => enter(0),
    close: (pauseMs, why) => {
      closedUntilMs = Math.max(closedUntilMs, now() + Math.min(MAX_PAUSE_MS, pauseMs));
      closedFor = why;
    },
  };
};
