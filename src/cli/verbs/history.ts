// history: a table of what happened to one thing. replay: the same stored messages in order, one line each, as they were stored (--raw), or
// with the state after each (-d).

import { isJsonObject, type JsonObject } from '../../core/json.ts';
import { exitCodes } from '../../program/lifecycle.ts';
import type { HistoryEntry } from '../../messages/queries.ts';
import { has, type ParsedArguments } from '../arguments.ts';
import type { CliContext } from '../context.ts';
import { changeOf, createReplay, eventLine, lackOf } from '../event-text.ts';
import { readHistory } from '../history-pages.ts';
import { createRolls } from '../roll-text.ts';
import { outputOf, printAs, tellRejection } from '../reporting.ts';
import { aCount } from '../flag-values.ts';
import { renderTable } from '../table.ts';
import { commonFlags, countOf, identityOf, type Verb } from '../verb.ts';
import { toYaml } from '../yaml.ts';

const read = async (args: ParsedArguments, context: CliContext): Promise<readonly HistoryEntry[] | undefined> => {
  const identity = identityOf(args);
  const limit = countOf(args, 'limit');
  const client = await context.connect();
  const history = await readHistory(client, identity, limit);
  if (history.ok) return history.value;
  tellRejection(context, history.error);
  return undefined;
};

const text = (event: JsonObject, field: string): string => {
  const value = event[field];
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
};

const rowOf = (entry: HistoryEntry, rolled: string): readonly string[] => {
  const { stream, sequence, event, error } = entry;
  const data = isJsonObject(event['data']) ? event['data'] : {};
  const isEvent = stream === 'events';
  return [
    text(event, 'time'),
    isEvent ? 'event' : 'status',
    String(sequence),
    isEvent ? text(event, 'generation') : text(data, 'observedGeneration'),
    [changeOf(entry), rolled, error?.message ?? '', lackOf(entry)].filter((part) => part !== '').join('  '),
    isEvent ? text(event, 'actor') : '',
    text(event, 'commandid'),
  ];
};

const common = {
  type: commonFlags.type,
  name: commonFlags.name,
  workspace: commonFlags.workspace,
  limit: { kind: 'text', is: aCount, value: 'NUMBER', about: 'at most that many, the oldest; default all' },
} as const;

export const historyVerb: Verb = {
  name: 'history',
  about: 'what happened to one thing, as a table',
  usage: '[-t operator|resource] -n NAME [-w WORKSPACE] [--limit NUMBER] [-o json|yaml]',
  flags: { ...common, output: commonFlags.output },
  run: async (args, context) => {
    const output = outputOf(args);
    const entries = await read(args, context);
    if (entries === undefined) return exitCodes.failed;
    if (output === undefined) {
      const rolls = createRolls();
      context.terminal.out(
        renderTable(
          ['TIME', 'WHAT', 'SEQUENCE', 'GENERATION', 'CHANGE', 'ACTOR', 'COMMAND'],
          entries.map((entry) => rowOf(entry, rolls(entry))),
        ),
      );
    } else printAs(context, output, { entries });
    return exitCodes.done;
  },
};

const indented = (lines: string): string => lines.trimEnd().replaceAll(/^/gm, '    ');

export const replayVerb: Verb = {
  name: 'replay',
  about: 'the stored events and statuses of one thing, in order',
  usage: '[-t operator|resource] -n NAME [-w WORKSPACE] [-d | --raw]',
  flags: {
    ...common,
    details: { kind: 'bare', short: 'd', about: 'with the state after each event' },
    raw: { kind: 'bare', about: 'JSON lines: the messages as they are stored' },
  },
  run: async (args, context) => {
    const { terminal } = context;
    const entries = await read(args, context);
    if (entries === undefined) return exitCodes.failed;
    const replay = createReplay();
    const rolls = createRolls();
    for (const entry of entries) {
      const state = replay.absorb(entry);
      const rolled = rolls(entry);
      if (has(args, 'raw')) {
        terminal.out(JSON.stringify(has(args, 'details') ? { ...entry, state } : entry));
        continue;
      }
      terminal.out([eventLine(entry), rolled].filter((part) => part !== '').join('  '));
      if (has(args, 'details'))
        terminal.out(indented(state === undefined ? '(nothing: deleted, or not declared yet)' : toYaml(state)));
    }
    return exitCodes.done;
  },
};
