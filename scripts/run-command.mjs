// Runs a program to its end, keeping what it printed; the caller decides what a failure means.

import { spawn } from 'node:child_process';

/** `{ code, output }`; `code` is null when the program could not be started or was killed. Never rejects. */
export const runCommand = (command, args, options = {}) =>
  new Promise((resolve) => {
    const chunks = [];
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
    child.stdout?.on('data', (chunk) => chunks.push(chunk));
    child.stderr?.on('data', (chunk) => chunks.push(chunk));
    child.on('error', (error) => resolve({ code: null, output: String(error.message) }));
    child.on('close', (code) => resolve({ code, output: Buffer.concat(chunks).toString('utf8') }));
  });

/** The output of a program that has to succeed. */
export const mustRun = async (command, args, options) => {
  const { code, output } = await runCommand(command, args, options);
  if (code === 0) return output;
  const tail = output.trim().split('\n').slice(-15).join('\n');
  throw new Error(`${command} ${args.join(' ')} ended with ${code ?? 'no exit code'}:\n${tail}`);
};
