// Child processes of `opstream up` that are kept running: output to a log file, started again with a growing pause when they end, ended
// in order. Leftovers of an earlier `up` are found by their pid files.

import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { killOnExit } from './kill-on-exit.ts';
import { endProcess, isProcessOf, pidIn } from '../compute/os-process.ts';
import type { Log } from '../engine/ports/log.ts';
import { makeFolder } from '../compute/make-folder.ts';

export type ProcessDefinition = {
  /** Names its log and pid file. */
  readonly name: string;
  /** Path of the program, run by this Node. */
  readonly program: string;
  readonly arguments?: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
};

export type Supervised = { readonly name: string; pid(): number | undefined; stop(): Promise<void> };

/**
 * Hundreds of commands under way are a few megabytes that are used until they are answered. With V8's own 16 MiB for what is young they are
 * copied again every few hundred commands; with twice that, a fifth less CPU for each command (measured), for up to 32 MiB more of each
 * process. What NODE_OPTIONS says goes before.
 */
const YOUNG_GENERATION = '--max-semi-space-size=32';
const nodeFlags = ({ NODE_OPTIONS: given = '' }: ProcessDefinition['environment']): readonly string[] =>
  given.includes('semi-space') ? [] : [YOUNG_GENERATION];

const FIRST_PAUSE_MS = 250;
const MAX_PAUSE_MS = 10_000;
const STEADY_MS = 10_000;
const STOP_MS = 12_000;

const isRunning = (child: ChildProcess): boolean =>
  child.pid !== undefined && child.exitCode === null && child.signalCode === null;

export const supervise = async (definition: ProcessDefinition, directory: string, log: Log): Promise<Supervised> => {
  const { name, program } = definition;
  makeFolder(join(directory, 'logs'));
  const pidPath = join(directory, `${name}.pid`);
  const logPath = join(directory, 'logs', `${name}.log`);
  const earlier = existsSync(pidPath) ? pidIn(readFileSync(pidPath, 'utf8')) : 0;
  if (isProcessOf(earlier, program)) await endProcess(earlier, STOP_MS);

  let child: ChildProcess | undefined;
  let isStopping = false;
  let pauseMs = FIRST_PAUSE_MS;
  let timer: NodeJS.Timeout | undefined;

  const start = (): void => {
    const output = openSync(logPath, 'a');
    const startedMs = performance.now();
    const started = killOnExit(
      spawn(process.execPath, [...nodeFlags(definition.environment), program, ...(definition.arguments ?? [])], {
        stdio: ['ignore', output, output],
        env: definition.environment,
        detached: true,
      }),
    );
    closeSync(output);
    child = started;
    const onEnd = (facts: Readonly<Record<string, unknown>>): void => {
      if (isStopping) return;
      pauseMs = performance.now() - startedMs > STEADY_MS ? FIRST_PAUSE_MS : Math.min(MAX_PAUSE_MS, pauseMs * 2);
      log.warn({ process: name, ...facts, pauseMs, logPath }, 'process ended, starting it again');
      timer = setTimeout(startAgain, pauseMs);
    };
    started.once('exit', (code, signal) => onEnd({ code, signal }));
    // Could not be started at all; an error of a running one (a signal that was refused) changes nothing.
    started.once('error', (error) => {
      if (started.pid === undefined) onEnd({ err: error.message });
    });
    writeFileSync(pidPath, String(started.pid ?? 0));
  };

  /** Trouble with the folder (a full disk) may pass; the first start is not so patient. */
  const startAgain = (): void => {
    try {
      start();
    } catch (error) {
      pauseMs = Math.min(MAX_PAUSE_MS, pauseMs * 2);
      log.error({ process: name, err: String(error), pauseMs }, 'process not started, trying again');
      if (child === undefined || !isRunning(child)) timer = setTimeout(startAgain, pauseMs);
    }
  };
  start();

  return {
    name,
    pid: () => (child !== undefined && isRunning(child) ? child.pid : undefined),
    stop: async () => {
      isStopping = true;
      clearTimeout(timer);
      if (child?.pid !== undefined && isRunning(child)) await endProcess(child.pid, STOP_MS);
      rmSync(pidPath, { force: true });
    },
  };
};
