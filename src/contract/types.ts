// The vocabulary of the contract suite: a check, what comes of it, and the breach that a check throws when a component does not do what
// the channel asks of it.

import type { Bench } from './bench.ts';

export type Check = {
  /** Lower case with dashes: what `--only` names. */
  readonly name: string;
  /** What a component that passes does, in a sentence. */
  readonly about: string;
  /** Why it does not apply here; undefined: it does. */
  skipped?(bench: Bench): string | undefined;
  /** Throws a Breach. May return a remark for the report. */
  run(bench: Bench): Promise<string | undefined>;
};

export type CheckReport = {
  readonly name: string;
  readonly about: string;
  readonly result: 'ok' | 'failed' | 'skipped';
  readonly durationMs: number;
  readonly remark?: string;
  readonly expected?: string;
  readonly found?: string;
  readonly advice?: string;
};
