// delete: one thing by name, or all that manifests declare. Resources first; their operators only when the resources are gone, because
// an operator with resources cannot be deleted.

import { isJsonObject } from '../../core/json.ts';
import { exitCodes } from '../../program/lifecycle.ts';
import { DEFAULT_WORKSPACE, type Receipt } from '../../messages/commands.ts';
import { leftBehindIn } from '../../messages/left-behind.ts';
import { isToken, NO_WORKSPACE, printable } from '../../core/names.ts';
import type { Client, Identity } from '../../client/types.ts';
import { has, listOf, textOf, type ParsedArguments } from '../arguments.ts';
import type { CliContext } from '../context.ts';
import type { SourceDocument } from '../joined-manifests.ts';

import { readHistory } from '../history-pages.ts';
import { leftBehindLines, leftStorageLines } from '../left-behind-text.ts';
import { readManifests } from '../manifest-files.ts';
import {
  outputOf,
  printAs,
  sendVerb,
  tellRejection,
  tellWarnings,
  waitForAll,
  waitTargetsOf,
  type WaitTarget,
} from '../reporting.ts';
import {
  commonFlags,
  DEFAULT_WAIT_MS,
  durationOf,
  identityOf,
  spoken,
  targetOf,
  UsageError,
  type Verb,
} from '../verb.ts';

const GONE = new Set([
  'io.opstream.operator.deleted.v1',
  'io.opstream.secret.deleted.v1',
  'io.opstream.resource.deleted.v1',
  'io.opstream.resource.released.v1',
]);

/** `(public) pipeline-run-1:resource` */
const label = ({ kind, workspace, name }: Identity): string =>
  `${kind === 'operator' ? '' : `(${workspace})`} ${name}:${kind}`;

/** The thing that a manifest declares. Only its name matters, so manifests that have become invalid can be deleted too. */
export const identityOfDocument = ({ path, value }: SourceDocument, defaultWorkspace: string): Identity => {
  const { name, type, workspace = defaultWorkspace } = value;
  if (!isToken(name))
    throw new UsageError(`${path}: expected a manifest with a name, found ${printable(name ?? 'none')}`);
  if (type === 'operator' || (type === undefined && isJsonObject(value['operator']))) {
    return { kind: 'operator', workspace: NO_WORKSPACE, name };
  }
  if (!isToken(workspace)) throw new UsageError(`${path}: expected a workspace, found ${printable(workspace)}`);
  const isSecret = type === 'secret' || (type === undefined && isJsonObject(value['secret']));
  return { kind: isSecret ? 'secret' : 'resource', workspace, name };
};

const targetsOf = async (args: ParsedArguments, context: CliContext): Promise<readonly Identity[]> => {
  const paths = listOf(args, 'file');
  if (paths.length === 0) return [identityOf(args)];
  if (has(args, 'name')) throw new UsageError('expected one of -f FILE and -n NAME');
  const manifests = await readManifests(context, paths, has(args, 'recursive'));
  if (manifests.documents.length === 0)
    throw new UsageError('the manifests cannot be read; `opstream apply --dry-run -f` says why');
  return manifests.documents.map((document) =>
    identityOfDocument(document, textOf(args, 'workspace') ?? DEFAULT_WORKSPACE),
  );
};

const tell = (context: CliContext, identity: Identity, receipt: Receipt): void => {
  const { terminal } = context;
  if (receipt.rejection?.code === 'NOT_FOUND') terminal.warn(`🗑 deleting${label(identity)}...nothing`);
  else if (receipt.rejection !== undefined) terminal.warn(`🗑 deleting${label(identity)}...error`);
  else if (receipt.dryRun === true) terminal.info(`🗑 deleting${label(identity)}...deleted (dry run)`);
  else if (receipt.unchanged === true) terminal.info(`🗑 deleting${label(identity)}...unchanged`);
  else {
    const isGone = receipt.events.some(({ type }) => GONE.has(type));
    terminal.info(`🗑 deleting${label(identity)}...${isGone ? 'deleted' : 'requested'}`);
  }
  if (receipt.rejection !== undefined) tellRejection(context, receipt.rejection);
  tellWarnings(context, receipt);
  const lines = receipt.leftBehind === undefined ? [] : leftBehindLines(receipt.leftBehind, identity);
  for (const line of lines) terminal.note(line);
};

/** What stays is known when the operator is gone: its last event names it. */
const tellStorage = async (context: CliContext, client: Client, operator: Identity): Promise<void> => {
  const history = await readHistory(client, operator);
  const events = history.ok ? history.value.filter(({ stream }) => stream === 'events') : [];
  const data = events.at(-1)?.event['data'];
  const storage = (isJsonObject(data) ? leftBehindIn(data) : undefined)?.storage ?? [];
  for (const line of leftStorageLines(storage, operator.name)) context.terminal.note(line);
};

const deleteAll = async (args: ParsedArguments, context: CliContext, client: Client, targets: readonly Identity[]) => {
  const output = outputOf(args);
  const waits: WaitTarget[] = [];
  let code: number = exitCodes.done;
  for (const identity of targets) {
    const force = has(args, 'force') ? { force: true } : {};
    const receipt = await sendVerb(client, 'delete', { ...targetOf(identity), ...force }, args, context);
    if (output !== undefined) printAs(context, output, receipt);
    tell(context, identity, receipt);
    if (receipt.rejection !== undefined) code = exitCodes.failed;
    else {
      const [target = { identity, generation: 0 }] = waitTargetsOf(receipt);
      const { run: _run, ...gone } = target;
      waits.push(gone);
    }
  }
  return { code, waits };
};

export const deleteVerb: Verb = {
  name: 'delete',
  about: 'delete a resource, an operator or a secret; the component removes the external thing first',
  usage:
    '-n NAME [-t operator|resource|secret] [-w WORKSPACE] | -f FILE|DIR|-  [--force] [--dry-run] [--wait[=DURATION]]',
  flags: {
    type: commonFlags.type,
    name: commonFlags.name,
    workspace: commonFlags.workspace,
    file: commonFlags.file,
    recursive: commonFlags.recursive,
    force: { kind: 'bare', about: 'ignore dependents; leave what is outside as it is, and say what that is' },
    'dry-run': commonFlags['dry-run'],
    wait: { ...commonFlags.wait, about: 'wait until it is gone; default 5m' },
    output: commonFlags.output,
    'command-id': commonFlags['command-id'],
    'expected-generation': commonFlags['expected-generation'],
  },
  notes: [
    'With --force an operator goes although it has resources: they stay declared, without anybody who looks after them.',
    'With --force a resource is released at once: its component is not asked, and what it has outside stays.',
    'With --wait it says which streams and buckets of an operator stay on the NATS server; `opstream history` says it later too.',
    'Manifests of operators and their resources together: the operators are deleted when the resources are gone.',
  ],
  run: async (args, context) => {
    const { terminal } = context;
    const targets = await targetsOf(args, context);
    if (targets.length > 1 && has(args, 'command-id'))
      throw new UsageError('--command-id belongs to one command, but these are several');
    const timeoutMs = durationOf(args, 'wait', DEFAULT_WAIT_MS);
    const isDryRun = has(args, 'dry-run');
    terminal.info('🗑 delete...');
    const client = await context.connect();
    const resources = targets.filter(({ kind }) => kind === 'resource');
    const operators = targets.filter(({ kind }) => kind === 'operator');
    const secrets = targets.filter(({ kind }) => kind === 'secret');
    let code: number = exitCodes.done;
    for (const [group, mustWait] of [
      [resources, operators.length > 0],
      [operators, secrets.length > 0],
      // Operators that go refer to them until then.
      [secrets, false],
    ] as const) {
      if (group.length === 0) continue;
      const deleted = await deleteAll(args, context, client, group);
      code = Math.max(code, deleted.code);
      if (isDryRun || (timeoutMs === undefined && !mustWait)) continue;
      const waited = await waitForAll(context, client, deleted.waits, {
        timeoutMs: timeoutMs ?? DEFAULT_WAIT_MS,
        untilGone: true,
      });
      code = Math.max(code, waited);
      if (group === operators && waited === exitCodes.done)
        for (const { identity } of deleted.waits) await tellStorage(context, client, identity);
      if (code !== exitCodes.done && mustWait) {
        const staying = group === resources ? operators : secrets;
        for (const one of staying) terminal.warn(`${spoken(one)} stays: not all that needs it is gone`);
        break;
      }
    }
    terminal[code === exitCodes.done ? 'info' : 'warn'](`🗑 delete...${code === exitCodes.done ? 'complete' : 'error'}`);
    return code;
  },
};
