// contract: runs a component, in any language, against everything that the channel asks of it. It needs no instance: it makes one of its own
// in a temporary folder and takes it away again.

import { readFileSync } from 'node:fs';
import { isJsonObject, type JsonObject } from '../../core/json.ts';
import { parseManifests } from '../../manifest/parse.ts';
import type { ComponentSpec, OperatorManifest, ResourceTypeSpec } from '../../messages/manifest-types.ts';
import { validateManifest } from '../../manifest/validate.ts';
import { nearestName } from '../../json-schema/nearest.ts';
import { exitCodes } from '../../program/lifecycle.ts';
import { listOf, textOf, type ParsedArguments } from '../arguments.ts';
import { allChecks } from '../../contract/all-checks.ts';
import { openBench } from '../../contract/open-bench.ts';
import { reportLines } from '../../contract/report-text.ts';
import { runSuite } from '../../contract/run-suite.ts';
import type { Check, CheckReport } from '../../contract/types.ts';
import type { CliContext } from '../context.ts';
import { outputOf, printAs } from '../reporting.ts';
import { createFollowUpLog } from '../../embedded/follow-up-log.ts';
import { aCount, aDuration, anyText } from '../flag-values.ts';
import { commonFlags, countOf, durationOf, UsageError, type Verb } from '../verb.ts';
import { findServer } from './up.ts';

const DEFAULT_TIMEOUT_MS = 20_000;
const MAX_COMMAND_WORDS = 1000;

const bytesOf = (path: string): Uint8Array => {
  try {
    return new Uint8Array(readFileSync(path));
  } catch (error) {
    throw new UsageError(`${path}: cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`);
  }
};

const operatorIn = (path: string, context: CliContext): OperatorManifest => {
  const parsed = parseManifests(bytesOf(path));
  if (!parsed.ok) throw new UsageError(`${path}: ${parsed.error.message}`);
  for (const document of parsed.value) {
    const manifest = validateManifest(document, { defaultWorkspace: 'public', actor: context.actor });
    if (!manifest.ok) throw new UsageError(`${path}: ${manifest.error.message}`);
    if (manifest.value.type === 'operator') return manifest.value;
  }
  throw new UsageError(`${path}: expected a manifest of type: operator`);
};

/** A spec, or a whole resource manifest whose spec is meant. */
const specIn = (path: string): JsonObject => {
  const parsed = parseManifests(bytesOf(path));
  if (!parsed.ok) throw new UsageError(`${path}: ${parsed.error.message}`);
  const value = parsed.value[0]?.value;
  if (!isJsonObject(value)) throw new UsageError(`${path}: expected a spec, an object`);
  const resource = value['resource'];
  return isJsonObject(resource) && isJsonObject(resource['spec']) ? resource['spec'] : value;
};

/** The one that is named, else the only one. */
const chosen = <T extends { readonly name: string }>(
  what: string,
  flag: string,
  all: readonly T[],
  name: string | undefined,
): T => {
  const names = all.map((one) => one.name);
  if (name === undefined) {
    const [first, second] = all;
    if (first !== undefined && second === undefined) return first;
    throw new UsageError(`--${flag}: the operator has ${all.length} ${what}s; say which: ${names.join(', ')}`);
  }
  const found = all.find((one) => one.name === name);
  if (found !== undefined) return found;
  const nearest = nearestName(name, names);
  throw new UsageError(
    `--${flag}: expected ${names.join(', ')}; found "${name}"${nearest === undefined ? '' : `; did you mean ${nearest}?`}`,
  );
};

const checksOf = (args: ParsedArguments): readonly Check[] => {
  const names = listOf(args, 'only').flatMap((text) => text.split(','));
  if (names.length === 0) return allChecks;
  const wanted = new Set(names.map((name) => chosen('check', 'only', allChecks, name)));
  return allChecks.filter((check) => wanted.has(check));
};

const overridesOf = (args: ParsedArguments): Readonly<Record<string, string>> =>
  Object.fromEntries(
    listOf(args, 'env').map((text) => {
      const at = text.indexOf('=');
      if (at < 1) throw new UsageError(`--env: expected NAME=VALUE; found "${text}"`);
      return [text.slice(0, at), text.slice(at + 1)];
    }),
  );

const COMMAND_SUBJECT = 'ENTITY_OF_INTEREST_MESSAGE_COMMAND_SUBJECT';

/** The one that is named, else the one that serves the type, else the only one. */
const componentOf = (
  { operator }: OperatorManifest,
  name: string | undefined,
  type: ResourceTypeSpec,
): ComponentSpec => {
  const { subject } = type.natsApi.command;
  const serving = operator.components.filter(
    ({ environmentVars = {} }) => environmentVars[COMMAND_SUBJECT] === subject,
  );
  return chosen('component', 'component', operator.components, name ?? serving[0]?.name);
};

const counted = (reports: readonly CheckReport[], result: CheckReport['result']): number =>
  reports.filter((report) => report.result === result).length;

export const contractVerb: Verb = {
  name: 'contract',
  about: 'test a component, in any language, against the contract of the channel',
  usage: '-f OPERATOR.yaml [--type TYPE] [--spec FILE [--spec FILE]] [--only CHECK,…] [-o json] -- COMMAND…',
  flags: {
    manifest: { kind: 'text', is: anyText, short: 'f', value: 'FILE', about: "the operator's manifest" },
    type: {
      kind: 'text',
      is: anyText,
      short: 't',
      value: 'TYPE',
      about: 'resource type to test; may be left out when there is one',
    },
    component: {
      kind: 'text',
      is: anyText,
      value: 'NAME',
      about: 'component whose variables are used; default the one that serves the type',
    },
    spec: {
      kind: 'list',
      is: anyText,
      value: 'FILE',
      about: 'spec (or manifest) of a resource; given twice, the second is what it is changed to; default {}',
    },
    env: { kind: 'list', is: anyText, value: 'NAME=VALUE', about: 'variable of the component; may be repeated' },
    replicas: {
      kind: 'text',
      is: aCount,
      value: 'NUMBER',
      about: 'how many copies there may be at once; default as in the manifest',
    },
    only: {
      kind: 'list',
      is: anyText,
      value: 'CHECK,…',
      about: `checks to run: ${allChecks.map(({ name }) => name).join(', ')}`,
    },
    timeout: { kind: 'text', is: aDuration, value: 'DURATION', about: 'how long each thing may take; default 20s' },
    output: commonFlags.output,
  },
  maxPositionals: MAX_COMMAND_WORDS,
  notes: [
    'It starts a NATS server and an instance of its own in a temporary folder, applies the manifest there, and starts the component with COMMAND',
    'and the variables that it would get from the operator-runtime. The component is killed and started again several times.',
    'Exit codes: 0 all checks passed, 1 a check failed, 2 it could not be tested.',
  ],
  run: async (args, context) => {
    const { terminal, signal, clock, ids } = context;
    const output = outputOf(args);
    const path = textOf(args, 'manifest');
    if (path === undefined) throw new UsageError("-f OPERATOR.yaml is missing: the operator's manifest");
    if (args.positionals.length === 0)
      throw new UsageError('the command that starts the component is missing: give it after --');
    const manifest = operatorIn(path, context);
    const type = chosen('type', 'type', manifest.operator.resources, textOf(args, 'type'));
    const componentSpec = componentOf(manifest, textOf(args, 'component'), type);
    const [spec = {}, changedSpec, ...more] = listOf(args, 'spec').map(specIn);
    if (more.length > 0) throw new UsageError('--spec: expected at most two');
    const checks = checksOf(args);
    const timeoutMs = durationOf(args, 'timeout', DEFAULT_TIMEOUT_MS) ?? DEFAULT_TIMEOUT_MS;
    const replicas = countOf(args, 'replicas') ?? componentSpec.replicas;
    const overrides = overridesOf(args);
    terminal.info('🔧 starting an instance...');
    const { bench, close } = await openBench({
      ...{
        manifest,
        type: type.name,
        componentSpec,
        command: args.positionals,
        spec,
        changedSpec,
        replicas,
        timeoutMs,
      },
      natsServer: await findServer(context.environment.env),
      ...{ environment: context.environment.env, overrides, clock, ids, signal },
      log: createFollowUpLog({ warn: () => undefined, error: (text) => terminal.error(text) }),
    });
    try {
      await bench.component();
      const reports = await runSuite(checks, bench, {
        signal,
        onReport: (report) => {
          if (output === undefined) terminal.out(reportLines(report).join('\n'));
          else terminal.info(`${report.result} ${report.name}`);
        },
      });
      const [passed, failed, skipped] = [
        counted(reports, 'ok'),
        counted(reports, 'failed'),
        counted(reports, 'skipped'),
      ];
      if (output !== undefined) {
        const { name: operator } = manifest;
        printAs(context, output, {
          operator,
          type: type.name,
          command: args.positionals,
          passed,
          failed,
          skipped,
          checks: reports,
        });
      }
      terminal[failed > 0 ? 'warn' : 'info'](`🔧 contract...${passed} passed, ${failed} failed, ${skipped} skipped`);
      if (signal.aborted) return exitCodes.interrupted;
      return failed > 0 ? exitCodes.failed : exitCodes.done;
    } finally {
      await close();
    }
  },
};
