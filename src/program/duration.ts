// Durations in configuration and on command lines; the parser itself is in core, because manifests hold durations too.

export { DURATION_RULE, formatDurationMs, parseDurationMs } from '../core/duration.ts';
