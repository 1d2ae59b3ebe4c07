// The texts of `opstream help`, from the table of verbs and the configuration tables. Pure.

import { describeConfig } from '../program/config-table.ts';
import { logEntries, natsEntries } from '../program/instance-config.ts';
import type { FlagSpec, FlagSpecs } from './arguments.ts';
import { anyText } from './flag-values.ts';
import type { Verb } from './verb.ts';

const connectionEntries = { ...natsEntries, ...logEntries };

/** The flags that every verb takes: where the server is, which instance, how much to log. */
export const globalFlags: FlagSpecs = {
  ...Object.fromEntries(
    Object.values(connectionEntries).flatMap(({ flag, about }): readonly (readonly [string, FlagSpec])[] =>
      flag === undefined ? [] : [[flag, { kind: 'text', is: anyText, value: 'VALUE', about }]],
    ),
  ),
  help: { kind: 'bare', short: 'h', about: 'this text' },
};

const EXIT_CODES = 'Exit codes: 0 done, 1 refused or failed, 2 usage, 3 timed out, 4 cannot reach NATS.';

const valueHead = (spec: FlagSpec): string => {
  if (spec.kind === 'bare') return '';
  const { value = 'TEXT' } = spec;
  return spec.kind === 'maybe' ? `[=${value}]` : ` ${value}`;
};

const flagHead = (name: string, spec: FlagSpec): string => {
  const short = spec.short === undefined ? '    ' : `-${spec.short}, `;
  return `${short}--${name}${valueHead(spec)}`;
};

const flagLines = (flags: FlagSpecs): readonly string[] => {
  const heads = Object.entries(flags).map(([name, spec]) => [flagHead(name, spec), spec.about] as const);
  const width = Math.max(0, ...heads.map(([head]) => head.length));
  return heads.map(([head, about]) => `  ${head.padEnd(width)}  ${about}`);
};

export const verbUsage = (verb: Verb): string => `usage: opstream ${verb.name} ${verb.usage}`;

export const verbHelp = (verb: Verb): string =>
  [
    verbUsage(verb),
    '',
    verb.about,
    ...(verb.notes === undefined ? [] : ['', ...verb.notes]),
    '',
    ...flagLines(verb.flags),
    '',
    'Connection and logging: see `opstream help`.',
  ].join('\n');

export const overview = (verbs: readonly Verb[]): string => {
  const width = Math.max(...verbs.map(({ name }) => name.length));
  return [
    'usage: opstream VERB [FLAGS]',
    '',
    ...verbs.map(({ name, about }) => `  ${name.padEnd(width)}  ${about}`),
    `  ${'help'.padEnd(width)}  this text, or that of a verb: opstream help VERB`,
    '',
    'Flags and variables of every verb:',
    describeConfig(connectionEntries),
    '  OPSTREAM_ACTOR is who you are (default: the user of the operating system).',
    '',
    EXIT_CODES,
  ].join('\n');
};
