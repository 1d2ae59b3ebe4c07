// One `up` for one folder, one start of one instance. The lock is a file that only one can create; it names its process and when that began, so that the lock of a
// dead one is told from a living one, also when the number belongs to another process by now.

import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Fault } from '../core/fault.ts';
import { birthOf, isAlive, pidIn } from './os-process.ts';

export const LOCK_FILE = 'up.pid';

const TRIES = 5;

const codeOf = (error: unknown): unknown => (error as NodeJS.ErrnoException).code;

const create = (path: string, text: string): boolean => {
  try {
    writeFileSync(path, text, { flag: 'wx' });
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  }
};

const read = (path: string): string | undefined => {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
};

/** Whether the process that wrote this is alive. */
const isHeld = (text: string): boolean => {
  const pid = pidIn(text);
  const birth = text.split(' ')[1] ?? '';
  return isAlive(pid) && (birth === '' || birth === birthOf(pid));
};

/** Takes a dead one's lock away. Somebody else may do the same: what was taken must be what was seen, else it is put back. */
const removeStale = (path: string, seen: string): void => {
  const aside = `${path}.${process.pid}.stale`;
  try {
    renameSync(path, aside);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return;
    throw error;
  }
  if (read(aside) !== seen) linkSync(aside, path);
  rmSync(aside, { force: true });
};

/** Gives what releases it. Faults: CONFIG_INVALID when another one holds it. */
export const lockFolder = (directory: string, file: string = LOCK_FILE): (() => void) => {
  const path = join(directory, file);
  const own = `${process.pid} ${birthOf(process.pid)}`;
  for (let tries = 0; tries < TRIES; tries += 1) {
    if (create(path, own)) {
      return () => {
        if (read(path) === own) rmSync(path, { force: true });
      };
    }
    const holder = read(path);
    if (holder === undefined) continue;
    if (isHeld(holder)) {
      throw new Fault(
        'CONFIG_INVALID',
        `another opstream (process ${pidIn(holder)}) is running on ${directory}; stop it, or choose another folder with --data`,
        { retry: 'never' },
      );
    }
    removeStale(path, holder);
  }
  throw new Fault('CONFIG_INVALID', `${path} changes all the time: others are starting on that folder; try again`, {
    retry: 'later',
  });
};
