// A JSON Patch (RFC 6902) that somebody sent, applied to a manifest as it stands: all or nothing, to own members and elements only, and with
// refusals that say what the patch expected and what is there. Called by the command-handler for the verb `patch`.

import { isDeepStrictEqual } from '../core/equal.ts';
import { fromPointer, isJsonObject, toPointer, type JsonValue } from '../core/json.ts';
import { reject, type RejectionDetail } from '../core/rejection.ts';
import { err, ok, type Result } from '../core/result.ts';
import { printable } from '../core/names.ts';
import { LIST_INDEX, type Operation } from './patch.ts';
import { found } from '../json-schema/problems.ts';

/** At most this many operations. */
export const MAX_PATCH_OPERATIONS = 1000;

/** Characters of JSON that `copy` operations may add in all: each may double the document, and forty of them would fill the memory. */
const MAX_COPIED_LENGTH = 256 * 1024;

const FORBIDDEN = new Set(['__proto__', 'constructor', 'prototype']);
const OPERATIONS = new Set(['add', 'remove', 'replace', 'move', 'copy', 'test']);

const checkPointer = (value: unknown, pointer: string): RejectionDetail | undefined => {
  if (typeof value !== 'string' || !(value === '' || value.startsWith('/'))) {
    return { message: 'expected a JSON Pointer ("" or starting with "/")', pointer };
  }
  if (/~(?![01])/.test(value)) return { message: 'expected "~0" for "~" and "~1" for "/" in a JSON Pointer', pointer };
  const bad = fromPointer(value).find((segment) => FORBIDDEN.has(segment));
  return bad === undefined ? undefined : { message: `a path must not go through "${bad}"`, pointer };
};

const NEEDS_VALUE = new Set(['add', 'replace', 'test']);
const HAS_SOURCE = new Set(['move', 'copy']);

const isBelow = (path: unknown, from: unknown): boolean =>
  typeof path === 'string' && path.startsWith(`${String(from)}/`);

/** What is wrong with an operation whose `op` is known. */
const checkParts = (op: string, parts: Readonly<Record<string, unknown>>, at: string): readonly RejectionDetail[] => {
  const { path, from } = parts;
  const details = [checkPointer(path, `${at}/path`)];
  if (HAS_SOURCE.has(op)) details.push(checkPointer(from, `${at}/from`));
  if (NEEDS_VALUE.has(op) && !Object.hasOwn(parts, 'value')) {
    details.push({ message: `op ${op} needs a value`, pointer: `${at}/value` });
  }
  if (op === 'move' && isBelow(path, from)) {
    details.push({ message: 'a value cannot be moved into itself', pointer: `${at}/path` });
  }
  return details.filter((detail) => detail !== undefined);
};

const checkOperation = (operation: unknown, index: number): readonly RejectionDetail[] => {
  const at = `/patch/${index}`;
  if (typeof operation !== 'object' || operation === null) return [{ message: 'expected an object', pointer: at }];
  const parts = operation as Record<string, unknown>;
  const { op } = parts;
  return typeof op === 'string' && OPERATIONS.has(op)
    ? checkParts(op, parts, at)
    : [{ message: 'expected op to be add, remove, replace, move, copy or test', pointer: `${at}/op` }];
};

/** What a patch works on is its own copy. */
type Mutable = Record<string, JsonValue> | JsonValue[];
/** A sentence about what is there. */
type Why = string;

/** Values of a manifest may be secret; this pointer makes messages hide them. */
const shown = (value: JsonValue): string => found(value, '/patch');
const named = (segments: readonly string[]): string =>
  segments.length === 0 ? 'the manifest' : `"${printable(toPointer(segments))}"`;

/** The index that a segment means in a list; `end` is one past the last that may be meant. */
const indexOf = (
  list: readonly JsonValue[],
  segments: readonly string[],
  depth: number,
  end: number,
): Result<number, Why> => {
  const segment = segments[depth] ?? '';
  const index = Number(segment);
  if (LIST_INDEX.test(segment) && index < end) return ok(index);
  const where = `the list at ${named(segments.slice(0, depth))}`;
  if (segment === '-' || LIST_INDEX.test(segment)) {
    return err(`${where} has ${list.length} item${list.length === 1 ? '' : 's'}, so there is no item "${segment}"`);
  }
  return err(`expected an index of ${where} (0 or digits without a leading zero), found "${printable(segment)}"`);
};

/** The member or element that a segment names. */
const childOf = (value: JsonValue, segments: readonly string[], depth: number): Result<JsonValue, Why> => {
  if (Array.isArray(value)) {
    const list = value as readonly JsonValue[];
    const index = indexOf(list, segments, depth, list.length);
    return index.ok ? ok(list[index.value] as JsonValue) : index;
  }
  const segment = segments[depth] ?? '';
  if (isJsonObject(value) && Object.hasOwn(value, segment)) return ok(value[segment] as JsonValue);
  // Only now: a path may be thousands of segments long.
  const where = named(segments.slice(0, depth));
  return isJsonObject(value)
    ? err(`the mapping at ${where} has no field "${printable(segment)}"`)
    : err(`expected a mapping or a list at ${where}, found ${shown(value)}`);
};

const read = (document: JsonValue, segments: readonly string[]): Result<JsonValue, Why> => {
  let at = document;
  for (let depth = 0; depth < segments.length; depth += 1) {
    const child = childOf(at, segments, depth);
    if (!child.ok) return child;
    at = child.value;
  }
  return ok(at);
};

/** Carries out one change on what is around its place. */
type Change = (around: Mutable, segment: string, segments: readonly string[]) => Why | undefined;

const add =
  (value: JsonValue): Change =>
  (around, segment, segments) => {
    if (!Array.isArray(around)) {
      around[segment] = value;
      return undefined;
    }
    const isEnd = segment === '-';
    const index = isEnd ? ok(around.length) : indexOf(around, segments, segments.length - 1, around.length + 1);
    if (!index.ok) return index.error;
    around.splice(index.value, 0, value);
    return undefined;
  };

/** `by` takes the place of what is there, which is removed without it. */
const exchange =
  (...by: readonly JsonValue[]): Change =>
  (around, segment, segments) => {
    const there = childOf(around as JsonValue, segments, segments.length - 1);
    if (!there.ok) return there.error;
    if (Array.isArray(around)) around.splice(Number(segment), 1, ...by);
    else if (by.length === 0) delete around[segment];
    else around[segment] = by[0] as JsonValue;
    return undefined;
  };

/** The document after the change; `root` is what it is when the whole of it is meant. */
const change = (document: JsonValue, path: string, root: JsonValue, make: Change): Result<JsonValue, Why> => {
  if (path === '') return ok(root);
  const segments = fromPointer(path);
  const parents = segments.slice(0, -1);
  const around = read(document, parents);
  if (!around.ok) return around;
  if (typeof around.value !== 'object' || around.value === null) {
    return err(`expected a mapping or a list at ${named(parents)}, found ${shown(around.value)}`);
  }
  const why = make(around.value as Mutable, segments.at(-1) ?? '', segments);
  return why === undefined ? ok(document) : err(why);
};

const test = (document: JsonValue, path: string, expected: JsonValue): Result<JsonValue, Why> => {
  const there = read(document, fromPointer(path));
  if (!there.ok) return there;
  if (isDeepStrictEqual(there.value, expected)) return ok(document);
  const both = `expected ${shown(expected)} at ${named(fromPointer(path))}, found ${shown(there.value)}`;
  return err(`${both}, and they are not equal`);
};

const applyOne = (document: JsonValue, operation: Operation): Result<JsonValue, Why> => {
  const { path } = operation;
  switch (operation.op) {
    case 'add':
      return change(document, path, operation.value, add(operation.value));
    case 'replace':
      return change(document, path, operation.value, exchange(operation.value));
    case 'remove':
      return change(document, path, null, exchange());
    case 'test':
      return test(document, path, operation.value);
    case 'copy':
    case 'move': {
      const source = read(document, fromPointer(operation.from));
      if (!source.ok) return source;
      if (operation.op === 'copy') {
        const copy = structuredClone(source.value) as JsonValue;
        return change(document, path, copy, add(copy));
      }
      if (path === operation.from) return ok(document);
      const without = change(document, operation.from, null, exchange());
      return without.ok ? change(without.value, path, source.value, add(source.value)) : without;
    }
  }
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

const doesNotApply = (index: number, why: Why) =>
  reject('PATCH_INVALID', `operation ${index} of the patch does not apply to the manifest as it stands: ${why}`, [
    { message: why, pointer: `/patch/${index}` },
  ]);

const doesNotFit = (index: number) => {
  const message = 'the copies or the nesting that the patch makes are larger than a manifest may be';
  return reject('PATCH_INVALID', `operation ${index}: ${message}`, [{ message, pointer: `/patch/${index}` }]);
};

/** Characters that a copy adds. */
const copiedBy = (document: JsonValue, operation: Operation): number => {
  if (operation.op !== 'copy') return 0;
  const source = read(document, fromPointer(operation.from));
  return source.ok ? textLength(source.value) : 0;
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
  for (const [index, operation] of (structuredClone(patch) as readonly Operation[]).entries()) {
    try {
      copied += copiedBy(current, operation);
      if (copied > MAX_COPIED_LENGTH) return err(doesNotFit(index));
      const next = applyOne(current, operation);
      if (!next.ok) return err(doesNotApply(index, next.error));
      current = next.value;
    } catch (error) {
      // A stack overflow means that moves have nested the document without end.
      if (error instanceof RangeError) return err(doesNotFit(index));
      throw error;
    }
  }
  return ok(current);
};
