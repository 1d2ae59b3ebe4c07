// One check as lines for people.

import type { CheckReport } from './types.ts';

const indented = (label: string, text: string | undefined): readonly string[] => {
  const [first = '', ...rest] = (text ?? '').split('\n');
  return [`     ${label.padEnd(9)}${first}`, ...rest.map((line) => `              ${line}`)];
};

const MARKS = { ok: 'ok  ', failed: 'FAIL', skipped: '-   ' } as const;

export const reportLines = (report: CheckReport): readonly string[] => {
  const { name, about, result, remark, durationMs } = report;
  const seconds = result === 'skipped' ? '' : ` [${(durationMs / 1000).toFixed(1)} s]`;
  const head = `${MARKS[result]} ${name}: ${about}${seconds}${remark === undefined ? '' : ` (${remark})`}`;
  if (result !== 'failed') return [head];
  return [
    head,
    ...indented('expected', report.expected),
    ...indented('found', report.found),
    ...indented('do', report.advice),
  ];
};
