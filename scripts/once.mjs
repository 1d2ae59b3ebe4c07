// Steps that are done once for each input: a stamp holding the input's hash says that a step is done. Used by setup.mjs.

import { createHash } from 'node:crypto';
import { link, mkdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { isAlive } from './run-command.mjs';

const LOOK_AGAIN_MS = 200;
const SAY_ALIVE_MS = 2000;
const SILENT_MS = 20_000;
const LOCK_TIMEOUT_MS = 15 * 60_000;

export const hashOf = async (paths) => {
  const hash = createHash('sha256');
  const contents = await Promise.all(paths.map((path) => readFile(path)));
  for (const [index, path] of paths.entries())
    hash.update(`${path}\0${contents[index].length}\0`).update(contents[index]);
  return hash.digest('hex');
};

/** Written beside and renamed: a stamp is there as a whole or not at all. */
export const writeStamp = async (stampPath, stamp) => {
  await mkdir(dirname(stampPath), { recursive: true });
  await writeFile(`${stampPath}.${process.pid}`, stamp);
  await rename(`${stampPath}.${process.pid}`, stampPath);
};

export const hasStamp = async (stampPath, stamp) => (await readFile(stampPath, 'utf8').catch(() => '')) === stamp;

/** The process is gone, or no longer says that it is there (its number may belong to somebody else by now). */
const isAbandoned = async (lockPath) => {
  const [found, text] = await Promise.all([stat(lockPath), readFile(lockPath, 'utf8')]);
  const { host, pid } = JSON.parse(text);
  if (Date.now() - found.mtimeMs > SILENT_MS) return true;
  return host === hostname() && !isAlive(pid);
};

/** Whether the lock was taken. An abandoned one is removed, to be taken at the next look. */
const tryLock = async (lockPath) => {
  const own = `${lockPath}.${process.pid}`;
  await writeFile(own, JSON.stringify({ host: hostname(), pid: process.pid }));
  try {
    // A link, because it appears with its content or not at all.
    await link(own, lockPath);
    return true;
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
  } finally {
    await rm(own, { force: true });
  }
  if (await isAbandoned(lockPath).catch(() => false)) await rm(lockPath, { force: true });
  return false;
};

const withLock = async (lockPath, work) => {
  await mkdir(dirname(lockPath), { recursive: true });
  const deadlineMs = performance.now() + LOCK_TIMEOUT_MS;
  while (!(await tryLock(lockPath))) {
    if (performance.now() > deadlineMs)
      throw new Error(`${lockPath} has been held by another set-up for too long; remove it if there is none`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
  }
  const sayAlive = () => utimes(lockPath, new Date(), new Date()).catch(() => undefined);
  const timer = setInterval(sayAlive, SAY_ALIVE_MS);
  try {
    return await work();
  } finally {
    clearInterval(timer);
    await rm(lockPath, { force: true });
  }
};

/**
 * Runs `work` unless `stampPath` holds `stamp`. The stamp is taken away before and written after, so work that was killed in the middle
 * counts as not done. Two processes at once: one works, the other waits for it and finds the stamp. Resolves to whether `work` ran.
 */
export const once = async ({ stampPath, stamp, lockPath, work }) => {
  if (await hasStamp(stampPath, stamp)) return false;
  return withLock(lockPath, async () => {
    if (await hasStamp(stampPath, stamp)) return false;
    await rm(stampPath, { force: true });
    await work();
    await writeStamp(stampPath, stamp);
    return true;
  });
};
