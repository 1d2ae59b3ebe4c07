// What an evaluation of a schema carries along: the budget, the errors, what has been evaluated (for `unevaluated*`) and the dynamic scope (for
// `$dynamicRef`). One set of rules serves all ways to run: without errors as fast as can be, up to the first error, or for all of them.

import { toPointer, type JsonObject, type JsonValue } from '../core/json.ts';
import type { Resource } from './resources.ts';

/** What one rule found wrong, in the terms of the schema; words are made of it in validation/problems.ts. */
export type SchemaError = {
  readonly keyword: string;
  /** JSON Pointer into the value. */
  readonly instancePath: string;
  /** What the rule names itself: a missing or unknown field. */
  readonly params: Readonly<Record<string, unknown>>;
  /** The keyword's value, and the schema around it. */
  readonly schema?: unknown;
  readonly parentSchema?: unknown;
  readonly data?: unknown;
  /** The error is about this key, not about its value. */
  readonly propertyName?: string;
  readonly message?: string;
};

/** A place in the value, from the inside out; `undefined` is its root. Only kept while errors are. */
export type At = { readonly parent: At; readonly key: string | number } | undefined;

export type Run = {
  /** Throws BudgetExceeded when the steps are used up. */
  readonly charge: (steps: number) => void;
  /** undefined: nobody wants to know them. */
  errors: SchemaError[] | undefined;
  /** Go on after an error, to find the others. */
  all: boolean;
  /** Set while a key is checked by `propertyNames`. */
  propertyName: string | undefined;
  /** The schema resources that were entered and not left, outermost first. */
  readonly scope: Resource[];
};

/** What the subschemas that passed have looked at, of one object or list. */
export class Evaluated {
  readonly fields = new Set<string>();
  /** Items before this index. */
  items = 0;
  readonly indexes = new Set<number>();

  add(other: Evaluated, charge: Run['charge']): void {
    charge((other.fields.size + other.indexes.size) / 8);
    for (const field of other.fields) this.fields.add(field);
    for (const index of other.indexes) this.indexes.add(index);
    this.items = Math.max(this.items, other.items);
  }
}

/** Whether the value fits. `seen` is given where `unevaluated*` wants to know. A rule that throws ends the run. */
export type Check = (data: JsonValue, at: At, seen: Evaluated | undefined, run: Run) => boolean;
/** A subschema; its check is there once everything is compiled, which lets schemas refer to each other. */
export type Link = { check: Check };

export const below = (run: Run, parent: At, key: string | number): At =>
  run.errors === undefined ? undefined : { parent, key };

const pointerOf = (at: At): string => {
  const segments: (string | number)[] = [];
  for (let place = at; place !== undefined; place = place.parent) segments.push(place.key);
  return toPointer(segments.reverse());
};

/** Notes an error, when somebody wants to know it, and says no. */
export const fail = (
  run: Run,
  at: At,
  keyword: string,
  data: JsonValue,
  parentSchema?: JsonObject,
  params: SchemaError['params'] = {},
  schema: unknown = parentSchema?.[keyword],
): false => {
  if (run.errors === undefined) return false;
  run.charge(1);
  const { propertyName } = run;
  run.errors.push({
    keyword,
    instancePath: pointerOf(at),
    params,
    schema,
    parentSchema,
    data,
    ...(propertyName === undefined ? {} : { propertyName }),
  });
  return false;
};

/** A subschema that may fail: what it has evaluated counts only when it passes. */
export const attempt = (link: Link, data: JsonValue, at: At, seen: Evaluated | undefined, run: Run): boolean => {
  if (seen === undefined) return link.check(data, at, undefined, run);
  const own = new Evaluated();
  if (!link.check(data, at, own, run)) return false;
  seen.add(own, run.charge);
  return true;
};

/** The same, and its errors are nobody's business. */
export const quietly = (link: Link, data: JsonValue, seen: Evaluated | undefined, run: Run): boolean => {
  const { errors, all } = run;
  run.errors = undefined;
  run.all = false;
  const passed = attempt(link, data, undefined, seen, run);
  run.errors = errors;
  run.all = all;
  return passed;
};
