// Schema resources: the parts of a schema that have an `$id`, their anchors, and how a reference is resolved among them. A schema never leads
// out of its own text: what is not in it is not there.

import { fromPointer, isJsonObject, type JsonObject, type JsonValue } from '../core/json.ts';
import { printable } from '../core/names.ts';
import type { Vocabulary } from './vocabulary.ts';

export type Resource = {
  /** Absolute, without a fragment. */
  readonly uri: string;
  readonly root: JsonValue;
  readonly anchors: Map<string, JsonObject>;
  readonly dynamicAnchors: Map<string, JsonObject>;
};

/** `dynamicName`: what a `$dynamicRef` looks for in the dynamic scope, because its first target says so. */
export type Target = { readonly schema: JsonValue; readonly resource: Resource; readonly dynamicName?: string };

/** What a schema without an absolute `$id` is called. */
export const DEFAULT_URI = 'json-schema:///';

export const newResource = (uri: string, root: JsonValue): Resource => ({
  uri,
  root,
  anchors: new Map(),
  dynamicAnchors: new Map(),
});

/** Base and fragment (decoded, without "#") of a reference; undefined when it is not a URI. */
export const resolveUri = (
  reference: string,
  base: string,
): { readonly uri: string; readonly fragment: string } | undefined => {
  try {
    const url = new URL(reference, base);
    const fragment = decodeURIComponent(url.hash.slice(1));
    url.hash = '';
    return { uri: url.href, fragment };
  } catch {
    return undefined;
  }
};

/** A place on the way of a JSON Pointer: a schema, subschemas by name, or a list of them. */
type Place = { readonly at: JsonValue; readonly kind: 'schema' | 'map' | 'list' };

/** One step further, over subschemas only: never into literals, annotations or a prototype. */
const step = ({ at, kind }: Place, segment: string, vocabulary: Vocabulary): Place | undefined => {
  if (typeof at !== 'object' || at === null || !Object.hasOwn(at, segment)) return undefined;
  const isSchema = kind === 'schema';
  if (isSchema && (vocabulary.literals.has(segment) || vocabulary.annotations.has(segment))) return undefined;
  const next = (at as { readonly [key: string]: JsonValue })[segment] as JsonValue;
  if (isSchema && vocabulary.maps.has(segment)) return { at: next, kind: 'map' };
  return { at: next, kind: Array.isArray(next) ? 'list' : 'schema' };
};

const follow = (
  start: Resource,
  pointer: string,
  ownerOf: (schema: JsonObject) => Resource | undefined,
  vocabulary: Vocabulary,
): Target | undefined => {
  let place: Place | undefined = { at: start.root, kind: 'schema' };
  let resource = start;
  for (const segment of fromPointer(pointer)) {
    place = step(place, segment, vocabulary);
    if (place === undefined) return undefined;
    if (place.kind === 'schema' && isJsonObject(place.at)) resource = ownerOf(place.at) ?? resource;
  }
  const isSchema = place.kind === 'schema' && (isJsonObject(place.at) || typeof place.at === 'boolean');
  return isSchema ? { schema: place.at, resource } : undefined;
};

/** Where a reference in `from` leads, or why it leads nowhere. */
export const resolve = (
  reference: string,
  from: Resource,
  resources: ReadonlyMap<string, Resource>,
  ownerOf: (schema: JsonObject) => Resource | undefined,
  vocabulary: Vocabulary,
): Target | string => {
  const named = `the reference "${printable(reference)}"`;
  const resolved = resolveUri(reference, from.uri);
  if (resolved === undefined) return `${named} is not a URI`;
  const resource = resources.get(resolved.uri);
  const { fragment } = resolved;
  if (resource === undefined) {
    return `${named} leads to nothing in this schema; schemas are never fetched, so bring it in under "$defs"`;
  }
  if (fragment === '') return { schema: resource.root, resource };
  if (fragment.startsWith('/')) {
    return follow(resource, fragment, ownerOf, vocabulary) ?? `${named} does not lead to a subschema`;
  }
  const dynamic = resource.dynamicAnchors.get(fragment);
  if (dynamic !== undefined) return { schema: dynamic, resource, dynamicName: fragment };
  const schema = resource.anchors.get(fragment);
  return schema === undefined
    ? `${named} leads to nothing in this schema; no subschema has that $anchor`
    : { schema, resource };
};
