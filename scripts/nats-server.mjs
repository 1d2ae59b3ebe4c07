// Finds a nats-server that is new enough, or fetches one once into .cache/ below the project. Used by every npm script and, as a
// program that prints the path on standard output, by `opstream up`.
//
// Order: OPSTREAM_NATS_SERVER; the one on the PATH; the one fetched before; then what the platform offers (nats-server-sources.mjs).
// Fetching happens in a folder of its own and ends with a rename: nothing half done is ever found, whoever is killed, and two at once
// only do the work twice.

import { realpathSync } from 'node:fs';
import { access, chmod, mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { withProgress } from './progress.mjs';
import { isAlive, runCommand } from './run-command.mjs';
import { reasonOf, sources } from './nats-server-sources.mjs';
import { atLeast, MINIMUM_VERSION, parseVersion } from './version.mjs';

const VERSION_MS = 10_000;
const needed = `nats-server ${MINIMUM_VERSION.join('.')} or newer`;
const advice =
  'Install one so that it is on the PATH (https://docs.nats.io/running-a-nats-service/introduction/installation),\n' +
  'or set OPSTREAM_NATS_SERVER to the path of one.';

const defaultFolder = resolve(dirname(fileURLToPath(import.meta.url)), '..', '.cache', 'nats-server');

/** What is at `path`: `{ version }` when it runs and is new enough, else `{ problem }`. */
export const inspect = async (path) => {
  const { code, output } = await runCommand(path, ['--version'], { timeoutMs: VERSION_MS });
  if (code === null) return { problem: `a program that does not run (${output.trim().split('\n').at(-1)})` };
  const version = /nats-server/i.test(output) ? parseVersion(output) : undefined;
  if (code !== 0 || version === undefined) return { problem: 'a program that is no nats-server' };
  return atLeast(version, MINIMUM_VERSION) ? { version } : { problem: `version ${version.join('.')}` };
};

const inspectIfThere = async (path) => {
  const isThere = await access(path).then(
    () => true,
    () => false,
  );
  return isThere ? inspect(path) : undefined;
};

/** The first one on the PATH, as a shell would find it. */
const onPath = async (environment) => {
  for (const folder of (environment['PATH'] ?? '').split(delimiter).filter((name) => name !== '')) {
    const path = join(folder, 'nats-server');
    const found = await inspectIfThere(path);
    if (found !== undefined) return { path, ...found };
  }
  return undefined;
};

const marker = `fetch-${hostname()}-`;

/** Folders that a killed fetch on this machine has left. */
const removeLeftovers = async (folder) => {
  for (const name of await readdir(folder)) {
    if (!name.startsWith(marker)) continue;
    const pid = Number(name.slice(marker.length).split('-')[0]);
    if (!isAlive(pid)) await rm(join(folder, name), { recursive: true, force: true });
  }
};

const fetchOnce = async (folder, log, candidates) => {
  const problems = [];
  const cached = join(folder, 'nats-server');
  await mkdir(folder, { recursive: true });
  await removeLeftovers(folder);
  for (const { name, fetchInto } of candidates) {
    const place = await mkdtemp(join(folder, `${marker}${process.pid}-`));
    try {
      const fetched = await withProgress(`getting nats-server from ${name}`, () => fetchInto(place), log);
      await chmod(fetched, 0o755);
      const { problem } = await inspect(fetched);
      if (problem !== undefined) throw new Error(`what came is ${problem}`);
      await rename(fetched, cached);
      return cached;
    } catch (error) {
      problems.push(`  ${name}: ${reasonOf(error)}`);
    } finally {
      await rm(place, { recursive: true, force: true });
    }
  }
  throw new Error(`No ${needed} was found, and none could be fetched:\n${problems.join('\n')}\n${advice}`);
};

/** One that somebody named is taken or refused, never replaced. */
const checkNamed = async (path) => {
  const { problem } = await inspect(path);
  if (problem === undefined) return path;
  throw new Error(`OPSTREAM_NATS_SERVER is ${path}: needed is ${needed}, found ${problem}.\n${advice}`);
};

const toStandardError = (text) => process.stderr.write(text);

/**
 * The path of a nats-server that is new enough. `log` takes progress as text with its line ends (default: standard error). Rejects with a
 * message that says what was tried, why each failed, and what to do. `folder`, `candidates` and `environment` are for tests.
 */
export const findNatsServer = async (options = {}) => {
  const { log, folder, candidates, environment } = {
    folder: defaultFolder,
    candidates: sources,
    environment: process.env,
    ...options,
  };
  const named = environment['OPSTREAM_NATS_SERVER'];
  if (named) return checkNamed(named);
  const installed = await onPath(environment);
  if (installed?.version !== undefined) return installed.path;
  const cached = join(folder, 'nats-server');
  if ((await inspectIfThere(cached))?.version !== undefined) return cached;
  if (installed !== undefined) {
    const say = log ?? toStandardError;
    say(`  ${installed.path} is ${installed.problem}, needed is ${needed}: getting one for this project alone\n`);
  }
  return fetchOnce(folder, log, candidates);
};

const isMain = process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url);
if (isMain) {
  try {
    process.stdout.write(`${await findNatsServer()}\n`);
  } catch (error) {
    process.stderr.write(`${error.message}\n`);
    process.exit(1);
  }
}
