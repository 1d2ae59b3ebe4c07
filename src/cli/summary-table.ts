// Summaries as rows of the seed's table, with the columns that `-o wide` and `--tags` add, and those of readiness where somebody asked for it.
// The seed's columns always come first. Pure.

import type { Summary } from '../messages/queries.ts';
import { renderTable } from './table.ts';

const SEED_HEADERS = ['NAME', 'VERSION', 'TYPE', 'WORKSPACE', 'STATUS', 'RUNTIME', 'OWNER'];

export type TableOptions = {
  readonly isWide?: boolean;
  /** READY and REASON; always with `isWide`. */
  readonly withReadiness?: boolean;
  readonly withTags?: boolean;
  readonly nowMs: number;
};

const showsReadiness = ({ isWide, withReadiness }: TableOptions): boolean => isWide === true || withReadiness === true;

/** `5s`, `12m`, `3h`, `4d`. */
export const ageOf = (time: string, nowMs: number): string => {
  const seconds = Math.max(0, Math.floor((nowMs - Date.parse(time)) / 1000));
  if (!Number.isFinite(seconds)) return '';
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m`;
  return seconds < 86_400 ? `${Math.floor(seconds / 3600)}h` : `${Math.floor(seconds / 86_400)}d`;
};

const wideCells = (summary: Summary, nowMs: number): readonly string[] => [
  summary.operator ?? '',
  summary.resourceType ?? '',
  `${summary.observedGeneration}/${summary.generation}`,
  summary.layer ?? '',
  summary.externalName ?? '',
  summary.externalId ?? '',
  ageOf(summary.createdAt, nowMs),
];

// Nothing runs an operator, but its components may be what nobody would expect of one that is active.
const runtimeOf = ({ runtime, notReady }: Summary): string => (runtime === '' ? (notReady?.reason ?? '') : runtime);

const rowOf = (summary: Summary, options: TableOptions, withReasons: boolean): readonly string[] => {
  const { isWide, withTags, nowMs } = options;
  return [
    summary.name,
    summary.version,
    summary.type,
    summary.workspace,
    summary.status,
    runtimeOf(summary),
    summary.owner,
    ...(showsReadiness(options) ? [summary.ready, summary.reason] : []),
    ...(isWide === true ? wideCells(summary, nowMs) : []),
    ...(isWide === true && withReasons ? [summary.notReady?.message ?? ''] : []),
    ...(withTags === true ? [summary.tags.join(',')] : []),
  ];
};

export const summaryHeaders = (options: TableOptions, withReasons = false): readonly string[] => [
  ...SEED_HEADERS,
  ...(showsReadiness(options) ? ['READY', 'REASON'] : []),
  ...(options.isWide === true
    ? ['OPERATOR', 'RESOURCE TYPE', 'OBSERVED', 'LAYER', 'EXTERNAL NAME', 'EXTERNAL ID', 'AGE']
    : []),
  ...(options.isWide === true && withReasons ? ['WHY NOT READY'] : []),
  ...(options.withTags === true ? ['TAGS'] : []),
];

export const summaryTable = (summaries: readonly Summary[], options: TableOptions): string => {
  const withReasons = summaries.some(({ notReady }) => notReady !== undefined);
  return renderTable(
    summaryHeaders(options, withReasons),
    summaries.map((summary) => rowOf(summary, options, withReasons)),
  );
};
