// What a verb of the CLI is, and the flags that many of them share. A verb returns its exit code; it throws Faults, and UsageError for
// arguments that are wrong in a way that the flag table cannot tell.

import { isToken, printable, TOKEN_RULE } from '../messages/names.ts';
import { formatDurationMs, parseDurationMs, DURATION_RULE } from '../runtime/duration.ts';
import { textOf, type FlagSpec, type FlagSpecs, type ParsedArguments } from './arguments.ts';
import { DEFAULT_WORKSPACE } from '../messages/commands.ts';
import { NO_WORKSPACE } from '../messages/names.ts';
import { nearestName } from '../messages/validation/nearest.ts';
import type { Identity } from '../client/types.ts';
import type { Kind } from '../messages/subjects.ts';
import type { CliContext } from './context.ts';

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

/** Of every verb that changes something and can wait for what becomes of it. */
export const changeFlags = {
  'dry-run': { kind: 'bare', about: 'check and show what would happen; store nothing' },
  wait: {
    kind: 'maybe',
    value: 'DURATION',
    about: `wait until it is done; default ${formatDurationMs(DEFAULT_WAIT_MS)}`,
  },
  output: { kind: 'text', short: 'o', value: 'json|yaml', about: 'print the whole answer' },
  'command-id': { kind: 'text', value: 'ID', about: 'id of the command; the same id is carried out once' },
  'expected-generation': { kind: 'text', value: 'NUMBER', about: 'refuse unless the generation is this one' },
} as const satisfies Record<string, FlagSpec>;

export const commonFlags = {
  type: { kind: 'text', short: 't', value: 'operator|resource|secret', about: 'what it is; default resource' },
  name: { kind: 'text', short: 'n', value: 'NAME', about: 'its name' },
  workspace: { kind: 'text', short: 'w', value: 'WORKSPACE', about: `its workspace; default ${DEFAULT_WORKSPACE}` },
  file: { kind: 'list', short: 'f', value: 'FILE|DIR|-', about: 'manifests; - reads stdin; may be repeated' },
  recursive: { kind: 'bare', short: 'R', about: 'also read the folders below DIR' },
  ...changeFlags,
} as const satisfies Record<string, FlagSpec>;

/** A value out of a set; undefined when the flag is not there. */
export const choiceOf = <const TChoice extends string>(
  args: ParsedArguments,
  name: string,
  choices: readonly TChoice[],
): TChoice | undefined => {
  const text = textOf(args, name);
  if (text === undefined) return undefined;
  const choice = choices.find((one) => one === text);
  if (choice !== undefined) return choice;
  const nearest = nearestName(text, choices);
  const hint = nearest === undefined ? '' : `; did you mean ${nearest}?`;
  throw new UsageError(`--${name}: expected ${choices.join(', ')}; found "${printable(text)}"${hint}`);
};

export const tokenOf = (args: ParsedArguments, name: string): string | undefined => {
  const text = textOf(args, name);
  if (text === undefined || isToken(text)) return text;
  throw new UsageError(`--${name}: expected ${TOKEN_RULE}; found "${printable(text)}"`);
};

export const countOf = (args: ParsedArguments, name: string): number | undefined => {
  const text = textOf(args, name);
  if (text === undefined) return undefined;
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new UsageError(`--${name}: expected a whole number from 0; found "${printable(text)}"`);
};

/** Milliseconds; `fallbackMs` when the flag stands alone; undefined when it is not there. */
export const durationOf = (args: ParsedArguments, name: string, fallbackMs: number): number | undefined => {
  const text = textOf(args, name);
  if (text === undefined) return undefined;
  if (text === '') return fallbackMs;
  const durationMs = parseDurationMs(text);
  if (durationMs !== undefined) return durationMs;
  throw new UsageError(`--${name}: expected ${DURATION_RULE}; found "${printable(text)}"`);
};

const KINDS = ['resource', 'operator', 'secret'] as const;
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
