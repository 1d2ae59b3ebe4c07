// Everything a fresh clone needs before a program can run: dependencies, the build, a nats-server. Each step is skipped when its stamp
// says that it was done for exactly this input; a step that was killed in the middle has left no stamp and is done again.

import { createHash } from 'node:crypto';
import { access, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findNatsServer } from './nats-server.mjs';
import { withProgress } from './progress.mjs';
import { mustRun } from './run-command.mjs';

export const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const MINIMUM_NODE = [20, 11];

const exists = (path) =>
  access(path).then(
    () => true,
    () => false,
  );

const hashOf = async (paths) => {
  const hash = createHash('sha256');
  for (const path of paths) hash.update(path).update(await readFile(path));
  return hash.digest('hex');
};

/** Runs `work` unless `stampPath` holds `stamp`. The stamp is taken away first and written last, in one step. */
const once = async (stampPath, stamp, work) => {
  const done = await readFile(stampPath, 'utf8').catch(() => '');
  if (done === stamp) return;
  await rm(stampPath, { force: true });
  await work();
  await mkdir(dirname(stampPath), { recursive: true });
  await writeFile(`${stampPath}.${process.pid}`, stamp);
  await rename(`${stampPath}.${process.pid}`, stampPath);
};

const filesBelow = async (folder) =>
  (await readdir(folder, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .sort();

export const checkNode = () => {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > MINIMUM_NODE[0] || (major === MINIMUM_NODE[0] && minor >= MINIMUM_NODE[1])) return;
  throw new Error(`opstream needs Node ${MINIMUM_NODE.join('.')} or newer, found ${process.versions.node}`);
};

export const ensureDependencies = async () => {
  const stampPath = join(root, 'node_modules', '.opstream-installed');
  if (!(await exists(join(root, 'node_modules', 'typescript')))) await rm(stampPath, { force: true });
  const stamp = `${await hashOf([join(root, 'package-lock.json')])} ${process.versions.modules}`;
  await once(stampPath, stamp, async () => {
    const install = () => mustRun('npm', ['ci', '--no-audit', '--no-fund', '--prefer-offline'], { cwd: root });
    await withProgress('installing dependencies', () => install().catch(install));
  });
};

export const ensureBuild = async () => {
  const inputs = [
    ...(await filesBelow(join(root, 'src'))),
    join(root, 'tsconfig.json'),
    join(root, 'package-lock.json'),
  ];
  await once(join(root, 'dist', '.built'), await hashOf(inputs), async () => {
    await rm(join(root, 'dist'), { recursive: true, force: true });
    await withProgress('building', () =>
      mustRun(process.execPath, [join(root, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', 'tsconfig.json'], {
        cwd: root,
      }),
    );
  });
};

/** All of it. The path of the nats-server. */
export const setUp = async () => {
  checkNode();
  await ensureDependencies();
  await ensureBuild();
  return findNatsServer();
};

/** Runs a script's main function; an error is printed as its message, and the exit code is 1. */
export const runScript = async (main) => {
  try {
    process.exitCode = (await main()) ?? 0;
  } catch (error) {
    process.stderr.write(`\n${error instanceof Error ? error.message : String(error)}\n`);
    if (process.env['OPSTREAM_DEBUG']) process.stderr.write(`${error?.stack}\n`);
    process.exitCode = 1;
  }
};
