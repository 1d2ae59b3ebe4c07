// The one parser of durations in configuration, manifests and on command lines: `500ms`, `10s`, `1m`, `1h30m`, `7d`.
// A bare number is refused except 0: nobody should have to guess its unit.

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const WHOLE = /^(?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+$/;
const PART = /(\d+(?:\.\d+)?)(ms|s|m|h|d)/g;

/** What is accepted, in words for messages. */
export const DURATION_RULE = 'a duration such as 500ms, 10s, 1m or 1h30m';

/** Milliseconds, rounded; undefined when `text` is not a duration. */
export const parseDurationMs = (text: string): number | undefined => {
  const trimmed = text.trim();
  if (trimmed === '0') return 0;
  if (trimmed.length > 40 || !WHOLE.test(trimmed)) return undefined;
  let totalMs = 0;
  for (const [, amount = '', unit = ''] of trimmed.matchAll(PART)) totalMs += Number(amount) * (UNIT_MS[unit] ?? NaN);
  return Number.isFinite(totalMs) ? Math.round(totalMs) : undefined;
};

/** The shortest exact form: 90000 is `90s`, 60000 is `1m`. */
export const formatDurationMs = (durationMs: number): string => {
  for (const unit of ['d', 'h', 'm', 's'] as const) {
    const size = UNIT_MS[unit] ?? 1;
    if (durationMs >= size && durationMs % size === 0) return `${durationMs / size}${unit}`;
  }
  return `${durationMs}ms`;
};
