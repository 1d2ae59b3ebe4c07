// Runs the checks one after another and makes reports of them. The first decides: a component that does not report at all is not asked
// anything else.

import { isFault } from '../core/fault.ts';
import { BenchProblem, type Bench } from './bench.ts';
import type { ComponentProgram } from './component-program.ts';
import { type Check, type CheckReport } from './types.ts';
import { Breach } from './breach.ts';

/** What else is to be seen of the component when a check fails. */
const whatItSays = (program: ComponentProgram | undefined): string => {
  const ending = program?.ending();
  const end =
    ending === undefined ? '' : `\nthe component has ended: ${ending.signal ?? `exit code ${ending.code ?? '?'}`}`;
  const tail = program?.tail() ?? '';
  return `${end}${tail === '' ? '' : `\nthe component printed last:\n${tail}`}`;
};

const failureOf = (error: unknown, bench: Bench): Pick<CheckReport, 'expected' | 'found' | 'advice'> => {
  const output = whatItSays(bench.current());
  if (error instanceof Breach)
    return { expected: error.expected, found: `${error.found}${output}`, advice: error.advice };
  if (error instanceof BenchProblem) {
    return {
      expected: 'the instance to take what the suite sends',
      found: error.message,
      advice: 'see what it refuses; --spec gives the spec of the resources',
    };
  }
  if (!isFault(error)) throw error;
  return {
    expected: 'the instance to answer',
    found: `${error.message}${output}`,
    advice: 'this may be a problem of this machine; run it again',
  };
};

const runOne = async (check: Check, bench: Bench): Promise<CheckReport> => {
  const { name, about } = check;
  const reason = check.skipped?.(bench);
  if (reason !== undefined) return { name, about, result: 'skipped', durationMs: 0, remark: reason };
  const startedMs = performance.now();
  const durationMs = (): number => Math.round(performance.now() - startedMs);
  try {
    const remark = await check.run(bench);
    return { name, about, result: 'ok', durationMs: durationMs(), ...(remark === undefined ? {} : { remark }) };
  } catch (error) {
    return { name, about, result: 'failed', durationMs: durationMs(), ...failureOf(error, bench) };
  }
};

export const runSuite = async (
  checks: readonly Check[],
  bench: Bench,
  options: { readonly signal: AbortSignal; onReport(report: CheckReport): void },
): Promise<readonly CheckReport[]> => {
  const reports: CheckReport[] = [];
  for (const check of checks) {
    if (options.signal.aborted) break;
    const isHopeless = reports[0]?.name === 'reports' && reports[0].result === 'failed';
    const report: CheckReport = isHopeless
      ? { name: check.name, about: check.about, result: 'skipped', durationMs: 0, remark: 'nothing is reported at all' }
      : await runOne(check, bench);
    // Told to stop, it failed for that.
    if (options.signal.aborted && report.result === 'failed') break;
    reports.push(report);
    options.onReport(report);
  }
  return reports;
};
