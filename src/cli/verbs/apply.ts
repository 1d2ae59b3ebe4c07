// apply and create: manifests to the command-handler, as they stand. Several files are one command: all of them or none.

import { isJsonObject } from '../../core/json.ts';
import { DEFAULT_WORKSPACE, type ManifestVerb, type Receipt } from '../../messages/commands.ts';
import { NO_WORKSPACE } from '../../core/names.ts';
import { exitCodes } from '../../program/lifecycle.ts';
import { has, listOf, textOf, type ParsedArguments } from '../arguments.ts';
import type { CliContext } from '../context.ts';
import { tooLargeMessage, type SourceDocument } from '../joined-manifests.ts';
import { readManifests } from '../manifest-files.ts';
import { outputOf, printAs, sendVerb, tellRejection, tellWarnings, waitIfAsked } from '../reporting.ts';
import { changeFlags, commonFlags, type Verb } from '../verb.ts';

type Target = { readonly label: string; readonly key: string };

const field = (value: SourceDocument['value'], name: string): string => {
  const found = value[name];
  return typeof found === 'string' ? found : '?';
};

/** `applying(public) pipeline-run-1:v1alpha:resource`, as the seed's tools say it. */
export const targetOfDocument = ({ value }: SourceDocument, defaultWorkspace: string): Target => {
  const isSecret = value['type'] === 'secret' || (value['type'] === undefined && isJsonObject(value['secret']));
  const [name, version, type] = [
    field(value, 'name'),
    field(value, 'version'),
    isSecret ? 'secret' : field(value, 'type'),
  ];
  const isOperator = type === 'operator' || isJsonObject(value['operator']);
  const workspace = typeof value['workspace'] === 'string' ? value['workspace'] : defaultWorkspace;
  return {
    label: `${isOperator ? '' : `(${workspace})`} ${name}:${version}:${type}`,
    key: isOperator ? `operator.${NO_WORKSPACE}.${name}` : `${isSecret ? 'secret' : 'resource'}.${workspace}.${name}`,
  };
};

/** What became of each thing, by `kind.workspace.name`. */
export const outcomesOf = (receipt: Receipt): ReadonlyMap<string, 'created' | 'updated'> => {
  const outcomes = new Map<string, 'created' | 'updated'>();
  for (const { subject, type } of receipt.events) {
    const key = subject.split('.').slice(-3).join('.');
    const isNew = /\.(?:declared|registered)\.v\d+$/.test(type);
    outcomes.set(key, isNew ? 'created' : (outcomes.get(key) ?? 'updated'));
  }
  return outcomes;
};

const run =
  (verb: ManifestVerb) =>
  async (args: ParsedArguments, context: CliContext): Promise<number> => {
    const { terminal } = context;
    const output = outputOf(args);
    const manifests = await readManifests(context, listOf(args, 'file'), has(args, 'recursive'));
    terminal.info(`🛠 ${verb}...`);
    const tooLarge = tooLargeMessage(manifests.data);
    if (tooLarge !== undefined) {
      terminal.error(tooLarge);
      return exitCodes.failed;
    }
    const client = await context.connect();
    const receipt = await sendVerb(client, verb, manifests.data, args, context);
    if (output !== undefined) printAs(context, output, receipt);
    const targets = manifests.documents.map((document) =>
      targetOfDocument(document, textOf(args, 'workspace') ?? DEFAULT_WORKSPACE),
    );
    if (receipt.rejection !== undefined) {
      for (const { label } of targets) terminal.warn(`🔧 applying${label}...error`);
      tellRejection(context, receipt.rejection, manifests);
      terminal.warn(`🛠 ${verb}...error`);
      return exitCodes.failed;
    }
    const outcomes = outcomesOf(receipt);
    const suffix = receipt.dryRun === true ? ' (dry run)' : '';
    for (const { label, key } of targets)
      terminal.info(`🔧 applying${label}...${outcomes.get(key) ?? 'unchanged'}${suffix}`);
    tellWarnings(context, receipt, manifests);
    terminal.info(`🛠 ${verb}...${receipt.dryRun === true ? 'nothing stored' : 'complete'}`);
    return waitIfAsked(args, context, client, receipt);
  };

const flags = {
  file: commonFlags.file,
  recursive: commonFlags.recursive,
  workspace: commonFlags.workspace,
  ...changeFlags,
} as const;

const USAGE = '-f FILE|DIR|- [-R] [-w WORKSPACE] [--dry-run] [--wait[=DURATION]] [-o json|yaml]';

export const applyVerb: Verb = {
  name: 'apply',
  about: 'create or change what manifests declare: all of it or nothing',
  usage: USAGE,
  flags,
  notes: [
    '-w is the workspace of resources whose manifest names none.',
    '$VAR and ${VAR} are sent as they stand: nothing is filled in from the environment.',
    'With --wait: exit code 1 when a run failed or was cancelled, 3 when the time is over.',
  ],
  run: run('apply'),
};

export const createVerb: Verb = {
  name: 'create',
  about: 'the same, but refuse what exists already',
  usage: USAGE,
  flags,
  notes: ['$VAR and ${VAR} are sent as they stand: nothing is filled in from the environment.'],
  run: run('create'),
};
