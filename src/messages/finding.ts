// What a rule of the lint says about a manifest. Plain data: it travels in receipts and is what `opstream lint -o json` prints.

/** `note`: to be known; `warning`: probably not meant so; `error`: an apply would refuse it. */
export type Severity = 'note' | 'warning' | 'error';

/**
 * `pointer` is a JSON Pointer into the manifest; `document` counts documents from 0; `line` and `column` (from 1) are there when the input
 * was YAML. Never holds the value of anything that may be a secret.
 */
export type Finding = {
  readonly code: string;
  readonly severity: Severity;
  readonly message: string;
  readonly hint?: string;
  readonly pointer: string;
  readonly document?: number;
  readonly line?: number;
  readonly column?: number;
};

/** In a receipt, at most. */
export const MAX_WARNINGS = 20;

/** The first of them, and a word on how many were left out. */
export const boundedFindings = (findings: readonly Finding[]): readonly Finding[] => {
  if (findings.length <= MAX_WARNINGS) return findings;
  const more = findings.length - MAX_WARNINGS + 1;
  const message = `and ${more} more; "opstream lint" shows all of them`;
  return [...findings.slice(0, MAX_WARNINGS - 1), { code: 'MORE', severity: 'note', message, pointer: '' }];
};
