// get: what is there, as the seed's table, whole as YAML (-d), or as JSON. Without -a only what the caller owns, in one workspace.

import { exitCodes } from '../../program/lifecycle.ts';
import {
  listedRuntimes,
  listedStatuses,
  MAX_PAGE_SIZE,
  type GetAnswer,
  type ListQuery,
  type Summary,
} from '../../messages/queries.ts';
import { DEFAULT_WORKSPACE } from '../../messages/commands.ts';
import { parseSelector } from '../../messages/selector.ts';
import type { Client } from '../../client/types.ts';
import { has, textOf, type ParsedArguments } from '../arguments.ts';
import type { CliContext } from '../context.ts';
import { anyText, aToken, oneOf, type ValueRule } from '../flag-values.ts';
import { tellRejection } from '../reporting.ts';
import { storedForm, storedYaml } from '../stored-form.ts';
import { summaryTable } from '../summary-table.ts';
import { choiceOf, commonFlags, identityOf, kindOf, targetOf, tokenOf, UsageError, type Verb } from '../verb.ts';
import { toJson, toYaml } from '../yaml.ts';
import { watchSummaries } from '../watch.ts';

type Found = { readonly summaries: readonly Summary[]; readonly answers?: readonly GetAnswer[] };

const LAYERS = ['user', 'system'] as const;

const aSelector: ValueRule = (text) => {
  const parsed = parseSelector(text);
  return parsed.ok ? undefined : parsed.error;
};

const READINESS_FLAGS = ['not-ready', 'status', 'runtime', 'reason'] as const;

/** Who asks how things are wants to see it. */
export const asksForReadiness = (args: ParsedArguments): boolean => READINESS_FLAGS.some((flag) => has(args, flag));

const readinessFilters = (args: ParsedArguments): Pick<ListQuery, 'notReady' | 'status' | 'runtime' | 'reason'> => {
  const status = choiceOf(args, 'status', listedStatuses);
  const runtime = choiceOf(args, 'runtime', listedRuntimes);
  const reason = textOf(args, 'reason');
  return {
    ...(has(args, 'not-ready') ? { notReady: true } : {}),
    ...(status === undefined ? {} : { status }),
    ...(runtime === undefined ? {} : { runtime }),
    ...(reason === undefined ? {} : { reason }),
  };
};

/** Which rows are meant: by default what the caller owns, resources in the workspace `public`. */
export const listQueryOf = (args: ParsedArguments, actor: string): ListQuery => {
  const type = kindOf(args);
  const isAll = has(args, 'all');
  const given = tokenOf(args, 'workspace');
  if (type === 'operator' && given !== undefined)
    throw new UsageError('an operator lives in no workspace; leave -w out');
  const workspace = given ?? (isAll || type === 'operator' ? undefined : DEFAULT_WORKSPACE);
  const owner = textOf(args, 'owner') ?? (isAll ? undefined : actor);
  const tag = textOf(args, 'tag');
  const label = textOf(args, 'label');
  const operator = tokenOf(args, 'operator');
  const selector = textOf(args, 'selector');
  const layer = choiceOf(args, 'layer', LAYERS);
  const tags = (textOf(args, 'tags') ?? '')
    .split(',')
    .map((one) => one.trim())
    .filter((one) => one !== '');
  return {
    type,
    ...(workspace === undefined ? {} : { workspace }),
    ...(owner === undefined ? {} : { owner }),
    ...(tag === undefined ? {} : { tag }),
    ...(label === undefined ? {} : { label }),
    ...(operator === undefined ? {} : { operator }),
    ...(tags.length === 0 ? {} : { tags }),
    ...(selector === undefined ? {} : { selector }),
    ...(layer === undefined ? {} : { layer }),
    ...(has(args, 'orphaned') ? { orphaned: true } : {}),
    ...readinessFilters(args),
  };
};

/** All pages; undefined: refused, and told already. */
const listAll = async (
  context: CliContext,
  client: Client,
  query: ListQuery,
): Promise<readonly Summary[] | undefined> => {
  const items: Summary[] = [];
  for (let cursor: string | undefined; ;) {
    const page = await client.query('list', {
      ...query,
      limit: MAX_PAGE_SIZE,
      ...(cursor === undefined ? {} : { cursor }),
    });
    if (!page.ok) {
      tellRejection(context, page.error);
      return undefined;
    }
    items.push(...page.value.items);
    cursor = page.value.next;
    if (cursor === undefined) return items;
  }
};

const find = async (args: ParsedArguments, context: CliContext, client: Client): Promise<Found | undefined> => {
  if (has(args, 'name')) {
    const answer = await client.query('get', targetOf(identityOf(args)));
    if (answer.ok) return { summaries: [answer.value.summary], answers: [answer.value] };
    if (answer.error.code !== 'NOT_FOUND') {
      tellRejection(context, answer.error);
      return undefined;
    }
    context.terminal.info('🔍 get...nothing');
    tellRejection(context, answer.error);
    return undefined;
  }
  const summaries = await listAll(context, client, listQueryOf(args, context.actor));
  if (summaries === undefined) return undefined;
  if (!has(args, 'details')) return { summaries };
  const answers: GetAnswer[] = [];
  for (const { type, workspace, name } of summaries) {
    const answer = await client.query('get', targetOf({ kind: type, workspace, name }));
    if (answer.ok) answers.push(answer.value);
  }
  return { summaries, answers };
};

/** What there is beyond the owner and the workspace that the list was narrowed to. */
const nothingText = async (args: ParsedArguments, context: CliContext, client: Client): Promise<string> => {
  const { owner, workspace, ...rest } = listQueryOf(args, context.actor);
  if (owner === undefined && workspace === undefined) return 'nothing';
  const page = await client.query('list', { ...rest, limit: 1 });
  if (!page.ok || page.value.total === 0) return 'nothing';
  const of = owner === undefined ? '' : ` of ${owner}`;
  const where = workspace === undefined ? '' : ` in workspace ${workspace}`;
  return `nothing${of}${where}; -a shows ${page.value.total} of other owners or workspaces`;
};

const print = (args: ParsedArguments, context: CliContext, { summaries, answers }: Found): void => {
  const { terminal, clock } = context;
  const output = choiceOf(args, 'output', OUTPUTS);
  const [only] = answers ?? [];
  if (output === 'json' || output === 'yaml') {
    const value =
      has(args, 'name') && only !== undefined
        ? storedForm(only)
        : { items: answers?.map(storedForm) ?? summaries, total: summaries.length };
    terminal.out(output === 'json' ? toJson(value) : toYaml(value));
  } else if (has(args, 'details') && answers !== undefined) {
    if (answers.length > 0) terminal.out(answers.map(storedYaml).join('---\n'));
  } else if (summaries.length > 0) {
    const options = {
      isWide: output === 'wide',
      withReadiness: asksForReadiness(args),
      withTags: has(args, 'tags'),
      nowMs: clock.nowMs(),
    };
    terminal.out(`\n${summaryTable(summaries, options)}\n`);
  }
};

const OUTPUTS = ['table', 'wide', 'json', 'yaml'] as const;

export const getVerb: Verb = {
  name: 'get',
  about: 'list operators or resources, or show one',
  usage:
    '[-t operator|resource] [-n NAME] [-w WORKSPACE] [-a] [-l SELECTOR] [--not-ready] [-d] [-o table|wide|json|yaml] [--watch]',
  flags: {
    type: commonFlags.type,
    name: commonFlags.name,
    workspace: commonFlags.workspace,
    all: { kind: 'bare', short: 'a', about: 'all owners and all workspaces; default: only what you own' },
    details: { kind: 'bare', short: 'd', about: 'the whole stored form, as YAML' },
    output: {
      kind: 'text',
      is: oneOf(...OUTPUTS),
      short: 'o',
      value: 'table|wide|json|yaml',
      about: 'form of the answer; default table',
    },
    watch: { kind: 'bare', about: 'go on with a row for each change, until interrupted' },
    tags: {
      kind: 'maybe',
      is: anyText,
      takesNext: true,
      value: 'TAG,TAG',
      about: 'a column with the tags; with a value, only what has all of these',
    },
    selector: {
      kind: 'text',
      is: aSelector,
      short: 'l',
      value: 'SELECTOR',
      about: 'only what has these labels: a=b,c!=d,e in (f,g),h notin (i),j,!k',
    },
    layer: { kind: 'text', is: oneOf(...LAYERS), value: 'user|system', about: 'only this layer' },
    orphaned: { kind: 'bare', about: 'only resources whose operator is gone' },
    'not-ready': {
      kind: 'bare',
      about: 'only what is not ready; with the columns READY and REASON, as the next three',
    },
    status: {
      kind: 'text',
      is: oneOf(...listedStatuses),
      value: listedStatuses.join('|'),
      about: 'only what has this STATUS',
    },
    runtime: {
      kind: 'text',
      is: oneOf(...listedRuntimes),
      value: listedRuntimes.join('|'),
      about: 'only what has this RUNTIME',
    },
    reason: {
      kind: 'text',
      is: anyText,
      value: 'REASON',
      about: 'only what has this REASON: RunFailed, NothingReported, …',
    },
    tag: { kind: 'text', is: anyText, value: 'TAG', about: 'only what has this tag' },
    label: { kind: 'text', is: anyText, value: 'KEY[=VALUE]', about: 'only what has this label' },
    operator: { kind: 'text', is: aToken, value: 'NAME', about: 'only resources of this operator' },
    owner: { kind: 'text', is: anyText, value: 'NAME', about: 'only what this one owns' },
  },
  notes: [
    'You are OPSTREAM_ACTOR, else the user of the operating system. Whose things are listed is --owner; -o is the form of the answer.',
    'With -n the owner does not matter.',
  ],
  run: async (args, context) => {
    const { terminal } = context;
    choiceOf(args, 'output', OUTPUTS);
    if (has(args, 'name')) identityOf(args);
    else listQueryOf(args, context.actor);
    terminal.info('🔍 get...');
    const client = await context.connect();
    if (has(args, 'watch'))
      return watchSummaries(
        args,
        context,
        client,
        async () => (await find(args, context, client))?.summaries,
        asksForReadiness(args),
      );
    const found = await find(args, context, client);
    if (found === undefined) return exitCodes.failed;
    const outcome = found.summaries.length === 0 ? await nothingText(args, context, client) : 'complete';
    terminal.info(`🔍 get...${outcome}`);
    print(args, context, found);
    return exitCodes.done;
  },
};
