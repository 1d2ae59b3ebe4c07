// The door to the external API, shared by all resources of the component: closed after an answer that says "too many", until its
// Retry-After is over, and by our own limit of requests in a time. What comes meanwhile is told when to come again.

import { Fault } from '../../sdk/index.ts';

const MAX_PAUSE_MS = 3_600_000;

export type Gate = {
  /** Faults: COMPONENT_RETRYABLE with the time that is left; nothing was sent. */
  pass(): void;
  close(pauseMs: number): void;
};

export const createGate = (
  limit: { readonly requests: number; readonly perMs: number } | undefined,
  now: () => number,
): Gate => {
  let closedUntilMs = Number.NEGATIVE_INFINITY;
  let tokens = limit?.requests ?? 0;
  let filledMs = now();

  const waitMs = (): number => {
    const nowMs = now();
    if (closedUntilMs > nowMs) return closedUntilMs - nowMs;
    if (limit === undefined) return 0;
    const eachMs = limit.perMs / limit.requests;
    tokens = Math.min(limit.requests, tokens + (nowMs - filledMs) / eachMs);
    filledMs = nowMs;
    if (tokens < 1) return (1 - tokens) * eachMs;
    tokens -= 1;
    return 0;
  };

  return {
    pass: () => {
      const afterMs = Math.ceil(waitMs());
      if (afterMs <= 0) return;
      throw new Fault('COMPONENT_RETRYABLE', 'the external API allows no more requests for a while', {
        retry: { afterMs },
        details: { outcome: 'none' },
      });
    },
    close: (pauseMs) => {
      closedUntilMs = Math.max(closedUntilMs, now() + Math.min(MAX_PAUSE_MS, pauseMs));
    },
  };
};
