// Child processes of `opstream up` that are kept running: output to a log file, started again with a growing pause when they end, ended
// in order. Leftovers of an earlier `up` are found by their pid files.

import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { endProcess, isProcessOf } from './embedded-server.ts';
import type { Log } from '../../engine/ports.ts';

export type ProcessDefinition = {
  /** Names its log and pid file. */
  readonly name: string;
  /** Path of the program, run by this Node. */
  readonly program: string;
  readonly arguments?: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
};

export type Supervised = { readonly name: string; pid(): number | undefined; stop(): Promise<void> };

const FIRST_PAUSE_MS = 250;
const MAX_PAUSE_MS = 10_000;
const STEADY_MS = 10_000;
const STOP_MS = 12_000;

export const supervise = async (definition: ProcessDefinition, directory: string, log: Log): Promise<Supervised> => {
  const { name, program } = definition;
  mkdirSync(join(directory, 'logs'), { recursive: true });
  const pidPath = join(directory, `${name}.pid`);
  const logPath = join(directory, 'logs', `${name}.log`);
  const earlier = existsSync(pidPath) ? Number(readFileSync(pidPath, 'utf8')) : 0;
  if (earlier > 0 && isProcessOf(earlier, program)) await endProcess(earlier, STOP_MS);

  let child: ChildProcess | undefined;
  let isStopping = false;
  let pauseMs = FIRST_PAUSE_MS;
  let timer: NodeJS.Timeout | undefined;

  const start = (): void => {
    const output = openSync(logPath, 'a');
    const startedMs = performance.now();
    const started = spawn(process.execPath, [program, ...(definition.arguments ?? [])], {
      stdio: ['ignore', output, output],
      env: definition.environment,
      detached: true,
    });
    child = started;
    writeFileSync(pidPath, String(started.pid ?? 0));
    started.once('exit', (code, signal) => {
      if (isStopping) return;
      pauseMs = performance.now() - startedMs > STEADY_MS ? FIRST_PAUSE_MS : Math.min(MAX_PAUSE_MS, pauseMs * 2);
      log.warn({ process: name, code, signal, pauseMs, logPath }, 'process ended, starting it again');
      timer = setTimeout(start, pauseMs);
    });
  };
  start();

  return {
    name,
    pid: () => child?.pid,
    stop: async () => {
      isStopping = true;
      clearTimeout(timer);
      const pid = child?.pid;
      if (pid !== undefined) await endProcess(pid, STOP_MS);
      rmSync(pidPath, { force: true });
    },
  };
};
