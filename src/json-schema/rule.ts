// A rule is one keyword (or a few that belong together) of one schema, made ready. What the files of rules get and give.

import type { JsonObject, JsonValue } from '../core/json.ts';
import type { Pattern } from './patterns.ts';
import type { Check, Link, Run } from './evaluation.ts';
import type { Resource } from './resources.ts';
import type { Draft } from './vocabulary.ts';

/** What the rules of one schema may ask for while they are made. */
export type Maker = {
  readonly draft: Draft;
  readonly link: (subschema: JsonValue) => Link;
  readonly reference: (reference: string) => ReferenceLink;
  readonly pattern: (source: string) => Pattern;
  readonly charge: Run['charge'];
};

/** `byScope`: a `$dynamicRef` means the first of these whose resource is in the dynamic scope. */
export type ReferenceLink = { readonly link: Link; readonly byScope?: ReadonlyMap<Resource, Link> };

/** Rules by the type of value that they look at; `last` after all others have passed. */
export type Rules = {
  readonly any: Check[];
  readonly object: Check[];
  readonly array: Check[];
  readonly string: Check[];
  readonly number: Check[];
  readonly last: Check[];
};

export type MakeRules = (schema: JsonObject, maker: Maker, rules: Rules) => void;

export const numberAt = (schema: JsonObject, key: string): number | undefined => {
  const value = schema[key];
  return typeof value === 'number' ? value : undefined;
};

export const linksAt = (schema: JsonObject, key: string, maker: Maker): readonly Link[] | undefined => {
  const value = schema[key];
  return Array.isArray(value) ? (value as readonly JsonValue[]).map((item) => maker.link(item)) : undefined;
};

export const linkAt = (schema: JsonObject, key: string, maker: Maker): Link | undefined => {
  const value = schema[key];
  return value === undefined ? undefined : maker.link(value);
};
