// Processes of this machine by their number: whether one is alive, whether it is still the one that was meant, and its end. Used by
// everything of `opstream up` that reads a pid file. A number alone proves nothing: after a restart of the machine or the container it is
// soon somebody else's.

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { pause } from '../../jetstream/pause.ts';

const LOOK_AGAIN_MS = 50;
const KILL_MS = 2000;
const PS_MS = 2000;

export const isAlive = (pid: number): boolean => {
  if (!Number.isSafeInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Somebody else's process is one too.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
};

/** Where there is no /proc, `ps` is asked. */
const ask = (pid: number, column: 'args' | 'lstart'): string | undefined => {
  try {
    return execFileSync('ps', ['-ww', '-o', `${column}=`, '-p', String(pid)], {
      encoding: 'utf8',
      timeout: PS_MS,
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  } catch {
    return undefined;
  }
};

const readProc = (pid: number, file: 'cmdline' | 'stat'): string | undefined => {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return undefined;
  }
};

/** Whether `pid` is a process that was started with `marker` on its command line. */
export const isProcessOf = (pid: number, marker: string): boolean =>
  isAlive(pid) && (readProc(pid, 'cmdline') ?? ask(pid, 'args') ?? '').includes(marker);

/** When a process began, in a form only good for comparing: two processes that had the same number differ in it. */
export const birthOf = (pid: number): string => {
  // The name, in parentheses, may hold anything; the start time is the 20th field after it.
  const fields = readProc(pid, 'stat')?.split(') ').at(-1)?.split(' ');
  return (fields?.[19] ?? ask(pid, 'lstart') ?? '').replaceAll(/\s+/g, '-');
};

/** The number in a pid file's text; 0 when there is none. */
export const pidIn = (text: string): number => {
  const pid = Number.parseInt(text, 10);
  return Number.isSafeInteger(pid) && pid > 0 ? pid : 0;
};

const signal = (pid: number, name: NodeJS.Signals): void => {
  try {
    process.kill(pid, name);
  } catch (error) {
    // It may have ended since it was looked at.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
};

/** Ends a process, first politely. */
export const endProcess = async (pid: number, politeMs: number): Promise<void> => {
  if (!isAlive(pid)) return;
  signal(pid, 'SIGTERM');
  for (let waitedMs = 0; waitedMs < politeMs && isAlive(pid); waitedMs += LOOK_AGAIN_MS) await pause(LOOK_AGAIN_MS);
  if (isAlive(pid)) signal(pid, 'SIGKILL');
  for (let waitedMs = 0; waitedMs < KILL_MS && isAlive(pid); waitedMs += LOOK_AGAIN_MS) await pause(LOOK_AGAIN_MS);
};
