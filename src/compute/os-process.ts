// Processes of this machine by their number: whether one is alive, whether it is still the one that was meant, and its end. Used by the
// process driver and by everything of `opstream up` that reads a pid file. A number alone proves nothing: after a restart of the machine
// or the container it is soon somebody else's. A process that has ended and that nobody has waited for (a zombie) is not alive.

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';

const LOOK_AGAIN_MS = 50;
const KILL_MS = 2000;
const PS_MS = 2000;

const readProc = (pid: number, file: 'cmdline' | 'stat'): string | undefined => {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return undefined;
  }
};

/** State and what follows it, where there is /proc. The name before it, in parentheses, may hold anything. */
const statOf = (pid: number): readonly string[] | undefined => readProc(pid, 'stat')?.split(') ').at(-1)?.split(' ');

export const isAlive = (pid: number): boolean => {
  if (!Number.isSafeInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    // Somebody else's process is one too.
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  return statOf(pid)?.[0] !== 'Z';
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

/** Whether `pid` is a process that was started with `marker` on its command line. */
export const isProcessOf = (pid: number, marker: string): boolean =>
  isAlive(pid) && (readProc(pid, 'cmdline') ?? ask(pid, 'args') ?? '').includes(marker);

/** When a process began, in a form only good for comparing: two processes that had the same number differ in it. */
export const birthOf = (pid: number): string => {
  // The start time is the 20th field after the name.
  const fields = statOf(pid);
  return (fields?.[19] ?? ask(pid, 'lstart') ?? '').replaceAll(/\s+/g, '-');
};

/** The number in a pid file's text; 0 when there is none. */
export const pidIn = (text: string): number => {
  const pid = Number.parseInt(text, 10);
  return Number.isSafeInteger(pid) && pid > 0 ? pid : 0;
};

/** A negative number is a process group. */
export const signalProcess = (pid: number, name: NodeJS.Signals): void => {
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
  signalProcess(pid, 'SIGTERM');
  for (let waitedMs = 0; waitedMs < politeMs && isAlive(pid); waitedMs += LOOK_AGAIN_MS) await pause(LOOK_AGAIN_MS);
  if (isAlive(pid)) signalProcess(pid, 'SIGKILL');
  for (let waitedMs = 0; waitedMs < KILL_MS && isAlive(pid); waitedMs += LOOK_AGAIN_MS) await pause(LOOK_AGAIN_MS);
};

/** Whether `pid` is alive and began when `birth` (of `birthOf`) says. */
export const isSameProcess = (pid: number, birth: string): boolean =>
  isAlive(pid) && (birth === '' || birthOf(pid) === birth);

const isGroupThere = (group: number): boolean => {
  try {
    process.kill(-group, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
};

/** What a leader of a process group that has ended left behind. Nobody gets the leader's number while its group is there. */
export const killGroupOf = (pid: number): void => {
  if (pid > 1 && isGroupThere(pid)) signalProcess(-pid, 'SIGKILL');
};

/** Ends a process that leads a group of its own: politely, all of it; what is left after `politeMs`, or when the leader is gone, is killed. */
export const endGroup = async (pid: number, birth: string, politeMs: number): Promise<void> => {
  if (pid <= 1) return;
  if (isSameProcess(pid, birth)) signalProcess(-pid, 'SIGTERM');
  const endMs = performance.now() + politeMs;
  while (isSameProcess(pid, birth) && performance.now() < endMs) await pause(LOOK_AGAIN_MS);
  const isReused = isAlive(pid) && !isSameProcess(pid, birth);
  if (isReused) return;
  killGroupOf(pid);
  const lastMs = performance.now() + KILL_MS;
  while (isSameProcess(pid, birth) && performance.now() < lastMs) await pause(LOOK_AGAIN_MS);
};
