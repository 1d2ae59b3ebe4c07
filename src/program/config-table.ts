// Configuration as a table: one entry per value says where it comes from, what it must look like and what it is for. The same
// table reads the configuration and prints the help. Pure: environment and arguments are passed in. Every problem is reported
// at once. A flag wins over the environment; an empty variable counts as not set.

import { Fault } from '../core/fault.ts';
import { err, ok, type Result } from '../core/result.ts';
import { DURATION_RULE, parseDurationMs } from './duration.ts';

export type ConfigEntry<TValue> = {
  /** Names of the environment variable; the first that is set counts. */
  readonly env: readonly string[];
  /** Long flag without dashes. */
  readonly flag?: string;
  readonly about: string;
  /** What is accepted, in words: "a duration such as 10s". */
  readonly expected: string;
  /** Default, as a user would write it. Without one the value is required, unless `optional`. */
  readonly fallback?: string;
  readonly optional?: boolean;
  /** Never printed. */
  readonly secret?: boolean;
  /** `true` when the flag stands alone (`--verbose`). */
  readonly bare?: boolean;
  /** undefined: not as expected. */
  parse(text: string): TValue | undefined;
};

export type ConfigTable = Readonly<Record<string, ConfigEntry<unknown>>>;
export type ConfigOf<TTable> = {
  readonly [TName in keyof TTable]: TTable[TName] extends ConfigEntry<infer TValue> ? TValue : never;
};
/** `source` is the variable or flag, as the user wrote it. */
export type ConfigProblem = { readonly source: string; readonly message: string };
export type Environment = {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly argv: readonly string[];
};

type EntryOptions = {
  readonly env: string | readonly string[];
  readonly flag?: string;
  readonly about: string;
  readonly fallback?: string;
  readonly secret?: boolean;
};

const entry = <TValue>(
  options: EntryOptions,
  expected: string,
  parse: (text: string) => TValue | undefined,
): ConfigEntry<TValue> => ({
  ...options,
  env: typeof options.env === 'string' ? [options.env] : options.env,
  expected,
  parse,
});

/** Any text, or what `pattern` accepts; say in `expected` what that is. */
export const textEntry = (
  options: EntryOptions & { readonly pattern?: RegExp; readonly expected?: string },
): ConfigEntry<string> => {
  const { pattern, expected = 'text', ...rest } = options;
  return entry(rest, expected, (text) => (pattern === undefined || pattern.test(text) ? text : undefined));
};

export const choiceEntry = <const TChoice extends string>(
  options: EntryOptions & { readonly choices: readonly TChoice[] },
): ConfigEntry<TChoice> => {
  const { choices, ...rest } = options;
  return entry(rest, `one of ${choices.join(', ')}`, (text) => choices.find((choice) => choice === text));
};

export const integerEntry = (
  options: EntryOptions & { readonly min: number; readonly max: number },
): ConfigEntry<number> => {
  const { min, max, ...rest } = options;
  return entry(rest, `a whole number from ${min} to ${max}`, (text) => {
    const value = /^-?\d{1,15}$/.test(text) ? Number(text) : NaN;
    return value >= min && value <= max ? value : undefined;
  });
};

/** Value in milliseconds. */
export const durationEntry = (
  options: EntryOptions & { readonly minMs: number; readonly maxMs: number },
): ConfigEntry<number> => {
  const { minMs, maxMs, ...rest } = options;
  return entry(rest, `${DURATION_RULE}, between ${minMs} ms and ${maxMs} ms`, (text) => {
    const value = parseDurationMs(text);
    return value !== undefined && value >= minMs && value <= maxMs ? value : undefined;
  });
};

export const booleanEntry = (options: EntryOptions): ConfigEntry<boolean> => ({
  ...entry(
    options,
    'true or false',
    (text) => ({ true: true, false: false, '1': true, '0': false })[text.toLowerCase()],
  ),
  bare: true,
});

/** May stay unset: the value is then undefined. */
export const optional = <TValue>(of: ConfigEntry<TValue>): ConfigEntry<TValue | undefined> => ({
  ...of,
  optional: true,
});

type Arguments = { readonly flags: ReadonlyMap<string, string>; readonly positionals: readonly string[] };

const splitArguments = (
  table: ConfigTable,
  argv: readonly string[],
  unknownFlags: 'refuse' | 'ignore',
  problems: ConfigProblem[],
): Arguments => {
  const byFlag = new Map<string, ConfigEntry<unknown>>();
  for (const one of Object.values(table)) if (one.flag !== undefined) byFlag.set(one.flag, one);
  const flags = new Map<string, string>();
  const positionals: string[] = [];
  for (let index = 0; index < argv.length; index += 1) {
    const argument = argv[index] ?? '';
    if (argument === '--') {
      positionals.push(...argv.slice(index + 1));
      break;
    }
    if (!argument.startsWith('--')) {
      positionals.push(argument);
      continue;
    }
    const equals = argument.indexOf('=');
    const name = equals < 0 ? argument.slice(2) : argument.slice(2, equals);
    const known = byFlag.get(name);
    if (known === undefined) {
      if (unknownFlags === 'refuse') problems.push({ source: `--${name}`, message: 'unknown flag; see --help' });
      continue;
    }
    if (equals >= 0) flags.set(name, argument.slice(equals + 1));
    else if (known.bare === true) flags.set(name, 'true');
    else if (index + 1 < argv.length) flags.set(name, argv[(index += 1)] ?? '');
    else problems.push({ source: `--${name}`, message: `needs a value: ${known.expected}` });
  }
  return { flags, positionals };
};

/**
 * Reads the whole table. `unknownFlags: 'ignore'` for programs whose arguments are somebody else's too (components).
 * Returns the values with what is left of the arguments, or every problem found.
 */
export const loadConfig = <TTable extends ConfigTable>(
  table: TTable,
  env: Environment['env'],
  argv: readonly string[] = [],
  options: { readonly unknownFlags?: 'refuse' | 'ignore' } = {},
): Result<{ readonly config: ConfigOf<TTable>; readonly positionals: readonly string[] }, readonly ConfigProblem[]> => {
  const problems: ConfigProblem[] = [];
  const { flags, positionals } = splitArguments(table, argv, options.unknownFlags ?? 'refuse', problems);
  const values: Record<string, unknown> = {};
  for (const [name, one] of Object.entries(table)) {
    const variable = one.env.find((candidate) => (env[candidate] ?? '') !== '');
    const flagged = one.flag === undefined ? undefined : flags.get(one.flag);
    const text = flagged ?? (variable === undefined ? undefined : env[variable]) ?? one.fallback;
    const source = flagged !== undefined ? `--${one.flag ?? ''}` : (variable ?? one.env[0] ?? `--${one.flag ?? name}`);
    if (text === undefined) {
      if (one.optional !== true) problems.push({ source, message: `is required: ${one.expected} (${one.about})` });
      continue;
    }
    const value = one.parse(text.trim());
    if (value === undefined) {
      const found = one.secret === true ? 'something else (not shown)' : JSON.stringify(text.slice(0, 80));
      problems.push({ source, message: `expected ${one.expected}; found ${found}` });
    } else values[name] = value;
  }
  return problems.length > 0 ? err(problems) : ok({ config: values as ConfigOf<TTable>, positionals });
};

/** Problems as the Fault that ends a process with the usage exit code. */
export const configFault = (problems: readonly ConfigProblem[]): Fault =>
  new Fault('CONFIG_INVALID', problems.map(({ source, message }) => `${source} ${message}`).join('; '), {
    retry: 'never',
    details: { problems },
  });

/** One line per entry: flag, variables, default, what it is for. */
export const describeConfig = (table: ConfigTable): string => {
  const rows = Object.values(table).map((one) => {
    const flag = one.flag === undefined ? '' : `--${one.flag}`;
    const standing =
      one.fallback !== undefined ? `default ${one.fallback}` : one.optional === true ? 'optional' : 'required';
    return [flag, one.env.join(', '), `${one.about} (${one.expected}; ${standing})`] as const;
  });
  const flagWidth = Math.max(0, ...rows.map(([flag]) => flag.length));
  const envWidth = Math.max(0, ...rows.map(([, env]) => env.length));
  return rows.map(([flag, env, about]) => `  ${flag.padEnd(flagWidth)}  ${env.padEnd(envWidth)}  ${about}`).join('\n');
};
