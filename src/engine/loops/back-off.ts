// How long to wait before the next try: exponential with full jitter, so that many failures at once do not come back at once.

export type BackOff = { readonly baseMs: number; readonly capMs: number };

export const defaultBackOff: BackOff = { baseMs: 500, capMs: 300_000 };

/** `attempt` counts failures from 1. `random` gives [0, 1). A whole number of milliseconds in [0, min(cap, base * 2^(attempt-1))]. */
export const backOffMs = (attempt: number, { baseMs, capMs }: BackOff, random: () => number): number =>
  Math.round(random() * Math.min(capMs, baseMs * 2 ** Math.min(attempt - 1, 40)));
