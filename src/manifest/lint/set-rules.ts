// Rules on documents that are given together: a resource that names an operator which nearly is among them, or one of them that has not the
// type or the workspace. What is registered already is not known here; the command-handler says that in a dry run.

import { isJsonObject, type JsonObject, type JsonValue } from '../../core/json.ts';
import { printable } from '../../core/names.ts';
import { nearestName } from '../../json-schema/nearest.ts';
import type { ParsedDocument } from '../document.ts';
import type { Finding } from '../../messages/finding.ts';

type Declared = { readonly name: string; readonly types: readonly string[]; readonly workspaces: readonly string[] };

const textsIn = (value: JsonValue | undefined): readonly string[] =>
  Array.isArray(value) ? (value as readonly JsonValue[]).filter((item) => typeof item === 'string') : [];

const declaredBy = ({ value }: ParsedDocument): Declared | undefined => {
  if (!isJsonObject(value) || value['type'] !== 'operator' || typeof value['name'] !== 'string') return undefined;
  const operator: JsonObject = isJsonObject(value['operator']) ? value['operator'] : {};
  const types = Array.isArray(operator['resources']) ? (operator['resources'] as readonly JsonValue[]) : [];
  return {
    name: value['name'],
    types: types.flatMap((type) => (isJsonObject(type) && typeof type['name'] === 'string' ? [type['name']] : [])),
    workspaces: textsIn(operator['enabledWorkspaces']),
  };
};

const didYouMean = (name: string, candidates: readonly string[]): { readonly hint?: string } => {
  const nearest = nearestName(name, candidates);
  return nearest === undefined ? {} : { hint: `did you mean "${printable(nearest)}"?` };
};

const unknownOperator = (operator: string, type: string, declared: readonly Declared[]): readonly Finding[] => {
  const near = didYouMean(
    operator,
    declared.map(({ name }) => name),
  );
  const withType = declared.find(({ types }) => types.includes(type));
  const hint = near.hint ?? (withType === undefined ? undefined : `"${printable(withType.name)}" has that type`);
  if (hint === undefined) return [];
  const message = `operator "${printable(operator)}" is none of those declared here (${declared.map(({ name }) => printable(name)).join(', ')})`;
  return [{ code: 'OPERATOR_NOT_FOUND', severity: 'warning', message, hint, pointer: '/resource/operator' }];
};

const resourceFindings = (
  { value }: ParsedDocument,
  declared: readonly Declared[],
  defaultWorkspace: string,
): readonly Finding[] => {
  if (!isJsonObject(value) || value['type'] !== 'resource' || !isJsonObject(value['resource'])) return [];
  const { operator, type } = value['resource'] as Readonly<Record<string, JsonValue>>;
  if (typeof operator !== 'string' || typeof type !== 'string') return [];
  const host = declared.find(({ name }) => name === operator);
  if (host === undefined) return unknownOperator(operator, type, declared);
  const findings: Finding[] = [];
  if (!host.types.includes(type)) {
    const message = `operator "${printable(operator)}" has the types ${host.types.map(printable).join(', ')}; found "${printable(type)}"`;
    const pointer = '/resource/type';
    findings.push({ code: 'TYPE_NOT_FOUND', severity: 'error', message, ...didYouMean(type, host.types), pointer });
  }
  const workspace = typeof value['workspace'] === 'string' ? value['workspace'] : defaultWorkspace;
  if (!host.workspaces.includes(workspace)) {
    const message = `operator "${printable(operator)}" is enabled in ${host.workspaces.map(printable).join(', ')}; found workspace "${printable(workspace)}"`;
    findings.push({ code: 'WORKSPACE_NOT_ENABLED', severity: 'error', message, pointer: '/workspace' });
  }
  return findings;
};

/** Findings by document. */
export const setFindings = (
  documents: readonly ParsedDocument[],
  defaultWorkspace: string,
): ReadonlyMap<ParsedDocument, readonly Finding[]> => {
  const declared = documents.flatMap((document) => declaredBy(document) ?? []);
  if (declared.length === 0) return new Map();
  return new Map(documents.map((document) => [document, resourceFindings(document, declared, defaultWorkspace)]));
};
