// JSON Patch (RFC 6902): the only importer of fast-json-patch. Under ESM that package works by its default import alone, and
// its applyPatch throws on bad operations; here both become values. Pure: inputs are never changed.

import jsonPatch, { type Operation as LibraryOperation } from 'fast-json-patch';
import { Fault } from '../core/fault.ts';
import { fromPointer, type JsonValue } from '../core/json.ts';
import { reject, type RejectionDetail } from '../core/rejection.ts';
import { err, ok, type Result } from '../core/result.ts';

export type Operation =
  | { readonly op: 'add' | 'replace' | 'test'; readonly path: string; readonly value: JsonValue }
  | { readonly op: 'remove'; readonly path: string }
  | { readonly op: 'move' | 'copy'; readonly from: string; readonly path: string };

/** At most this many operations in a patch that somebody sends. */
export const MAX_PATCH_OPERATIONS = 1000;

/** Characters of JSON that `copy` operations may add in all: each may double the document, and forty of them would fill the memory. */
const MAX_COPIED_LENGTH = 256 * 1024;

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
  const index = segment === '-' && operation.op === 'add' ? list.length : Number(segment);
  const last = operation.op === 'add' ? list.length : list.length - 1;
  if (!Number.isInteger(index) || index < 0 || index > last || segment === '') throw new DoesNotFit(operation.path);
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

const FORBIDDEN = new Set(['__proto__', 'constructor', 'prototype']);
const OPERATIONS = new Set(['add', 'remove', 'replace', 'move', 'copy', 'test']);

const checkPointer = (value: unknown, pointer: string): RejectionDetail | undefined => {
  if (typeof value !== 'string' || !(value === '' || value.startsWith('/'))) {
    return { message: 'expected a JSON Pointer ("" or starting with "/")', pointer };
  }
  const bad = fromPointer(value).find((segment) => FORBIDDEN.has(segment));
  return bad === undefined ? undefined : { message: `a path must not go through "${bad}"`, pointer };
};

const checkOperation = (operation: unknown, index: number): readonly RejectionDetail[] => {
  const at = `/patch/${index}`;
  if (typeof operation !== 'object' || operation === null) return [{ message: 'expected an object', pointer: at }];
  const { op, path, from } = operation as Record<string, unknown>;
  if (typeof op !== 'string' || !OPERATIONS.has(op)) {
    return [{ message: 'expected op to be add, remove, replace, move, copy or test', pointer: `${at}/op` }];
  }
  const details = [checkPointer(path, `${at}/path`)];
  if (op === 'move' || op === 'copy') details.push(checkPointer(from, `${at}/from`));
  if ((op === 'add' || op === 'replace' || op === 'test') && !Object.hasOwn(operation, 'value')) {
    details.push({ message: `op ${op} needs a value`, pointer: `${at}/value` });
  }
  if (op === 'move' && typeof path === 'string' && path.startsWith(`${String(from)}/`)) {
    details.push({ message: 'a value cannot be moved into itself', pointer: `${at}/path` });
  }
  return details.filter((detail) => detail !== undefined);
};

const valueAt = (document: JsonValue, pointer: string): JsonValue | undefined => {
  let at: JsonValue | undefined = document;
  for (const segment of fromPointer(pointer)) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, segment)) return undefined;
    at = (at as { readonly [key: string]: JsonValue })[segment];
  }
  return at;
};

const textLength = (value: JsonValue): number => {
  try {
    return JSON.stringify(value).length;
  } catch (error) {
    // Nested too deep for JSON.stringify.
    if (error instanceof RangeError) return Number.POSITIVE_INFINITY;
    throw error;
  }
};

const doesNotApply = (index: number, why: string) =>
  reject('PATCH_INVALID', `operation ${index} of the patch does not apply to the manifest as it stands`, [
    { message: `the operation does not apply (${why})`, pointer: `/patch/${index}` },
  ]);

const doesNotFit = (index: number) => {
  const message = 'the copies or the nesting that the patch makes are larger than a manifest may be';
  return reject('PATCH_INVALID', `operation ${index}: ${message}`, [{ message, pointer: `/patch/${index}` }]);
};

/**
 * Applies a patch that somebody sent, all or nothing. The result may be deeper or larger than a manifest may be: its reader checks that
 * (documentFromValue).
 * Errors: PATCH_INVALID with a pointer to each bad operation.
 */
export const applyPatch = <T extends JsonValue>(document: T, patch: unknown): Result<JsonValue> => {
  if (!Array.isArray(patch)) {
    return err(
      reject('PATCH_INVALID', 'expected "patch" to be a list of RFC 6902 operations', [
        { message: 'expected a list', pointer: '/patch' },
      ]),
    );
  }
  if (patch.length > MAX_PATCH_OPERATIONS) {
    return err(reject('PATCH_INVALID', `expected at most ${MAX_PATCH_OPERATIONS} operations, found ${patch.length}`));
  }
  const details = patch.flatMap(checkOperation);
  if (details.length > 0)
    return err(reject('PATCH_INVALID', 'the patch has operations that cannot be applied', details));

  // One copy of each, so that the operations may work in place and the inputs stay as they are.
  let current: JsonValue = structuredClone(document);
  let copied = 0;
  for (const [index, operation] of (structuredClone(patch) as readonly LibraryOperation[]).entries()) {
    if (operation.op === 'copy' || operation.op === 'move') {
      // The library checks this itself, except when the target is the root.
      const source = valueAt(current, operation.from);
      if (source === undefined) return err(doesNotApply(index, 'there is nothing at "from"'));
      if (operation.op === 'copy') copied += textLength(source);
    }
    if (copied > MAX_COPIED_LENGTH) return err(doesNotFit(index));
    // The library throws a TypeError of its own when there is nothing left to change.
    if (typeof current !== 'object' || current === null)
      return err(doesNotApply(index, 'the patch has removed the manifest'));
    try {
      current = jsonPatch.applyOperation(current, operation, true, true).newDocument as JsonValue;
    } catch (error) {
      // A stack overflow means that moves have nested the document without end.
      if (error instanceof RangeError) return err(doesNotFit(index));
      if (!(error instanceof jsonPatch.JsonPatchError)) throw error;
      return err(doesNotApply(index, error.name));
    }
  }
  return ok(current);
};
