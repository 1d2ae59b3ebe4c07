// The example that `npm start` and the demo run beside an instance: a stand-in of Azure Data Factory's API, and a table of local images that
// says which program of this machine the image in the seed's operator manifest is. The component itself is started by the
// operator-runtime, once the manifest is applied.

import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { anyFreePort } from './embedded-server.ts';
import type { ProcessDefinition } from './supervised.ts';

const here = dirname(fileURLToPath(import.meta.url));
const programs = resolve(here, '..');
const ending = import.meta.url.endsWith('.ts') ? '.ts' : '.js';
/** Manifests are read from the sources: the compiler does not copy them. */
export const exampleManifests = resolve(here, '..', '..', 'src', 'operators', 'azure-data-factory', 'manifests');

const TABLE = 'local-images.json';
/** As the seed's manifest names it, without the tag. */
const SEED_IMAGE = 'docker.io/rubiklabs/azure-operator';

export type Example = {
  readonly standInUrl: string;
  /** For the data folder, once it is the instance's: another `up` may be running there, with a table of its own. */
  readonly files: Readonly<Record<string, string>>;
  /** For the processes of the instance: the runtime finds the table by it. */
  readonly environment: Readonly<Record<string, string>>;
  readonly processes: readonly ProcessDefinition[];
};

/** To be called before the instance is started. Changes nothing. */
export const exampleOf = async (options: {
  /** Data folder of the instance; the table will be there. */
  readonly directory: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** How long a run is queued and runs, at the stand-in. Default 1 s and 5 s. */
  readonly queuedMs?: number;
  readonly runMs?: number;
}): Promise<Example> => {
  const { directory, environment, queuedMs = 1000, runMs = 5000 } = options;
  const port = await anyFreePort();
  const standInUrl = `http://127.0.0.1:${port}`;
  const component = {
    command: ['node', join(programs, 'operators', 'azure-data-factory', `main${ending}`)],
    environment: { AZURE_AUTHORITY_HOST: standInUrl, AZURE_MANAGEMENT_URL: standInUrl, AZURE_POLL_INTERVAL: '500ms' },
  };
  return {
    standInUrl,
    files: { [TABLE]: `${JSON.stringify({ [SEED_IMAGE]: component }, undefined, 2)}\n` },
    environment: { OPSTREAM_LOCAL_IMAGES: resolve(directory, TABLE) },
    processes: [
      {
        name: 'stand-in',
        program: join(programs, 'stand-ins', 'azure-data-factory', `main${ending}`),
        arguments: ['--port', String(port), '--queued-ms', String(queuedMs), '--run-ms', String(runMs)],
        environment,
      },
    ],
  };
};
