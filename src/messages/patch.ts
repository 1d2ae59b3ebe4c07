// JSON Patches (RFC 6902) as events store them: made by `diff`, applied by `applyStored`. Patches that somebody sends are applied by
// sent-patch.ts. The only importer of fast-json-patch, which under ESM works by its default import alone. Pure: inputs are never changed.

import jsonPatch, { type Operation as LibraryOperation } from 'fast-json-patch';
import { Fault } from '../core/fault.ts';
import { fromPointer, type JsonValue } from '../core/json.ts';

export type Operation =
  | { readonly op: 'add' | 'replace' | 'test'; readonly path: string; readonly value: JsonValue }
  | { readonly op: 'remove'; readonly path: string }
  | { readonly op: 'move' | 'copy'; readonly from: string; readonly path: string };

/** An index of a list: RFC 6901 has no leading zeros, no signs and no empty ones. */
export const LIST_INDEX = /^(?:0|[1-9]\d{0,8})$/;

/** The operations that turn `before` into `after`; empty when they are equal. */
export const diff = (before: JsonValue, after: JsonValue): readonly Operation[] =>
  jsonPatch.compare(before as object, after as object) as readonly Operation[];

type Container = Record<string, unknown> | unknown[];
type Plain = Extract<Operation, { readonly op: 'add' | 'replace' | 'remove' | 'test' }>;

const shallow = (value: object): Container =>
  Array.isArray(value) ? [...(value as unknown[])] : { ...(value as Record<string, unknown>) };

/** What `diff` makes: an operation on one member of a mapping or list. */
const isPlain = (operation: Operation): operation is Plain =>
  (operation.op === 'add' || operation.op === 'replace' || operation.op === 'remove') && operation.path !== '';

class DoesNotFit extends Error {}

const changeList = (list: unknown[], segment: string, operation: Plain): void => {
  const isEnd = segment === '-' && operation.op === 'add';
  const index = isEnd ? list.length : Number(segment);
  const last = operation.op === 'add' ? list.length : list.length - 1;
  if ((!isEnd && !LIST_INDEX.test(segment)) || index > last) throw new DoesNotFit(operation.path);
  if (operation.op === 'remove') list.splice(index, 1);
  else list.splice(index, operation.op === 'add' ? 0 : 1, operation.value);
};

const changeMapping = (mapping: Record<string, unknown>, segment: string, operation: Plain): void => {
  if (segment === '__proto__') throw new DoesNotFit(operation.path);
  if (operation.op !== 'add' && !Object.hasOwn(mapping, segment)) throw new DoesNotFit(operation.path);
  if (operation.op === 'remove') delete mapping[segment];
  else mapping[segment] = operation.value;
};

const MAX_KNOWN_PATHS = 1000;
const knownPaths = new Map<string, readonly string[]>();

/** The same few paths are in most patches of a history. */
const segmentsOf = (path: string): readonly string[] => {
  const known = knownPaths.get(path);
  if (known !== undefined) return known;
  const segments = fromPointer(path);
  if (knownPaths.size >= MAX_KNOWN_PATHS) knownPaths.clear();
  knownPaths.set(path, segments);
  return segments;
};

/**
 * Plain operations on a document that is not changed: mappings and lists on the way to a change are copied once, all else is shared. The
 * library would copy the whole document for each event, which costs more than reading the event.
 */
const applyPlain = (document: object, patch: readonly Plain[]): Container => {
  const root = shallow(document);
  // One operation meets nothing twice.
  const copies = patch.length === 1 ? undefined : new Set<unknown>([root]);
  for (const operation of patch) {
    const segments = segmentsOf(operation.path);
    let at: Container = root;
    for (let index = 0; index < segments.length - 1; index += 1) {
      const segment = segments[index] ?? '';
      let child = Object.hasOwn(at, segment) ? (at as Record<string, unknown>)[segment] : undefined;
      if (typeof child !== 'object' || child === null) throw new DoesNotFit(operation.path);
      if (copies?.has(child) !== true) {
        child = shallow(child);
        copies?.add(child);
        (at as Record<string, unknown>)[segment] = child;
      }
      at = child as Container;
    }
    const last = segments.at(-1) ?? '';
    if (Array.isArray(at)) changeList(at, last, operation);
    else changeMapping(at, last, operation);
  }
  return root;
};

/**
 * Applies a patch that was made by `diff` and stored. `problemOf` looks at the result. Faults: DOCUMENT_INVALID when the patch does not fit:
 * the event is damaged, or was not written by us.
 */
export const applyStored = <T>(
  document: T,
  patch: readonly Operation[],
  problemOf: (result: T) => string | undefined = () => undefined,
): T => {
  let result: T;
  try {
    result =
      typeof document === 'object' && document !== null && patch.every(isPlain)
        ? (applyPlain(document, patch) as T)
        : jsonPatch.applyPatch(document, patch as LibraryOperation[], false, false, true).newDocument;
  } catch (error) {
    throw new Fault('DOCUMENT_INVALID', 'data.patch does not fit what was stored before it', {
      retry: 'never',
      cause: error,
    });
  }
  const problem = problemOf(result);
  if (problem === undefined) return result;
  throw new Fault('DOCUMENT_INVALID', `after data.patch, ${problem}`, { retry: 'never' });
};
