// What the stand-in can be told, its defaults, and how flags and environment variables become options (pure: main.ts hands both in).
// Every flag `--some-name` is also `HIGHTOUCH_STAND_IN_SOME_NAME`; the flag wins.

import { parseArgs } from 'node:util';
import { clockBehind } from '../common/http.ts';

export type StandInOptions = {
  /** 0 lets the system choose. */
  readonly port: number;
  readonly apiKey: string;
  readonly workspaceId: number;
  readonly basePath: string;
  /** Sources and destinations that exist; those of another id are refused. */
  readonly sourceIds: readonly number[];
  readonly destinationIds: readonly number[];
  readonly queuedMs: number;
  /** How long a run that started takes; a third each of it is querying, processing, reporting. */
  readonly runMs: number;
  /** Requests that one window of `rateWindowMs` takes. */
  readonly rateLimit: number;
  readonly rateWindowMs: number;
  /** So far the times of runs are behind the Date header of answers. */
  readonly runsBehindMs: number;
  /** So long after it was triggered a run is in no list. */
  readonly unseenMs: number;
  /** The clock of all, the Date header too. */
  readonly now: () => number;
};

export const defaultOptions: StandInOptions = {
  port: 0,
  apiKey: 'sample-workspace-api-key',
  workspaceId: 1701,
  basePath: '/api/v1',
  sourceIds: [76591],
  destinationIds: [63390],
  queuedMs: 500,
  runMs: 3_000,
  rateLimit: 200,
  rateWindowMs: 10_000,
  runsBehindMs: 0,
  unseenMs: 0,
  now: Date.now,
};

export class UsageError extends Error {
  override readonly name = 'UsageError';
}

const flagNames = [
  ...(['port', 'api-key', 'workspace-id', 'base-path', 'source-ids', 'destination-ids'] as const),
  ...(['queued-ms', 'run-ms', 'rate-limit', 'rate-window-ms'] as const),
  ...(['clock-behind-ms', 'runs-behind-ms', 'unseen-ms'] as const),
] as const;
type FlagName = (typeof flagNames)[number];

export const usage = [
  'usage: hightouch stand-in [flags]; each flag is also the variable HIGHTOUCH_STAND_IN_<FLAG>',
  ...flagNames.map((name) => `  --${name} <value>${name.endsWith('-ids') ? '  1,2,3' : ''}`),
].join('\n');

const readFlags = (argv: readonly string[]): Readonly<Record<string, unknown>> => {
  try {
    const options = Object.fromEntries(flagNames.map((name) => [name, { type: 'string' as const }] as const));
    return parseArgs({ args: [...argv], options }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
};

const wholeNumber = (flag: FlagName, text: string, least: number): number => {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= least && Number.isSafeInteger(value)) return value;
  throw new UsageError(`--${flag} expects a whole number, at least ${least}, found '${text}'`);
};

/** @throws UsageError when a flag or a variable is unknown or has a value that it cannot have */
export const parseOptions = (
  argv: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): StandInOptions => {
  const flags = readFlags(argv);
  const text = (flag: FlagName): string | undefined => {
    const value = flags[flag];
    const variable = `HIGHTOUCH_STAND_IN_${flag.toUpperCase().replaceAll('-', '_')}`;
    return typeof value === 'string' ? value : environment[variable];
  };
  const count = (flag: FlagName, fallback: number, least = 0): number => {
    const value = text(flag);
    return value === undefined ? fallback : wholeNumber(flag, value, least);
  };
  const ids = (flag: FlagName, fallback: readonly number[]): readonly number[] =>
    text(flag)
      ?.split(',')
      .map((one) => wholeNumber(flag, one.trim(), 1)) ?? fallback;
  return {
    port: count('port', defaultOptions.port),
    apiKey: text('api-key') ?? defaultOptions.apiKey,
    workspaceId: count('workspace-id', defaultOptions.workspaceId, 1),
    basePath: (text('base-path') ?? defaultOptions.basePath).replace(/\/$/, ''),
    sourceIds: ids('source-ids', defaultOptions.sourceIds),
    destinationIds: ids('destination-ids', defaultOptions.destinationIds),
    queuedMs: count('queued-ms', defaultOptions.queuedMs),
    runMs: count('run-ms', defaultOptions.runMs),
    rateLimit: count('rate-limit', defaultOptions.rateLimit, 1),
    rateWindowMs: count('rate-window-ms', defaultOptions.rateWindowMs, 1),
    runsBehindMs: count('runs-behind-ms', defaultOptions.runsBehindMs),
    unseenMs: count('unseen-ms', defaultOptions.unseenMs),
    now: clockBehind(count('clock-behind-ms', 0)),
  };
};
