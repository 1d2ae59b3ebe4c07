// run, cancel, suspend, resume, reconcile, restart and patch: commands on one thing that exists.

import { readFileSync } from 'node:fs';
import type { JsonObject, JsonValue } from '../../core/json.ts';
import { exitCodes } from '../../program/lifecycle.ts';
import type { TargetVerb } from '../../messages/commands.ts';
import { ifRunningChoices } from '../../messages/if-running.ts';
import { actionOf, withName } from '../action-flags.ts';
import { has, textOf, type ParsedArguments } from '../arguments.ts';
import type { CliContext } from '../context.ts';
import { anyText, aToken, oneOf } from '../flag-values.ts';
import { outputOf, printAs, sendVerb, tellRejection, waitIfAsked } from '../reporting.ts';
import { changeFlags, commonFlags, identityOf, spoken, targetOf, tokenOf, UsageError, type Verb } from '../verb.ts';

type Words = { readonly icon: string; readonly doing: string; readonly done: string };

const runTarget =
  (verb: TargetVerb, words: Words, extra: (args: ParsedArguments) => JsonObject = () => ({})) =>
  async (args: ParsedArguments, context: CliContext): Promise<number> => {
    const { terminal } = context;
    const output = outputOf(args);
    const identity = identityOf(args);
    const body = { ...targetOf(identity), ...extra(args) };
    terminal.info(`${words.icon} ${verb}...`);
    const client = await context.connect();
    const receipt = await sendVerb(client, verb, body, args, context);
    if (output !== undefined) printAs(context, output, receipt);
    if (receipt.rejection !== undefined) {
      terminal.warn(`${words.icon} ${words.doing} ${spoken(identity)}...error`);
      tellRejection(context, receipt.rejection);
      return exitCodes.failed;
    }
    const outcome = receipt.unchanged === true ? 'unchanged' : words.done;
    terminal.info(
      `${words.icon} ${words.doing} ${spoken(identity)}...${outcome}${receipt.dryRun === true ? ' (dry run)' : ''}`,
    );
    terminal.info(`${words.icon} ${verb}...${receipt.dryRun === true ? 'nothing stored' : 'complete'}`);
    return waitIfAsked(args, context, client, receipt);
  };

const flags = {
  name: commonFlags.name,
  workspace: commonFlags.workspace,
  ...changeFlags,
} as const;

const USAGE = '-n NAME [-w WORKSPACE] [--dry-run] [--wait[=DURATION]] [-o json|yaml]';

export const runVerb: Verb = {
  name: 'run',
  about: 'run a runnable resource once more, or one of its actions',
  usage:
    'NAME [-w WORKSPACE] [--if-running queue|replace|skip] [--action ACTION [--param KEY=VALUE … | --params FILE]] [--dry-run] [--wait[=DURATION]]',
  flags: {
    ...flags,
    action: {
      kind: 'text',
      is: aToken,
      value: 'ACTION',
      about: "an action that the resource's type declares, e.g. backup",
    },
    param: { kind: 'list', is: anyText, value: 'KEY=VALUE', about: 'a parameter of the action; JSON, else text' },
    params: { kind: 'text', is: anyText, value: 'FILE', about: 'the parameters of the action, as YAML or JSON' },
    'if-running': {
      kind: 'text',
      is: oneOf(...ifRunningChoices),
      value: 'queue|replace|skip',
      about:
        'while a run goes on: wait for its end, cancel it first, or be refused; default as the type says, else queue',
    },
  },
  maxPositionals: 1,
  run: (args, context) =>
    runTarget('run', { icon: '🚀', doing: 'running', done: 'requested' }, actionOf)(withName(args), context),
};

// Cancelled is what is wanted here, and waiting for success would fail: so no --wait.
const { wait: _wait, ...withoutWait } = flags;

export const cancelVerb: Verb = {
  name: 'cancel',
  about: 'cancel the run that is going on',
  usage: '-n NAME [-w WORKSPACE] [--all] [--dry-run] [-o json|yaml]',
  flags: { ...withoutWait, all: { kind: 'bare', about: 'and none of the runs that wait is to be started' } },
  run: runTarget('cancel', { icon: '🛑', doing: 'cancelling', done: 'requested' }, (args) =>
    has(args, 'all') ? { all: true } : {},
  ),
};

export const suspendVerb: Verb = {
  name: 'suspend',
  about: 'stop reconciling a resource until it is resumed',
  usage: '-n NAME [-w WORKSPACE] [--dry-run] [-o json|yaml]',
  flags: withoutWait,
  run: runTarget('suspend', { icon: '⏸', doing: 'suspending', done: 'suspended' }),
};

export const resumeVerb: Verb = {
  name: 'resume',
  about: 'reconcile a suspended resource again',
  usage: USAGE,
  flags,
  run: runTarget('resume', { icon: '▶', doing: 'resuming', done: 'resumed' }),
};

export const reconcileVerb: Verb = {
  name: 'reconcile',
  about: 'have a resource looked at now, whatever it waits for',
  usage: USAGE,
  flags,
  run: runTarget('reconcile', { icon: '🔁', doing: 'reconciling', done: 'requested' }),
};

export const restartVerb: Verb = {
  name: 'restart',
  about: "end an operator's components and start them again, replica by replica",
  usage: '-t operator -n NAME [-c COMPONENT] [--dry-run] [-o json|yaml]',
  flags: {
    type: commonFlags.type,
    ...withoutWait,
    component: { kind: 'text', is: aToken, short: 'c', value: 'COMPONENT', about: 'only this one' },
  },
  run: runTarget('restart', { icon: '🔄', doing: 'restarting', done: 'requested' }, (args): JsonObject => {
    const component = tokenOf(args, 'component');
    return component === undefined ? {} : { component };
  }),
};

const readPatchFile = (path: string): string => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    throw new UsageError(`-p ${path}: the file cannot be read`);
  }
};

/** The operations that --patch or -p give. What they mean is judged by the command-handler. */
export const patchOf = (args: ParsedArguments): JsonValue => {
  const inline = textOf(args, 'patch');
  const path = textOf(args, 'patch-file');
  if ((inline === undefined) === (path === undefined)) throw new UsageError('expected one of --patch JSON and -p FILE');
  // `-p` with the operations themselves is kubectl's habit.
  const text = inline ?? (/^\s*[[{]/.test(path ?? '') ? path : undefined) ?? readPatchFile(path ?? '');
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    // The engine's own words repeat a part of the text, which may be a secret.
    throw new UsageError(
      `the patch is not JSON; expected RFC 6902: [{"op":"replace","path":"/description","value":"x"}]`,
    );
  }
};

export const patchVerb: Verb = {
  name: 'patch',
  about: 'change some fields of a stored manifest (RFC 6902)',
  usage: '[-t operator|resource] -n NAME [-w WORKSPACE] --patch JSON | -p FILE|JSON [--dry-run] [--wait[=DURATION]]',
  flags: {
    type: commonFlags.type,
    ...flags,
    patch: { kind: 'text', is: anyText, value: 'JSON', about: 'list of operations' },
    'patch-file': {
      kind: 'text',
      is: anyText,
      short: 'p',
      value: 'FILE|JSON',
      about: 'the same, in a file or as it stands',
    },
  },
  run: runTarget('patch', { icon: '🔧', doing: 'patching', done: 'updated' }, (args) => ({ patch: patchOf(args) })),
};
