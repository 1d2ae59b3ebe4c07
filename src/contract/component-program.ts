// The component under test as a program: started with the command of its author, in a group of its own so that a kill reaches what it
// starts, its output kept in a file. Nothing of it outlives this process.

import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Fault } from '../core/fault.ts';
import { killGroupOf, signalProcess } from '../compute/os-process.ts';
import { killOnExit } from '../embedded/kill-on-exit.ts';

export type Ending = { readonly code: number | null; readonly signal: NodeJS.Signals | null };

export type ComponentProgram = {
  readonly pid: number;
  /** Undefined while it runs. */
  ending(): Ending | undefined;
  kill9(): Promise<void>;
  /** SIGTERM. Undefined: it was still running after `withinMs`, and was killed. */
  terminate(withinMs: number): Promise<Ending | undefined>;
  /** The last lines that it has printed. */
  tail(): string;
};

const TAIL_LINES = 8;
const LINE_LENGTH = 300;
const LOOK_AGAIN_MS = 20;

/** Faults: CONFIG_INVALID when there is no such program. */
export const startComponent = async (options: {
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** For its output. */
  readonly directory: string;
  readonly name: string;
}): Promise<ComponentProgram> => {
  const [program = '', ...args] = options.command;
  const path = join(options.directory, `${options.name}.log`);
  const output = openSync(path, 'a');
  const child: ChildProcess = killOnExit(
    spawn(program, args, { stdio: ['ignore', output, output], env: options.environment, detached: true }),
  );
  closeSync(output);
  let ending: Ending | undefined;
  const ended = new Promise<void>((resolve) => {
    child.once('exit', (code, signal) => {
      ending = { code, signal };
      resolve();
    });
  });
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', (error) => {
      const message = `the component cannot be started: ${error.message}; its command is what follows --`;
      reject(new Fault('CONFIG_INVALID', message, { retry: 'never', cause: error }));
    });
  });
  const pid = child.pid ?? 0;

  const kill9 = async (): Promise<void> => {
    killGroupOf(pid);
    await ended;
  };
  return {
    pid,
    ending: () => ending,
    kill9,
    terminate: async (withinMs) => {
      if (ending !== undefined) return ending;
      signalProcess(-pid, 'SIGTERM');
      const endMs = performance.now() + withinMs;
      while (ending === undefined && performance.now() < endMs) await pause(LOOK_AGAIN_MS);
      const found = ending;
      await kill9();
      return found;
    },
    tail: () =>
      readFileSync(path, 'utf8')
        .trimEnd()
        .split('\n')
        .slice(-TAIL_LINES)
        .map((line) => (line.length > LINE_LENGTH ? `${line.slice(0, LINE_LENGTH)}…` : line))
        .join('\n'),
  };
};
