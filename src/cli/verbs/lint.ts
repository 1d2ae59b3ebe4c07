// lint: what is probably not meant as it is written, and what an apply would refuse. The rules about manifests need no server; when one
// answers, it is asked as well (a dry run), because only it knows which operators are registered.

import { isFault } from '../../core/fault.ts';
import { DEFAULT_WORKSPACE } from '../../messages/commands.ts';
import type { Finding } from '../../messages/finding.ts';
import { findingOf, lintDocuments } from '../../manifest/lint/lint.ts';
import { parseManifests } from '../../manifest/parse.ts';
import { exitCodes } from '../../program/lifecycle.ts';
import { has, listOf, type ParsedArguments } from '../arguments.ts';
import type { CliContext } from '../context.ts';
import { findingLines } from '../finding-text.ts';
import { tooLargeMessage, type JoinedManifests } from '../joined-manifests.ts';
import { readManifests } from '../manifest-files.ts';
import { outputOf, printAs } from '../reporting.ts';
import { commonFlags, tokenOf, type Verb } from '../verb.ts';

const MAX_BYTES = 16 * 1024 * 1024;
const MAX_LINTED = 20_000;

const offlineFindings = (data: Uint8Array, args: ParsedArguments, context: CliContext): readonly Finding[] => {
  const parsed = parseManifests(data, { maxBytes: MAX_BYTES, maxDocuments: MAX_LINTED });
  if (!parsed.ok) {
    const { code, message, details } = parsed.error;
    return (details.length > 0 ? details : [{ message }]).map((detail) => findingOf(detail, code));
  }
  const defaultWorkspace = tokenOf(args, 'workspace') ?? DEFAULT_WORKSPACE;
  return lintDocuments(parsed.value, { defaultWorkspace, actor: context.actor, prefix: context.config.prefix });
};

type Asked = { readonly findings: readonly Finding[]; readonly isAsked: boolean; readonly why?: string };

/** What the command-handler would refuse. Nothing is stored. */
const serverFindings = async (data: Uint8Array, args: ParsedArguments, context: CliContext): Promise<Asked> => {
  const notAsked = (why: string): Asked => ({ findings: [], isAsked: false, why });
  const tooLarge = tooLargeMessage(data);
  if (tooLarge !== undefined) return notAsked(tooLarge);
  const workspace = tokenOf(args, 'workspace');
  try {
    const client = await context.connect();
    const options = { actor: context.actor, dryRun: true, ...(workspace === undefined ? {} : { workspace }) };
    const { rejection } = await client.send('apply', data, options);
    if (rejection === undefined) return { findings: [], isAsked: true };
    const details = rejection.details.length > 0 ? rejection.details : [{ message: rejection.message }];
    return { findings: details.map((detail) => findingOf(detail, rejection.code)), isAsked: true };
  } catch (error) {
    if (!isFault(error)) throw error;
    return notAsked('no instance answers');
  }
};

/** The server's word replaces what is said here about the same place. */
const merged = (own: readonly Finding[], asked: readonly Finding[]): readonly Finding[] => {
  const keyOf = ({ code, pointer, document = 0 }: Finding): string => `${code} ${document} ${pointer}`;
  const told = new Set(asked.map(keyOf));
  return [...own.filter((finding) => !told.has(keyOf(finding))), ...asked].sort(
    (left, right) => (left.document ?? 0) - (right.document ?? 0) || (left.line ?? 0) - (right.line ?? 0),
  );
};

const counted = (findings: readonly Finding[], severity: Finding['severity']): number =>
  findings.filter((finding) => finding.severity === severity).length;

const plural = (count: number, one: string): string => `${count} ${one}${count === 1 ? '' : 's'}`;

const show = (
  findings: readonly Finding[],
  isServerAsked: boolean,
  manifests: JoinedManifests,
  args: ParsedArguments,
  context: CliContext,
): void => {
  const output = outputOf(args);
  if (output === undefined) {
    for (const finding of findings) context.terminal.out(findingLines(finding, manifests).join('\n'));
    return;
  }
  printAs(context, output, {
    findings: findings.map((finding) => ({ ...finding, ...manifests.place(finding) })),
    errors: counted(findings, 'error'),
    warnings: counted(findings, 'warning'),
    notes: counted(findings, 'note'),
    server: isServerAsked ? 'asked' : 'not asked',
  });
};

export const lintVerb: Verb = {
  name: 'lint',
  about: 'find what is probably not meant as it is written in manifests',
  usage: '-f FILE|DIR|- [-R] [-w WORKSPACE] [--offline] [--strict] [-o json|yaml]',
  flags: {
    file: commonFlags.file,
    recursive: commonFlags.recursive,
    workspace: commonFlags.workspace,
    offline: { kind: 'bare', about: 'do not ask an instance, also when one answers' },
    strict: { kind: 'bare', about: 'warnings are errors' },
    output: commonFlags.output,
  },
  notes: [
    'An error is what an apply would refuse; a warning is accepted and probably a mistake; a note is good to know.',
    'Exit codes: 0 nothing, or warnings and notes only; 1 errors, or warnings with --strict.',
    'Values that may be credentials are never shown.',
  ],
  run: async (args, context) => {
    const { terminal } = context;
    outputOf(args);
    const manifests = await readManifests(context, listOf(args, 'file'), has(args, 'recursive'));
    terminal.info('🔎 lint...');
    const own = offlineFindings(manifests.data, args, context);
    const mayAsk = !has(args, 'offline') && counted(own, 'error') === 0;
    const asked = mayAsk ? await serverFindings(manifests.data, args, context) : { findings: [], isAsked: false };
    const findings = merged(own, asked.findings);
    show(findings, asked.isAsked, manifests, args, context);
    if (asked.why !== undefined) terminal.info(`only the manifests were looked at: ${asked.why}`);
    const errors = counted(findings, 'error');
    const warnings = counted(findings, 'warning');
    const summary = [plural(errors, 'error'), plural(warnings, 'warning'), plural(counted(findings, 'note'), 'note')];
    const isBad = errors > 0 || (has(args, 'strict') && warnings > 0);
    terminal[isBad ? 'warn' : 'info'](`🔎 lint...${findings.length === 0 ? 'nothing found' : summary.join(', ')}`);
    return isBad ? exitCodes.failed : exitCodes.done;
  },
};
