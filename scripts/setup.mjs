// Everything a fresh clone needs before a program can run: dependencies, the build, a nats-server. Each step is skipped when its stamp
// says that it was done for exactly this input; a step that was killed in the middle has left no stamp and is done again.

import { readdir, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findNatsServer } from './nats-server.mjs';
import { hashOf, once } from './once.mjs';
import { withProgress } from './progress.mjs';
import { mustRun } from './run-command.mjs';
import { atLeast } from './version.mjs';

export const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const MINIMUM_NODE = [20, 11, 0];
const INSTALL_MS = 10 * 60_000;
const BUILD_MS = 5 * 60_000;

const lockPath = (name) => join(root, '.cache', `${name}.lock`);

const filesBelow = async (folder) =>
  (await readdir(folder, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .sort();

export const checkNode = (version = process.versions.node) => {
  if (atLeast(version.split('.').map(Number), MINIMUM_NODE)) return;
  throw new Error(`opstream needs Node ${MINIMUM_NODE.join('.')} or newer, found ${version}; install a newer one`);
};

/**
 * Whether what npm says it has installed is what the lock file asks for. npm writes its own copy of the lock file last, so an install that
 * was killed has none. Packages left out for another platform are optional ones.
 */
export const isInstalled = (wantedLock, installedLock) =>
  Object.entries(wantedLock.packages).every(([path, wanted]) => {
    const found = installedLock?.packages?.[path];
    if (path === '') return true;
    if (found === undefined) return wanted.optional === true || wanted.devOptional === true;
    return found.version === wanted.version && found.integrity === wanted.integrity;
  });

const readJson = async (path) =>
  readFile(path, 'utf8')
    .then(JSON.parse)
    .catch(() => undefined);

export const ensureDependencies = async () => {
  const lockFile = join(root, 'package-lock.json');
  const folder = join(root, 'node_modules');
  await once({
    stampPath: join(folder, '.opstream-installed'),
    stamp: `${await hashOf([lockFile])} ${process.platform} ${process.arch}`,
    lockPath: lockPath('install'),
    work: async () => {
      if (isInstalled(await readJson(lockFile), await readJson(join(folder, '.package-lock.json')))) return;
      const install = () =>
        mustRun('npm', ['ci', '--no-audit', '--no-fund', '--prefer-offline'], { cwd: root, timeoutMs: INSTALL_MS });
      await withProgress('installing dependencies', () => install().catch(install));
    },
  });
};

/**
 * Compiles src/ into dist/ when anything in src/ has changed. Into a folder of its own that then takes the place of dist/: a program that
 * runs from dist/ is without it for a moment only, and nothing of an earlier build stays behind.
 */
export const ensureBuild = async () => {
  const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  const dist = join(root, 'dist');
  const [fresh, old] = [`${dist}.new`, `${dist}.old`];
  const inputs = [
    ...(await filesBelow(join(root, 'src'))),
    ...['tsconfig.json', 'package-lock.json'].map((name) => join(root, name)),
  ];
  await once({
    stampPath: join(dist, '.built'),
    stamp: await hashOf(inputs),
    lockPath: lockPath('build'),
    work: async () => {
      const remove = (folder) => rm(folder, { recursive: true, force: true });
      await Promise.all([fresh, old].map(remove));
      await withProgress('building', () =>
        mustRun(process.execPath, [compiler, '-p', 'tsconfig.json', '--outDir', fresh], {
          cwd: root,
          timeoutMs: BUILD_MS,
        }),
      );
      await rename(dist, old).catch((error) => {
        if (error.code !== 'ENOENT') throw error;
      });
      await rename(fresh, dist);
      await remove(old);
    },
  });
};

/** The path of a nats-server that is new enough. */
export const ensureNatsServer = (options) => findNatsServer(options);

/** All of it. The path of the nats-server. */
export const setUp = async () => {
  checkNode();
  await ensureDependencies();
  await ensureBuild();
  return ensureNatsServer();
};

/** Runs a script's main function and takes its exit code; an error is printed as its message (OPSTREAM_DEBUG: with its stack) and is 1. */
export const runScript = async (main) => {
  try {
    process.exitCode = (await main()) ?? 0;
  } catch (error) {
    process.stderr.write(`\n${error instanceof Error ? error.message : String(error)}\n`);
    if (process.env['OPSTREAM_DEBUG']) process.stderr.write(`${error?.stack}\n`);
    process.exitCode = 1;
  }
};
