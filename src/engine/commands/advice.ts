// What the lint says about the manifests of a command, for its receipt. Operators get all rules (some milliseconds; they are applied
// seldom), resources only the one that costs a microsecond.

import { lintOperator, lintResource, lintText } from '../../manifest/lint/lint.ts';
import type { Finding } from '../../messages/finding.ts';
import type { ParsedDocument } from '../../manifest/document.ts';
import type { Intent } from './intent.ts';

const NONE: readonly Finding[] = [];

export const adviceOnDocument = (kind: string, document: ParsedDocument): readonly Finding[] =>
  kind === 'operator'
    ? lintOperator(document)
    : kind === 'resource'
      ? lintResource(document)
      : kind === 'secret'
        ? lintText(document)
        : NONE;

export const adviceOn = (intents: readonly Intent[]): readonly Finding[] => {
  if (intents.length === 1 && intents[0]?.kind === 'manifest') {
    return adviceOnDocument(intents[0].ref.kind, intents[0].document);
  }
  const findings = intents.flatMap((intent) =>
    intent.kind === 'manifest' ? adviceOnDocument(intent.ref.kind, intent.document) : NONE,
  );
  return findings.length === 0 ? NONE : findings;
};
