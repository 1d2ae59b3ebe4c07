// What this component is told to do: the `http` section of one resource type of its operator's manifest. The supervisor puts the stored
// manifest into the folder DATAOS_SECRET_DIR as operator.json; by hand, `--manifest FILE` names it. The type is the one whose command
// subject the component has.

import { join } from 'node:path';
import {
  configFault,
  Fault,
  parseDurationMs,
  readOperatorManifest,
  type Environment,
  type HttpTypeSpec,
  type JsonObject,
} from '../../sdk/index.ts';

export type Definition = {
  readonly operator: string;
  readonly type: string;
  readonly http: HttpTypeSpec;
  /** The variables that the section names as `.env.NAME`, and no others. */
  readonly env: JsonObject;
  readonly pollIntervalMs: number;
  readonly timeoutMs: number;
  readonly findForMs: number;
  /** For so long after something was made or started, not to be seen is not gone. */
  readonly settleMs: number;
  /** After an answer "too many" without Retry-After. */
  readonly pauseMs: number;
};

const MIN_POLL_MS = 50;
const MANIFEST_ARGUMENT = /^--manifest(?:=(?<inline>.+))?$/;

const pathIn = ({ env, argv }: Environment): string | undefined => {
  const index = argv.findIndex((argument) => MANIFEST_ARGUMENT.test(argument));
  const { DATAOS_SECRET_DIR: folder } = env;
  if (index === -1) return folder === undefined ? undefined : join(folder, 'operator.json');
  return MANIFEST_ARGUMENT.exec(argv[index] ?? '')?.groups?.['inline'] ?? argv[index + 1];
};

const wrong = (message: string): Fault => new Fault('CONFIG_INVALID', message, { retry: 'never' });

const variablesOf = (http: HttpTypeSpec, env: Environment['env']): JsonObject => {
  const names = [
    ...new Set([...JSON.stringify(http).matchAll(/\.env\.([A-Za-z_][A-Za-z0-9_]*)/g)].map(([, name]) => name ?? '')),
  ];
  const missing = names.filter((name) => (env[name] ?? '') === '');
  if (missing.length > 0) {
    throw configFault(
      missing.map((source) => ({ source, message: `is not set; the operator's manifest uses it as .env.${source}` })),
    );
  }
  return Object.fromEntries(names.map((name) => [name, env[name] ?? '']));
};

const durationMs = (text: string | undefined, fallbackMs: number): number =>
  (text === undefined ? undefined : parseDurationMs(text)) ?? fallbackMs;

/** Faults: CONFIG_INVALID saying what is missing. */
export const readDefinition = (environment: Environment): Definition => {
  const path = pathIn(environment);
  if (path === undefined) throw wrong('give --manifest FILE with the manifest of the operator');
  const manifest = readOperatorManifest(path);
  const subject = environment.env['ENTITY_OF_INTEREST_MESSAGE_COMMAND_SUBJECT'];
  const withHttp = manifest.operator.resources.filter(({ http }) => http !== undefined);
  const types = withHttp.filter(({ natsApi }) => subject === undefined || natsApi.command.subject === subject);
  const [type] = types;
  if (type?.http === undefined || types.length > 1) {
    const names = withHttp.map(({ name, natsApi }) => `${name} (${natsApi.command.subject})`).join(', ') || 'none';
    throw wrong(
      `expected one resource type with an http section and the command subject "${subject ?? ''}" (ENTITY_OF_INTEREST_MESSAGE_COMMAND_SUBJECT); ` +
        `operator "${manifest.name}" has: ${names}`,
    );
  }
  const { http } = type;
  return {
    operator: manifest.name,
    type: type.name,
    http,
    env: variablesOf(http, environment.env),
    pollIntervalMs: Math.max(MIN_POLL_MS, durationMs(http.pollInterval, 5000)),
    timeoutMs: durationMs(http.timeout, 20_000),
    findForMs: durationMs(http.run?.findFor, 60_000),
    settleMs: durationMs(http.settle, 60_000),
    pauseMs: durationMs(http.throttle?.pause, 5000),
  };
};
