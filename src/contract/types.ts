// The vocabulary of the contract suite: a check, what comes of it, and the breach that a check throws when a component does not do what
// the channel asks of it.

import type { Bench } from './bench.ts';

/** A component did not keep the contract. All three are sentences for its author. */
export class Breach extends Error {
  readonly expected: string;
  readonly found: string;
  readonly advice: string;

  constructor(breach: { readonly expected: string; readonly found: string; readonly advice: string }) {
    super(`expected ${breach.expected}; found ${breach.found}`);
    this.name = 'Breach';
    this.expected = breach.expected;
    this.found = breach.found;
    this.advice = breach.advice;
  }
}

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
