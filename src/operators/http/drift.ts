// How often the same difference is put right before it is left alone for a while: an API that sorts a list, or another program that wants it
// otherwise, would else be written to for ever. Pure. Called by object-change.ts.

import type { Drift } from './record.ts';

/** So many equal corrections in a row are made without a pause. */
const CORRECTIONS = 3;
const FIRST_PAUSE_MS = 60_000;
const MAX_PAUSE_MS = 3_600_000;

/** Corrections of the same difference further apart are not one fight. */
const FORGOTTEN_AFTER_MS = 2 * MAX_PAUSE_MS;

const isOf = (drift: Drift | undefined, difference: string, nowMs: number): drift is Drift =>
  drift?.difference === difference && nowMs - Date.parse(drift.at) < FORGOTTEN_AFTER_MS;

/**
 * When the difference may be corrected again, in ms since the epoch; undefined: now. The pause is twice as long after each correction, up to an
 * hour.
 */
export const heldUntilMs = (drift: Drift | undefined, difference: string, nowMs: number): number | undefined => {
  if (!isOf(drift, difference, nowMs) || drift.count < CORRECTIONS) return undefined;
  const pauseMs = Math.min(MAX_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(drift.count - CORRECTIONS, 20));
  const untilMs = Date.parse(drift.at) + pauseMs;
  return untilMs > nowMs ? untilMs : undefined;
};

export const corrected = (drift: Drift | undefined, difference: string, nowMs: number): Drift => ({
  difference,
  count: isOf(drift, difference, nowMs) ? drift.count + 1 : 1,
  at: new Date(nowMs).toISOString(),
});
