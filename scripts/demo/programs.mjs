// The programs of the demo: the CLI (run to its end, its output passed on), and those that stay (the stand-in, the component, a live view).

import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../setup.mjs';

const cli = join(root, 'dist', 'cli', 'main.js');

const ended = (child) =>
  new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) resolve(child.exitCode);
    else child.once('exit', (code) => resolve(code));
  });

/** Prints the command as a user would type it, then runs it. The exit code. */
export const opstream = async (args, environment, { show = args } = {}) => {
  process.stdout.write(`\n$ opstream ${show.join(' ')}\n`);
  const child = spawn(process.execPath, [cli, ...args], { stdio: ['ignore', 'inherit', 'inherit'], env: environment });
  return ended(child);
};

/** A program that stays. `ready(line)` is tried on each line of its output; what it returns first is the result. */
export const startProgram = async ({
  name,
  directory,
  program,
  args = [],
  environment,
  ready,
  timeoutMs = 15_000,
  onLine,
}) => {
  const child = spawn(process.execPath, [join(root, 'dist', program), ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: environment,
    detached: true,
  });
  writeFileSync(join(directory, `${name}.pid`), String(child.pid ?? 0));
  const recent = [];
  const value = await new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => reject(new Error(`${name} was not ready within ${timeoutMs / 1000} s:\n${recent.join('\n')}`)),
      timeoutMs,
    );
    child.once('exit', (code) => reject(new Error(`${name} ended with ${code}:\n${recent.join('\n')}`)));
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => {
        recent.push(line);
        if (recent.length > 20) recent.shift();
        onLine?.(line);
        const result = ready(line);
        if (result === undefined) return;
        clearTimeout(timer);
        resolve(result);
      });
    }
  });
  return {
    value,
    stop: async () => {
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), 8000);
      await ended(child);
      clearTimeout(timer);
    },
  };
};
