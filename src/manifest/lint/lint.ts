// The lint: rules about manifests that apply accepts and that are probably not meant so. Pure. Receipts carry what
// `adviceOnDocument` says; `opstream lint` shows what `lintDocuments` says, which includes everything that would be refused.

import { isJsonObject } from '../../core/json.ts';
import type { RejectionDetail } from '../../core/rejection.ts';
import type { ParsedDocument } from '../document.ts';
import { validateManifest, type ManifestContext } from '../validate.ts';
import { channelFindings } from './channel-rules.ts';
import { componentFindings } from './component-rules.ts';
import { operatorCredentialFindings, specCredentialFindings } from './credential-rules.ts';
import type { Finding } from '../../messages/finding.ts';
import { httpFindings } from './http-rules.ts';
import { operatorView } from './operator-view.ts';
import { schemaFindings } from './schema-rules.ts';
import { setFindings } from './set-rules.ts';
import { textFindings } from './text-rules.ts';

/** With the place of its pointer, or of the nearest thing around it. */
const located = (finding: Finding, document: ParsedDocument): Finding => {
  const inSet = (document.total ?? 1) > 1 ? { document: document.index } : {};
  if (finding.line !== undefined) return { ...finding, ...inSet };
  for (let { pointer } = finding; ; pointer = pointer.slice(0, pointer.lastIndexOf('/'))) {
    const position = document.locate(pointer);
    if (position !== undefined) return { ...finding, ...inSet, ...position };
    if (pointer === '') return { ...finding, ...inSet };
  }
};

/** In the order of the text, then of the rules. */
const inOrder = (findings: readonly Finding[]): readonly Finding[] =>
  [...findings].sort(
    (left, right) =>
      (left.document ?? 0) - (right.document ?? 0) ||
      (left.line ?? 0) - (right.line ?? 0) ||
      (left.column ?? 0) - (right.column ?? 0),
  );

const NONE: readonly Finding[] = [];

/** The rules on any manifest, and the only ones on a secret: how its text is written. */
export const lintText = (document: ParsedDocument): readonly Finding[] =>
  textFindings(document).map((finding) => located(finding, document));

/** All rules on one operator. Takes some milliseconds. */
export const lintOperator = (document: ParsedDocument): readonly Finding[] => {
  const view = operatorView(document.value);
  if (view === undefined) return lintText(document);
  const findings = [
    ...channelFindings(view),
    ...componentFindings(view),
    ...operatorCredentialFindings(view),
    ...schemaFindings(view),
    ...textFindings(document),
    ...httpFindings(document.value, view),
  ];
  return inOrder(findings.map((finding) => located(finding, document)));
};

/** The rules on one resource. Takes a microsecond for a usual spec. */
export const lintResource = (document: ParsedDocument): readonly Finding[] => {
  const { value } = document;
  const resource = isJsonObject(value) ? value['resource'] : undefined;
  const inSpec = isJsonObject(resource) ? specCredentialFindings(resource['spec']) : NONE;
  const ofText = textFindings(document);
  const findings = ofText.length === 0 ? inSpec : [...inSpec, ...ofText];
  return findings.length === 0 ? NONE : findings.map((finding) => located(finding, document));
};

/**
 * What a receipt says about a manifest of that kind. Operators get all rules (they are applied seldom), resources and secrets only those that
 * cost microseconds.
 */
export const adviceOnDocument = (kind: string, document: ParsedDocument): readonly Finding[] => {
  if (kind === 'operator') return lintOperator(document);
  if (kind === 'resource') return lintResource(document);
  return kind === 'secret' ? lintText(document) : NONE;
};

/** Why a manifest would be refused, as findings. */
export const findingOf = (detail: RejectionDetail, code: string): Finding => ({
  code: detail.code ?? code,
  severity: 'error',
  message: detail.message,
  pointer: detail.pointer ?? '',
  ...(detail.document === undefined ? {} : { document: detail.document }),
  ...(detail.line === undefined ? {} : { line: detail.line }),
  ...(detail.column === undefined ? {} : { column: detail.column }),
});

/** Everything about documents that are given together, without knowing what is registered already. */
export const lintDocuments = (documents: readonly ParsedDocument[], context: ManifestContext): readonly Finding[] => {
  const together = setFindings(documents, context.defaultWorkspace);
  const findings = documents.flatMap((document) => {
    const { value } = document;
    const checked = validateManifest(document, context);
    const refused = checked.ok ? [] : checked.error.details.map((detail) => findingOf(detail, checked.error.code));
    const type = isJsonObject(value) ? value['type'] : undefined;
    const own = type === 'operator' ? lintOperator(document) : lintResource(document);
    return [...refused, ...own, ...(together.get(document) ?? [])].map((finding) => located(finding, document));
  });
  return inOrder(findings);
};
