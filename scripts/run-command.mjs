// Runs a program to its end, keeping what it printed; the caller decides what a failure means. Programs are never waited for without end.

import { spawn } from 'node:child_process';

const DEFAULT_TIMEOUT_MS = 10 * 60_000;

/**
 * `{ code, stdout, output }`, where `output` is standard output and standard error in the order they came. `code` is null when the
 * program could not be started, was killed, or took longer than `timeoutMs` (default ten minutes); `output` then says which. Never
 * rejects. Further options are those of `spawn`.
 */
export const runCommand = (command, args, { timeoutMs = DEFAULT_TIMEOUT_MS, ...options } = {}) =>
  new Promise((resolve) => {
    const all = [];
    const standard = [];
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
    const done = (code, ending) => {
      clearTimeout(timer);
      const output = `${Buffer.concat(all).toString('utf8')}${ending}`;
      resolve({ code, stdout: Buffer.concat(standard).toString('utf8'), output });
    };
    // Not `timeout` of spawn: its timer outlives a program that could not be started, and this process with it.
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      // What the program started itself may hold the pipes open.
      child.stdout?.destroy();
      child.stderr?.destroy();
      done(null, `\n${command} took longer than ${timeoutMs / 1000} s`);
    }, timeoutMs);
    child.stdout?.on('data', (chunk) => {
      all.push(chunk);
      standard.push(chunk);
    });
    child.stderr?.on('data', (chunk) => all.push(chunk));
    child.on('error', (error) => done(null, error.code === 'ENOENT' ? `${command} could not be found` : error.message));
    child.on('close', (code, signal) => done(code, signal === null ? '' : `\n${command} was ended by ${signal}`));
  });

const KEPT_LINES = 12;

/** The beginning and the end of what a program printed: some say what is wrong first, some last. */
const shorten = (output) => {
  const lines = output.trim().split('\n');
  if (lines.length <= 2 * KEPT_LINES) return lines.join('\n');
  return [...lines.slice(0, KEPT_LINES), '...', ...lines.slice(-KEPT_LINES)].join('\n');
};

/** The standard output of a program that has to succeed. Rejects with the command and the first and last lines it printed. */
export const mustRun = async (command, args, options) => {
  const { code, stdout, output } = await runCommand(command, args, options);
  if (code === 0) return stdout;
  throw new Error(`${command} ${args.join(' ')} ended with ${code ?? 'no exit code'}:\n${shorten(output)}`);
};

/** Whether a process of that number exists, whoever it belongs to. */
export const isAlive = (pid) => {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
};
