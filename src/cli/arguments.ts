// Arguments of one verb, read by node:util's parser but judged here: unknown flags are named with the nearest known one, and a flag may
// stand with or without a value (`--wait`, `--wait=30s`). Pure.

import { parseArgs } from 'node:util';
import { err, ok, type Result } from '../core/result.ts';
import { nearestName } from '../json-schema/nearest.ts';
import type { ValueRule } from './flag-values.ts';

type FlagHead = { readonly short?: string; readonly about: string };
/** A flag that takes a value. */
type ValueFlag = FlagHead & {
  /** `text`: needs a value; `list`: the same, may be repeated; `maybe`: `--flag` or `--flag=value`. */
  readonly kind: 'text' | 'list' | 'maybe';
  /** What the value may be: checked for every value before the verb runs. */
  readonly is: ValueRule;
  /** Of a `maybe` of a verb without positional arguments: `--flag value` as well. */
  readonly takesNext?: boolean;
  /** Name of the value in help: FILE. */
  readonly value?: string;
};
/** `bare`: takes no value. */
export type FlagSpec = ValueFlag | (FlagHead & { readonly kind: 'bare' });
export type FlagSpecs = Readonly<Record<string, FlagSpec>>;

export type ParsedArguments = {
  readonly flags: ReadonlyMap<string, readonly string[]>;
  readonly positionals: readonly string[];
};

/** What is wrong with the arguments, in sentences. */
export type UsageProblem = { readonly message: string };
export const usageProblem = (message: string): UsageProblem => ({ message });

type ParserToken = NonNullable<ReturnType<typeof parseArgs>['tokens']>[number];
type OptionToken = Extract<ParserToken, { kind: 'option' }>;

/** `--wait` alone would swallow the next argument; `--wait=` does not. */
const separate = (specs: FlagSpecs, argv: readonly string[]): string[] => {
  const end = argv.indexOf('--');
  const separated: string[] = [];
  for (let index = 0; index < argv.length; index += 1) {
    const argument = argv[index] ?? '';
    const isFlag = argument.startsWith('--') && (end < 0 || index < end);
    const spec = isFlag ? specs[argument.slice(2)] : undefined;
    const next = argv[index + 1];
    const isTaken = spec?.kind === 'maybe' && spec.takesNext === true && next !== undefined && !next.startsWith('-');
    separated.push(spec?.kind === 'maybe' ? `${argument}=${isTaken ? next : ''}` : argument);
    if (isTaken) index += 1;
  }
  return separated;
};

const unknownFlag = (specs: FlagSpecs, token: OptionToken): string => {
  const nearest = token.rawName.startsWith('--') ? nearestName(token.name, Object.keys(specs)) : undefined;
  return `unknown flag ${token.rawName}${nearest === undefined ? '' : `; did you mean --${nearest}?`}`;
};

const problemOf = (spec: FlagSpec, token: OptionToken): string | undefined => {
  const { value, rawName } = token;
  if (spec.kind === 'bare') return value === undefined ? undefined : `${rawName} takes no value`;
  if (value === undefined || value === '') {
    return spec.kind === 'maybe' ? undefined : `${rawName} needs a value: ${spec.value ?? 'TEXT'}`;
  }
  const wrong = spec.is(value);
  return wrong === undefined ? undefined : `--${token.name}: ${wrong}`;
};

export const parseArguments = (
  specs: FlagSpecs,
  argv: readonly string[],
  maxPositionals = 0,
): Result<ParsedArguments, readonly UsageProblem[]> => {
  const options: Record<string, { type: 'string' | 'boolean'; short?: string; multiple: boolean }> = {};
  for (const [name, { kind, short }] of Object.entries(specs)) {
    options[name] = {
      type: kind === 'bare' ? 'boolean' : 'string',
      multiple: true,
      ...(short === undefined ? {} : { short }),
    };
  }
  const { tokens } = parseArgs({
    args: separate(specs, argv),
    options,
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const flags = new Map<string, string[]>();
  const positionals: string[] = [];
  const problems: UsageProblem[] = [];
  for (const token of tokens) {
    if (token.kind === 'positional') positionals.push(token.value);
    if (token.kind !== 'option') continue;
    const spec = Object.hasOwn(specs, token.name) ? specs[token.name] : undefined;
    const problem = spec === undefined ? unknownFlag(specs, token) : problemOf(spec, token);
    if (problem !== undefined) {
      problems.push(usageProblem(problem));
      continue;
    }
    const before = flags.get(token.name) ?? [];
    if (before.length > 0 && spec?.kind !== 'list') problems.push(usageProblem(`--${token.name} is given twice`));
    flags.set(token.name, [...before, token.value ?? '']);
  }
  for (const extra of positionals.slice(maxPositionals)) problems.push(usageProblem(`unexpected argument "${extra}"`));
  return problems.length > 0 ? err(problems) : ok({ flags, positionals });
};

export const has = ({ flags }: ParsedArguments, name: string): boolean => flags.has(name);
export const textOf = ({ flags }: ParsedArguments, name: string): string | undefined => flags.get(name)?.at(-1);
export const listOf = ({ flags }: ParsedArguments, name: string): readonly string[] => flags.get(name) ?? [];
