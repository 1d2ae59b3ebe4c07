// Finds the `nats` CLI for the tests that use it: OPSTREAM_NATS_CLI, the one on the PATH, one built before, or `go install` into .cache/
// where Go is present. Nothing of opstream needs it at run time, so nobody is refused for want of it.

import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { withProgress } from './progress.mjs';
import { mustRun, runCommand } from './run-command.mjs';
import { reasonOf } from './nats-server-sources.mjs';

const PACKAGE = 'github.com/nats-io/natscli/nats@latest';
const BUILD_MS = 10 * 60_000;

const defaultFolder = join(resolve(dirname(fileURLToPath(import.meta.url)), '..'), '.cache', 'nats-cli');

const runs = async (path) => (await runCommand(path, ['--version'], { timeoutMs: 10_000 })).code === 0;

const build = async (folder) => {
  await mkdir(folder, { recursive: true });
  const place = await mkdtemp(join(folder, 'build-'));
  try {
    const env = { ...process.env, GOBIN: place, CGO_ENABLED: '0' };
    await mustRun('go', ['install', PACKAGE], { env, cwd: place, timeoutMs: BUILD_MS });
    await rename(join(place, 'nats'), join(folder, 'nats'));
  } finally {
    await rm(place, { recursive: true, force: true });
  }
};

/** `{ path }`, or `{ reason }` why there is none. Never rejects. `path` may be a bare name that is on the PATH. */
export const findNatsCli = async ({ log, folder = defaultFolder } = {}) => {
  const named = process.env['OPSTREAM_NATS_CLI'];
  if (named)
    return (await runs(named)) ? { path: named } : { reason: `OPSTREAM_NATS_CLI is ${named}, which does not run` };
  const cached = join(folder, 'nats');
  for (const path of ['nats', cached]) if (await runs(path)) return { path };
  if ((await runCommand('go', ['version'])).code !== 0)
    return { reason: 'the nats CLI is not on the PATH, and Go is not there to build it' };
  try {
    await withProgress('building the nats CLI', () => build(folder), log);
    return { path: cached };
  } catch (error) {
    return { reason: `the nats CLI could not be built: ${reasonOf(error)}` };
  }
};
