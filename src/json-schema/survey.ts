// One walk over an operator's schema before it is compiled: which resources and anchors it has, where its references lead, and what is wrong
// with it that its meta-schema does not tell: bad patterns, references to nothing, too many subschemas, keywords that mean nothing.

import { isJsonObject, pointerToken, type JsonObject, type JsonValue } from '../core/json.ts';
import { printable } from '../core/names.ts';
import { nearestName } from './nearest.ts';
import type { Patterns } from './patterns.ts';
import { isKnownFormat } from './formats.ts';
import { DEFAULT_URI, newResource, resolve, resolveUri, type Resource, type Target } from './resources.ts';
import { draftOf, isOnlyReference, VOCABULARIES, type Draft } from './vocabulary.ts';

const MAX_SUBSCHEMAS = 1000;

export type Survey = {
  readonly draft: Draft;
  readonly root: Target;
  readonly resources: ReadonlyMap<string, Resource>;
  readonly problems: readonly string[];
  /** Keywords that mean nothing here. */
  readonly warnings: readonly string[];
  /** Places of `nullable: true`, which no draft knows. */
  readonly nullables: readonly string[];
  /** Places and names of formats that are not checked. */
  readonly unknownFormats: readonly { readonly at: string; readonly name: string }[];
  /** Subschemas in places that no keyword makes a schema, and that are referred to. */
  readonly hidden: readonly { readonly at: string; readonly schema: JsonValue }[];
  readonly resourceOf: (schema: JsonObject) => Resource;
  /** For a reference that is no problem. */
  readonly target: (reference: string, from: Resource) => Target;
};

/** Surveys a schema that is at most MAX_DEPTH deep. With problems it is not to be compiled. */
export const surveySchema = (schema: JsonValue, draft: Draft, patterns: Pick<Patterns, 'problem'>): Survey => {
  const vocabulary = VOCABULARIES[draft];
  const { single, lists, maps, literals, rules, annotations } = vocabulary;
  const known = [single, lists, maps, literals, rules, annotations].flatMap((words) => [...words]);
  let isTooLarge = false;
  const problems: string[] = [];
  const warnings: string[] = [];
  const nullables: string[] = [];
  const unknownFormats: { readonly at: string; readonly name: string }[] = [];
  const hidden: { readonly at: string; readonly schema: JsonValue }[] = [];
  const resources = new Map<string, Resource>();
  const owners = new Map<JsonObject, Resource>();
  const references: { readonly at: string; readonly value: JsonValue | undefined; readonly from: Resource }[] = [];

  const addResource = (id: string, root: JsonValue, at: string, outer: Resource): Resource => {
    const resolved = resolveUri(id, outer.uri);
    if (resolved === undefined) {
      problems.push(`${at}/$id: expected a URI, found "${printable(id)}"`);
      return outer;
    }
    const { uri, fragment } = resolved;
    // In draft-07 a fragment alone is an anchor.
    if (id.startsWith('#')) {
      if (isJsonObject(root)) outer.anchors.set(fragment, root);
      return outer;
    }
    if (resources.has(uri))
      problems.push(`${at}/$id: two subschemas are called "${printable(uri)}"; give each its own`);
    const resource = newResource(uri, root);
    resources.set(uri, resource);
    return resource;
  };

  const noteNullable = (node: JsonObject, at: string): void => {
    const { nullable } = node as { readonly nullable?: JsonValue };
    if (nullable === undefined) return;
    const says = ['type', 'enum', 'const', '$ref', '$dynamicRef', 'allOf', 'anyOf', 'oneOf', 'not'];
    if (typeof nullable !== 'boolean') warnings.push(`${at}: "nullable" is true or false; it is ignored`);
    else if (nullable && !says.some((key) => Object.hasOwn(node, key)))
      warnings.push(`${at}: "nullable" without "type" says nothing`);
    else if (nullable) nullables.push(at);
  };

  const checkPattern = (value: JsonValue | undefined, at: string): void => {
    const problem = typeof value === 'string' ? patterns.problem(value) : undefined;
    if (problem !== undefined) problems.push(`${at}: ${problem}`);
  };

  const warnUnknown = (key: string, at: string): void => {
    const nearest = nearestName(key, known);
    const hint = nearest === undefined ? '' : `; did you mean "${nearest}"?`;
    warnings.push(`${at}: the keyword "${printable(key)}" is not known and is ignored${hint}`);
  };

  const walkKeyword = (key: string, value: JsonValue, at: string, owner: Resource): void => {
    if (maps.has(key)) {
      if (!isJsonObject(value)) return;
      for (const [name, entry] of Object.entries(value)) walk(entry as JsonValue, `${at}/${pointerToken(name)}`, owner);
    } else if (lists.has(key) || (single.has(key) && Array.isArray(value))) {
      if (!Array.isArray(value)) return;
      for (const [index, entry] of (value as readonly JsonValue[]).entries()) walk(entry, `${at}/${index}`, owner);
    } else walk(value, at, owner);
  };

  const noteRule = (key: string, value: JsonValue, at: string, node: JsonObject, owner: Resource): void => {
    if (key === '$ref' || key === '$dynamicRef') references.push({ at, value, from: owner });
    else if (key === 'pattern') checkPattern(value, at);
    else if (key === '$anchor' && typeof value === 'string') owner.anchors.set(value, node);
    else if (key === '$dynamicAnchor' && typeof value === 'string') owner.dynamicAnchors.set(value, node);
    else if (key === 'format' && typeof value === 'string' && !isKnownFormat(value))
      unknownFormats.push({ at, name: value });
  };

  const ownerOf = (node: JsonObject, at: string, outer: Resource): Resource => {
    const id = node['$id'];
    if (outer.root === node || typeof id !== 'string' || isOnlyReference(node, draft)) return outer;
    return addResource(id, node, at, outer);
  };

  const walkEntry = (key: string, node: JsonObject, at: string, owner: Resource): void => {
    const value = node[key] as JsonValue;
    const child = `${at}/${pointerToken(key)}`;
    if (key === 'patternProperties' && isJsonObject(value)) {
      for (const pattern of Object.keys(value)) checkPattern(pattern, child);
    }
    if (rules.has(key)) noteRule(key, value, child, node, owner);
    else if (single.has(key) || lists.has(key) || maps.has(key)) walkKeyword(key, value, child, owner);
    else if (key === '$recursiveRef')
      problems.push(`${child}: expected $dynamicRef; $recursiveRef is of draft 2019-09`);
    else if (!literals.has(key) && !annotations.has(key)) warnUnknown(key, at);
  };

  const checkDraft = (node: JsonObject, at: string): void => {
    if (at === '#' || node['$schema'] === undefined) return;
    const own = draftOf(node);
    if (own.ok && own.value === draft) return;
    problems.push(`${at}/$schema: expected the draft of the whole schema; one schema is of one draft`);
  };

  const walk = (node: JsonValue, at: string, outer: Resource): void => {
    if (!isJsonObject(node) || owners.has(node)) return;
    if (owners.size >= MAX_SUBSCHEMAS) {
      isTooLarge = true;
      return;
    }
    const owner = ownerOf(node, at, outer);
    owners.set(node, owner);
    checkDraft(node, at);
    if (isOnlyReference(node, draft)) {
      references.push({ at: `${at}/$ref`, value: node['$ref'], from: owner });
      for (const key of ['definitions', '$defs']) {
        if (isJsonObject(node[key])) walkKeyword(key, node[key], `${at}/${key}`, owner);
      }
      return;
    }
    for (const key of Object.keys(node)) {
      walkEntry(key, node, at, owner);
    }
    noteNullable(node, at);
  };

  const find = (reference: string, from: Resource): Target | string =>
    resolve(reference, from, resources, (node) => owners.get(node), vocabulary);

  /** Grows while it is read: what a reference leads to may have references of its own. */
  const checkReferences = (): void => {
    for (const { at, value, from } of references) {
      const target = typeof value === 'string' ? find(value, from) : 'expected a reference as text';
      if (typeof target === 'string') problems.push(`${at}: ${target}`);
      else if (isJsonObject(target.schema) && !owners.has(target.schema)) {
        hidden.push({ at, schema: target.schema });
        walk(target.schema, at, target.resource);
      }
    }
  };

  const base = newResource(DEFAULT_URI, schema);
  const id = isJsonObject(schema) ? schema['$id'] : undefined;
  const isNamed = typeof id === 'string' && !id.startsWith('#') && !isOnlyReference(schema as JsonObject, draft);
  const rootResource = isNamed ? addResource(id, schema, '#', base) : base;
  resources.set(rootResource.uri, rootResource);
  walk(schema, '#', rootResource);
  checkReferences();
  if (isTooLarge) problems.push(`the schema has more than ${MAX_SUBSCHEMAS} subschemas`);

  return {
    ...{ draft, root: { schema, resource: rootResource }, resources, problems, warnings, nullables, unknownFormats },
    hidden,
    resourceOf: (node) => owners.get(node) ?? rootResource,
    target: (reference, from) => {
      const target = find(reference, from);
      if (typeof target === 'string') throw new Error(`reference was not checked: ${target}`);
      return target;
    },
  };
};
