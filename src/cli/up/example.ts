// The example that `npm start` and the demo run beside an instance: the Azure Data Factory component of the seed, with the variables that
// the shipped operator manifest gives it, against the stand-in of its API.

import { readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isJsonObject, type JsonObject } from '../../core/json.ts';
import { parseManifests } from '../../messages/manifest/parse.ts';
import { anyFreePort } from './embedded-server.ts';
import type { ProcessDefinition } from './supervised.ts';

const here = dirname(fileURLToPath(import.meta.url));
const programs = resolve(here, '..', '..');
const ending = import.meta.url.endsWith('.ts') ? '.ts' : '.js';
/** Manifests are read from the sources: the compiler does not copy them. */
export const exampleManifests = resolve(here, '..', '..', '..', 'src', 'operators', 'azure-data-factory', 'manifests');

/** `environmentVars` of the first component, but for its metrics port: several examples on one machine would fight for it. */
const componentVariables = (): Readonly<Record<string, string>> => {
  const parsed = parseManifests(readFileSync(join(exampleManifests, 'operator.yaml')));
  const manifest = parsed.ok ? parsed.value[0]?.value : undefined;
  const operator = isJsonObject(manifest) ? manifest['operator'] : undefined;
  const components = isJsonObject(operator) ? operator['components'] : undefined;
  const first = Array.isArray(components) ? (components[0] as JsonObject | undefined) : undefined;
  const variables = first?.['environmentVars'];
  if (!isJsonObject(variables)) throw new Error('the shipped operator manifest has no component with environmentVars');
  return Object.fromEntries(
    Object.entries(variables)
      .filter(([name]) => name !== 'METRIC_PORT')
      .map(([name, value]) => [name, String(value)]),
  );
};

export type Example = { readonly standInUrl: string; readonly processes: readonly ProcessDefinition[] };

export const exampleOf = async (options: {
  readonly natsUrl: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** How long a run is queued and runs, at the stand-in. Default 1 s and 5 s. */
  readonly queuedMs?: number;
  readonly runMs?: number;
}): Promise<Example> => {
  const { natsUrl, environment, queuedMs = 1000, runMs = 5000 } = options;
  const port = await anyFreePort();
  const standInUrl = `http://127.0.0.1:${port}`;
  return {
    standInUrl,
    processes: [
      {
        name: 'stand-in',
        program: join(programs, 'stand-ins', 'azure-data-factory', `main${ending}`),
        arguments: ['--port', String(port), '--queued-ms', String(queuedMs), '--run-ms', String(runMs)],
        environment,
      },
      {
        name: 'component',
        program: join(programs, 'operators', 'azure-data-factory', `main${ending}`),
        environment: {
          ...environment,
          ...componentVariables(),
          OPSTREAM_NATS_URL: natsUrl,
          AZURE_AUTHORITY_HOST: standInUrl,
          AZURE_MANAGEMENT_URL: standInUrl,
          AZURE_POLL_INTERVAL: '500ms',
        },
      },
    ],
  };
};
