// What the stand-in can be told, its defaults, and how flags and environment variables become options (pure: main.ts hands
// both in). Every flag `--some-name` is also `ADF_STAND_IN_SOME_NAME`; the flag wins. The default identity and factory are the
// sample values printed in Data Factory operator documentation, so that a sample manifest runs against this program unchanged.

import { parseArgs } from 'node:util';
import { clockBehind } from '../common/http.ts';

export type BucketLimits = { readonly burst: number; readonly refillPerSecond: number };
export type RequestClass = 'reads' | 'writes' | 'deletes';
export type FactorySpec = {
  readonly name: string;
  readonly resourceGroup: string;
  readonly pipelines: readonly string[];
};

export type StandInOptions = {
  /** 0 lets the system choose. */
  readonly port: number;
  readonly tenantId: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly subscriptionId: string;
  /** The only scope accepted is `<audience>/.default`. */
  readonly audience: string;
  readonly factories: readonly FactorySpec[];
  readonly tokenLifetimeSeconds: number;
  readonly queuedMs: number;
  readonly runMs: number;
  /** How long a run stays `Canceling`. */
  readonly cancelMs: number;
  /** Cancelling a finished run: `refuse` (400 PipelineRunNotRunning, observed at the API) or `ignore` (200). */
  readonly finishedCancel: 'refuse' | 'ignore';
  /** Parameters that the pipeline does not declare: kept in the run, left out of it, or a 400. */
  readonly undeclaredParameters: 'keep' | 'drop' | 'reject';
  /** Run parameter by whose value double submissions are counted, when the reader of the counters names none. */
  readonly correlationParameter: string | undefined;
  readonly limits: Readonly<Record<RequestClass, BucketLimits>>;
  readonly pageSize: number;
  /** So far the times of runs are behind the Date header of answers: what answers and what runs are different machines. */
  readonly runsBehindMs: number;
  /** So long after createRun a run is in no query and GET answers 404. */
  readonly unseenMs: number;
  /** The clock of all, the Date header too. */
  readonly now: () => number;
};

export const defaultOptions: StandInOptions = {
  port: 0,
  tenantId: '191b8015-c70b-4cc7-afb0-818de32c05df',
  clientId: '769f7469-eaed-4210-8ab7-obc4549d85a1',
  clientSecret: 'LGz8Q-NcuMf~GcPwjAjpJINM6n(iLFiuBsrPubAz',
  subscriptionId: '79d26b17-3fbf-4c85-a88b-10a4480fac77',
  audience: 'https://management.azure.com',
  factories: [
    { name: 'datafactoryoz3un3trdpaa', resourceGroup: 'Engineering', pipelines: ['ArmtemplateSampleCopyPipeline'] },
  ],
  tokenLifetimeSeconds: 3599,
  queuedMs: 1_000,
  runMs: 4_000,
  cancelMs: 1_000,
  finishedCancel: 'refuse',
  undeclaredParameters: 'keep',
  correlationParameter: undefined,
  limits: {
    reads: { burst: 250, refillPerSecond: 25 },
    writes: { burst: 200, refillPerSecond: 10 },
    deletes: { burst: 200, refillPerSecond: 10 },
  },
  pageSize: 100,
  runsBehindMs: 0,
  unseenMs: 0,
  now: Date.now,
};

export class UsageError extends Error {
  override readonly name = 'UsageError';
}

const flagNames = [
  'port',
  'tenant',
  'client-id',
  'client-secret',
  'subscription',
  'audience',
  'factory',
  'token-lifetime-seconds',
  'queued-ms',
  'run-ms',
  'cancel-ms',
  'finished-cancel',
  'undeclared-parameters',
  'correlation-parameter',
  'reads-burst',
  'reads-per-second',
  'writes-burst',
  'writes-per-second',
  'deletes-burst',
  'deletes-per-second',
  'page-size',
  'clock-behind-ms',
  'runs-behind-ms',
  'unseen-ms',
] as const;

type FlagName = (typeof flagNames)[number];

export const usage = [
  'usage: azure-data-factory stand-in [flags]; each flag is also the variable ADF_STAND_IN_<FLAG>',
  ...flagNames.map(
    (name) => `  --${name} <value>${name === 'factory' ? '  name:resourceGroup[:pipeline,...], repeatable' : ''}`,
  ),
].join('\n');

const environmentName = (flag: FlagName): string => `ADF_STAND_IN_${flag.toUpperCase().replaceAll('-', '_')}`;

const parseFactory = (text: string): FactorySpec => {
  const [name, resourceGroup, pipelines, ...rest] = text.split(':');
  if (name === undefined || name === '' || resourceGroup === undefined || resourceGroup === '' || rest.length > 0) {
    throw new UsageError(`--factory expects name:resourceGroup[:pipeline,...], found '${text}'`);
  }
  return { name, resourceGroup, pipelines: (pipelines ?? '').split(',').filter((pipeline) => pipeline !== '') };
};

const wholeNumber = (flag: FlagName, text: string, least: number, most = Number.MAX_SAFE_INTEGER): number => {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < least || value > most) {
    throw new UsageError(`--${flag} expects a whole number from ${least} to ${most}, found '${text}'`);
  }
  return value;
};

const oneOf = <T extends string>(flag: FlagName, text: string, allowed: readonly T[]): T => {
  const found = allowed.find((candidate) => candidate === text);
  if (found === undefined) throw new UsageError(`--${flag} expects one of ${allowed.join(', ')}, found '${text}'`);
  return found;
};

const readFlags = (argv: readonly string[]): Readonly<Record<string, string | boolean | string[] | undefined>> => {
  try {
    return parseArgs({
      args: [...argv],
      options: Object.fromEntries(
        flagNames.map((name) => [name, { type: 'string' as const, multiple: name === 'factory' }] as const),
      ),
    }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
};

/** @throws UsageError when a flag or a variable is unknown or has a value that it cannot have */
export const parseOptions = (
  argv: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): StandInOptions => {
  const flags = readFlags(argv);
  const text = (flag: FlagName): string | undefined => {
    const value = flags[flag];
    return typeof value === 'string' ? value : environment[environmentName(flag)];
  };
  const count = (flag: FlagName, fallback: number, least = 0, most?: number): number => {
    const value = text(flag);
    return value === undefined ? fallback : wholeNumber(flag, value, least, most);
  };
  const factoryFlag = flags['factory'];
  const factoryTexts = Array.isArray(factoryFlag) ? factoryFlag : text('factory')?.split(';');
  const limits = (name: RequestClass): BucketLimits => ({
    burst: count(`${name}-burst`, defaultOptions.limits[name].burst, 1),
    refillPerSecond: count(`${name}-per-second`, defaultOptions.limits[name].refillPerSecond, 1),
  });
  return {
    port: count('port', defaultOptions.port, 0, 65_535),
    tenantId: text('tenant') ?? defaultOptions.tenantId,
    clientId: text('client-id') ?? defaultOptions.clientId,
    clientSecret: text('client-secret') ?? defaultOptions.clientSecret,
    subscriptionId: text('subscription') ?? defaultOptions.subscriptionId,
    audience: (text('audience') ?? defaultOptions.audience).replace(/\/$/, ''),
    factories: factoryTexts === undefined ? defaultOptions.factories : factoryTexts.map(parseFactory),
    tokenLifetimeSeconds: count('token-lifetime-seconds', defaultOptions.tokenLifetimeSeconds, 1),
    queuedMs: count('queued-ms', defaultOptions.queuedMs),
    runMs: count('run-ms', defaultOptions.runMs),
    cancelMs: count('cancel-ms', defaultOptions.cancelMs),
    finishedCancel: oneOf('finished-cancel', text('finished-cancel') ?? defaultOptions.finishedCancel, [
      'refuse',
      'ignore',
    ]),
    undeclaredParameters: oneOf(
      'undeclared-parameters',
      text('undeclared-parameters') ?? defaultOptions.undeclaredParameters,
      ['keep', 'drop', 'reject'],
    ),
    correlationParameter: text('correlation-parameter'),
    limits: { reads: limits('reads'), writes: limits('writes'), deletes: limits('deletes') },
    pageSize: count('page-size', defaultOptions.pageSize, 1),
    runsBehindMs: count('runs-behind-ms', defaultOptions.runsBehindMs),
    unseenMs: count('unseen-ms', defaultOptions.unseenMs),
    now: clockBehind(count('clock-behind-ms', 0)),
  };
};
