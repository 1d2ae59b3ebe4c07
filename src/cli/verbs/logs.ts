// logs: what the components of an operator print. Read from the stream, so that lines of instances that are gone are there too. Several
// components or replicas are told apart by `[component/replica]`.

import { exitCodes } from '../../program/lifecycle.ts';
import type { Client } from '../../client/types.ts';
import type { LogEntry } from '../../client/read-logs.ts';
import { nearestName } from '../../json-schema/nearest.ts';
import { printable } from '../../core/names.ts';
import { has, textOf, type ParsedArguments } from '../arguments.ts';
import type { CliContext } from '../context.ts';
import { tellRejection } from '../reporting.ts';
import { aCount, aDuration, aToken, oneOf, type ValueRule } from '../flag-values.ts';
import { choiceOf, commonFlags, countOf, durationOf, tokenOf, UsageError, type Verb } from '../verb.ts';

const DEFAULT_TAIL = 300;

const aTail: ValueRule = (text) =>
  /^(?:-1|\d{1,9})$/.test(text)
    ? undefined
    : `expected a whole number from 0, or -1 for all; found "${printable(text)}"`;

const tailOf = (args: ParsedArguments): number | 'all' => {
  const text = textOf(args, 'tail');
  // With a time as the limit a number of lines is none that anybody has asked for.
  if (text === undefined) return has(args, 'since') ? 'all' : DEFAULT_TAIL;
  return text === '-1' ? 'all' : Number(text);
};

/** Why there is nothing to show. The exit code. */
const explain = async (
  client: Client,
  context: CliContext,
  operator: string,
  component: string | undefined,
  replica: number | undefined,
): Promise<number> => {
  const { terminal } = context;
  const answer = await client.query('get', { type: 'operator', name: operator });
  if (!answer.ok) {
    tellRejection(context, answer.error);
    return exitCodes.failed;
  }
  const { components: declared, natsClusterConfig: server } =
    answer.value.type === 'operator' ? answer.value.operator.manifest.operator : { components: [] };
  const components = [...declared, ...(server === undefined ? [] : [{ name: server.name, replicas: 1 }])];
  const names = components.map(({ name }) => name);
  if (component !== undefined && !names.includes(component)) {
    const nearest = nearestName(component, names);
    const hint = nearest === undefined ? '' : `; did you mean ${nearest}?`;
    terminal.error(`operator ${operator} has no component "${component}"; it has ${names.join(', ') || 'none'}${hint}`);
    return exitCodes.failed;
  }
  const replicas = Math.max(
    0,
    ...components.filter(({ name }) => component === undefined || name === component).map((one) => one.replicas),
  );
  if (replica !== undefined && replica >= replicas) {
    terminal.error(`there is no replica ${replica}; there are ${replicas}, counted from 0`);
    return exitCodes.failed;
  }
  terminal.info(
    `🪵 logs(${operator})...nothing yet; components whose compute is external keep their logs where they run`,
  );
  return exitCodes.done;
};

export const logsVerb: Verb = {
  name: 'logs',
  about: "what an operator's components print",
  usage: '-t operator -n NAME [-c COMPONENT] [-f] [--tail N] [--replica N] [--since DURATION] [-o json]',
  flags: {
    type: {
      kind: 'text',
      is: oneOf('operator'),
      short: 't',
      value: 'operator',
      about: 'what it is; only operators have logs',
    },
    name: commonFlags.name,
    component: { kind: 'text', is: aToken, short: 'c', value: 'COMPONENT', about: 'only of this component' },
    replica: { kind: 'text', is: aCount, value: 'N', about: 'only of this replica, from 0' },
    follow: { kind: 'bare', short: 'f', about: 'go on until interrupted' },
    tail: {
      kind: 'text',
      is: aTail,
      value: 'N',
      about: `the last N lines of each replica; -1 for all; default ${DEFAULT_TAIL}, with --since all`,
    },
    since: { kind: 'text', is: aDuration, value: 'DURATION', about: 'only lines that are not older than that' },
    output: { kind: 'text', is: oneOf('json'), short: 'o', value: 'json', about: 'JSON lines' },
  },
  run: async (args, context) => {
    const { terminal, clock, signal } = context;
    choiceOf(args, 'type', ['operator']);
    const operator = tokenOf(args, 'name');
    if (operator === undefined) throw new UsageError('-n NAME is missing: say which operator');
    const component = tokenOf(args, 'component');
    const replica = countOf(args, 'replica');
    const isJson = choiceOf(args, 'output', ['json']) === 'json';
    const sinceMs = durationOf(args, 'since', 0);
    const tail = tailOf(args);
    const client = await context.connect();
    const seen = new Set<string>();
    let found = 0;
    let exitCode: number = exitCodes.done;

    const show = (entry: LogEntry): void => {
      const place = `${entry.component}/${entry.replica}`;
      seen.add(place);
      if (isJson) return terminal.out(JSON.stringify(entry));
      const prefix = found > 1 || seen.size > 1 ? `[${place}] ` : '';
      const cut = entry.cut === undefined ? '' : ` … (${entry.cut} more characters were cut off)`;
      terminal.out(`${prefix}${entry.text}${cut}`);
    };

    const selection = {
      operator,
      ...(component === undefined ? {} : { component }),
      ...(replica === undefined ? {} : { replica }),
    };
    const since = sinceMs === undefined ? {} : { sinceMs: clock.nowMs() - sinceMs };
    const onFound = async (replicas: number): Promise<boolean> => {
      found = replicas;
      if (replicas === 0) exitCode = await explain(client, context, operator, component, replica);
      return exitCode === exitCodes.done;
    };
    await client.readLogs(selection, { tail, ...since, follow: has(args, 'follow'), signal, onFound, onLine: show });
    return exitCode;
  },
};
