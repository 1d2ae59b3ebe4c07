// Label selectors as kubectl has them: `key=value, key2!=v2, key3 in (a,b), key4 notin (c), key5>1, key6, !key7`; all must hold. Used by the CLI (to
// refuse early), by the query's validation and by the directory that answers. Pure.
//
// As in Kubernetes, `!=` and `notin` also hold where the key is missing, `>` and `<` compare whole numbers and hold for nothing else, and `in ()`
// means the empty value. A value may be quoted ("a,b") because labels here may hold anything.

import { err, ok, type Result } from '../core/result.ts';
import { printable } from '../core/names.ts';

export type Requirement =
  | { readonly key: string; readonly operator: 'in' | 'notin'; readonly values: readonly string[] }
  | { readonly key: string; readonly operator: 'greater' | 'less'; readonly than: bigint }
  | { readonly key: string; readonly operator: 'exists' | 'missing' };
export type Selector = readonly Requirement[];

const MAX_REQUIREMENTS = 50;
const KEY = /^[A-Za-z0-9](?:[A-Za-z0-9._/-]{0,126}[A-Za-z0-9])?$/;
const SET = /^([^\s=!<>()]+)\s+(in|notin)\s*\((.*)\)$/s;

const DEPTH: Readonly<Record<string, number>> = { '(': 1, ')': -1 };

/** Splits at commas that are neither in quotes nor in parentheses; undefined when one of them is not closed. */
const splitAtCommas = (text: string): readonly string[] | undefined => {
  const parts: string[] = [];
  let part = '';
  let depth = 0;
  let quoted = false;
  for (const character of text) {
    if (character === '"') quoted = !quoted;
    else if (!quoted) depth += DEPTH[character] ?? 0;
    if (depth < 0) return undefined;
    if (character === ',' && depth === 0 && !quoted) {
      parts.push(part.trim());
      part = '';
    } else part += character;
  }
  if (depth !== 0 || quoted) return undefined;
  parts.push(part.trim());
  return parts;
};

const QUOTED = /^"([^"]*)"$/;
const PLAIN = /^[^\s"=!<>()|,]*$/;
const WHOLE = /^[+-]?\d{1,18}$/;

/** The value, unquoted; or what is wrong with it. */
const valueOf = (text: string): Result<string, string> => {
  const trimmed = text.trim();
  const quoted = QUOTED.exec(trimmed)?.[1];
  if (quoted !== undefined) return ok(quoted);
  if (PLAIN.test(trimmed)) return ok(trimmed);
  return err(`expected one value, found "${printable(trimmed)}"; put a value with spaces or signs in double quotes`);
};

const keyed = (key: string, make: (key: string) => Requirement): Result<Requirement, string> =>
  KEY.test(key) ? ok(make(key)) : err(`expected a label's key, found "${printable(key)}"`);

const ofSet = ([, key = '', operator = '', list = '']: RegExpExecArray): Result<Requirement, string> => {
  const items = splitAtCommas(list);
  if (items === undefined) return err(`expected one list in parentheses, found "(${printable(list)})"`);
  const values: string[] = [];
  for (const item of items) {
    const value = valueOf(item);
    if (!value.ok) return value;
    values.push(value.value);
  }
  return keyed(key, (name) => ({ key: name, operator: operator === 'in' ? 'in' : 'notin', values }));
};

const ofComparison = (key: string, sign: string, text: string): Result<Requirement, string> => {
  if (sign === '>' || sign === '<') {
    const than = text.trim();
    if (!WHOLE.test(than)) return err(`expected a whole number after "${sign}", found "${printable(than)}"`);
    return keyed(key, (name) => ({ key: name, operator: sign === '>' ? 'greater' : 'less', than: BigInt(than) }));
  }
  const value = valueOf(text);
  if (!value.ok) return value;
  return keyed(key, (name) => ({ key: name, operator: sign === '!=' ? 'notin' : 'in', values: [value.value] }));
};

const requirementOf = (part: string): Result<Requirement, string> => {
  const set = SET.exec(part);
  if (set !== null) return ofSet(set);
  if (part.startsWith('!')) return keyed(part.slice(1).trim(), (key) => ({ key, operator: 'missing' }));
  const [, key, sign, value] = /^([^=!<>\s]+)\s*(==|=|!=|>|<)(.*)$/s.exec(part) ?? [];
  if (key !== undefined && sign !== undefined && value !== undefined) return ofComparison(key, sign, value);
  return keyed(part, (name) => ({ key: name, operator: 'exists' }));
};

/** The requirements, none for an empty text; or, in a sentence, what is wrong with it. */
export const parseSelector = (text: string): Result<Selector, string> => {
  if (text.trim() === '') return ok([]);
  const parts = splitAtCommas(text);
  if (parts === undefined) return err('a quote or parenthesis is not closed; expected key=value,key2 in (a,b),!key3');
  if (parts.length > MAX_REQUIREMENTS) return err(`expected at most ${MAX_REQUIREMENTS} requirements`);
  const requirements: Requirement[] = [];
  for (const part of parts) {
    if (part === '')
      return err('expected a requirement between two commas; write key=value,key2!=v2,key3 in (a,b),!key4');
    const requirement = requirementOf(part);
    if (!requirement.ok) return requirement;
    requirements.push(requirement.value);
  }
  return ok(requirements);
};

const isWhole = (value: string | undefined): value is string => value !== undefined && WHOLE.test(value);

const holds = (requirement: Requirement, labels: Readonly<Record<string, string>>): boolean => {
  const value = Object.hasOwn(labels, requirement.key) ? labels[requirement.key] : undefined;
  switch (requirement.operator) {
    case 'in':
      return value !== undefined && requirement.values.includes(value);
    case 'notin':
      return value === undefined || !requirement.values.includes(value);
    case 'greater':
      return isWhole(value) && BigInt(value) > requirement.than;
    case 'less':
      return isWhole(value) && BigInt(value) < requirement.than;
    case 'exists':
      return value !== undefined;
    case 'missing':
      return value === undefined;
  }
};

export const selects = (selector: Selector, labels: Readonly<Record<string, string>>): boolean =>
  selector.every((requirement) => holds(requirement, labels));
