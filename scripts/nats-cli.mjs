// Finds the `nats` CLI for the tests that use it: OPSTREAM_NATS_CLI, the PATH, one made before, or `go install` into .cache/ where Go is
// present. Nothing of opstream needs it at run time.

import { access, mkdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { withProgress } from './progress.mjs';
import { mustRun, runCommand } from './run-command.mjs';

const folder = join(resolve(dirname(fileURLToPath(import.meta.url)), '..'), '.cache', 'nats-cli');

/** `{ path }`, or `{ reason }` why there is none. */
export const findNatsCli = async () => {
  const cached = join(folder, 'nats');
  for (const path of [process.env['OPSTREAM_NATS_CLI'], 'nats', cached]) {
    if (path && (await runCommand(path, ['--version'])).code === 0) return { path };
  }
  if ((await runCommand('go', ['version'])).code !== 0)
    return { reason: 'the nats CLI is not on the PATH, and Go is not there to build it' };
  try {
    await mkdir(folder, { recursive: true });
    await withProgress('building the nats CLI', () =>
      mustRun('go', ['install', 'github.com/nats-io/natscli/nats@latest'], { env: { ...process.env, GOBIN: folder } }),
    );
    await access(cached);
    return { path: cached };
  } catch (error) {
    return { reason: `the nats CLI could not be built: ${error.message.split('\n').at(-1)}` };
  }
};
