// Findings of the lint for people: `file.yaml:LINE:COLUMN severity: message [CODE]`, and the hint below it. Pure.

import type { Finding } from '../messages/finding.ts';
import type { JoinedManifests } from './joined-manifests.ts';

type Places = Pick<JoinedManifests, 'place'>;

const whereOf = (finding: Finding, manifests: Places | undefined): string => {
  if (manifests === undefined) return finding.pointer;
  const { path, line, column } = manifests.place(finding);
  return line === undefined ? `${path} ${finding.pointer}`.trim() : `${path}:${line}:${column ?? 1}`;
};

/** `manifests` undefined: the findings are not about a file. */
export const findingLines = (finding: Finding, manifests?: Places): readonly string[] => {
  const where = whereOf(finding, manifests);
  const head = `${where === '' ? '' : `${where} `}${finding.severity}: ${finding.message} [${finding.code}]`;
  return finding.hint === undefined ? [head] : [head, `    ${finding.hint}`];
};
