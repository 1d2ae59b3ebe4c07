// What a verb of the CLI is, and the flags that many of them share. A verb returns its exit code; it throws Faults, and UsageError for
// arguments that are wrong in a way that the flag table cannot tell.

import { formatDurationMs, parseDurationMs } from '../program/duration.ts';
import { textOf, type FlagSpec, type FlagSpecs, type ParsedArguments } from './arguments.ts';
import { DEFAULT_WORKSPACE } from '../messages/commands.ts';
import { NO_WORKSPACE } from '../core/names.ts';
import type { Identity } from '../client/types.ts';
import type { Kind } from '../messages/subjects.ts';
import type { CliContext } from './context.ts';
import { aCount, aDuration, anyText, aToken, oneOf, type ValueRule } from './flag-values.ts';

export type Verb = {
  readonly name: string;
  /** One line for the list of verbs. */
  readonly about: string;
  /** What follows the verb: `-n NAME [-w WORKSPACE]`. */
  readonly usage: string;
  readonly flags: FlagSpecs;
  readonly maxPositionals?: number;
  /** Further lines of `--help`. */
  readonly notes?: readonly string[];
  run(args: ParsedArguments, context: CliContext): Promise<number>;
};

export class UsageError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'UsageError';
  }
}

export const DEFAULT_WAIT_MS = 300_000;

const KINDS = ['resource', 'operator', 'secret'] as const;

/** Of every verb that changes something and can wait for what becomes of it. */
export const changeFlags = {
  'dry-run': { kind: 'bare', about: 'check and show what would happen; store nothing' },
  wait: {
    kind: 'maybe',
    is: aDuration,
    value: 'DURATION',
    about: `wait until it is done; default ${formatDurationMs(DEFAULT_WAIT_MS)}`,
  },
  output: { kind: 'text', is: oneOf('json', 'yaml'), short: 'o', value: 'json|yaml', about: 'print the whole answer' },
  'command-id': { kind: 'text', is: aToken, value: 'ID', about: 'id of the command; the same id is carried out once' },
  'expected-generation': {
    kind: 'text',
    is: aCount,
    value: 'NUMBER',
    about: 'refuse unless the generation is this one',
  },
} as const satisfies Record<string, FlagSpec>;

export const commonFlags = {
  type: {
    kind: 'text',
    is: oneOf(...KINDS),
    short: 't',
    value: 'operator|resource|secret',
    about: 'what it is; default resource',
  },
  name: { kind: 'text', is: aToken, short: 'n', value: 'NAME', about: 'its name' },
  workspace: {
    kind: 'text',
    is: aToken,
    short: 'w',
    value: 'WORKSPACE',
    about: `its workspace; default ${DEFAULT_WORKSPACE}`,
  },
  file: {
    kind: 'list',
    is: anyText,
    short: 'f',
    value: 'FILE|DIR|-',
    about: 'manifests; - reads stdin; may be repeated',
  },
  recursive: { kind: 'bare', short: 'R', about: 'also read the folders below DIR' },
  ...changeFlags,
} as const satisfies Record<string, FlagSpec>;

/** The flag's value, held against the rule that the verb reads it by: the flag table may be laxer. */
const ruled = (args: ParsedArguments, name: string, rule: ValueRule): string | undefined => {
  const text = textOf(args, name);
  const wrong = text === undefined ? undefined : rule(text);
  if (wrong !== undefined) throw new UsageError(`--${name}: ${wrong}`);
  return text;
};

/** A value out of a set; undefined when the flag is not there. */
export const choiceOf = <const TChoice extends string>(
  args: ParsedArguments,
  name: string,
  choices: readonly TChoice[],
): TChoice | undefined => {
  const text = ruled(args, name, oneOf(...choices));
  return choices.find((one) => one === text);
};

export const tokenOf = (args: ParsedArguments, name: string): string | undefined => ruled(args, name, aToken);

export const countOf = (args: ParsedArguments, name: string): number | undefined => {
  const text = ruled(args, name, aCount);
  return text === undefined ? undefined : Number(text);
};

/** Milliseconds; `fallbackMs` when the flag stands alone; undefined when it is not there. */
export const durationOf = (args: ParsedArguments, name: string, fallbackMs: number): number | undefined =>
  textOf(args, name) === '' ? fallbackMs : parseDurationMs(ruled(args, name, aDuration) ?? '');

export const kindOf = (args: ParsedArguments): Kind => choiceOf(args, 'type', KINDS) ?? 'resource';

/** The thing that -t, -n and -w name. */
export const identityOf = (args: ParsedArguments): Identity => {
  const kind = kindOf(args);
  const name = tokenOf(args, 'name');
  if (name === undefined) throw new UsageError('-n NAME is missing: say which one');
  const workspace = tokenOf(args, 'workspace');
  if (kind === 'operator') {
    if (workspace !== undefined) throw new UsageError('an operator lives in no workspace; leave -w out');
    return { kind, workspace: NO_WORKSPACE, name };
  }
  return { kind, workspace: workspace ?? DEFAULT_WORKSPACE, name };
};

/** The fields by which commands and queries name their target. */
export const targetOf = ({
  kind,
  workspace,
  name,
}: Identity): { readonly type: Kind; readonly name: string; readonly workspace?: string } =>
  kind === 'operator' ? { type: kind, name } : { type: kind, workspace, name };

/** `resource public/pipeline-run-1`, `secret public/adf` */
export const spoken = ({ kind, workspace, name }: Identity): string =>
  kind === 'operator' ? `operator ${name}` : `${kind} ${workspace}/${name}`;
