// `opstream up` of the build as a child of an end-to-end test, and the CLI against it. Whatever a test has left running of it, killed or
// not, is ended by `stop`.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { killComponents } from '../../src/compute/instance-records.ts';
import { isProcessOf, pidIn } from '../../src/compute/os-process.ts';
import { findNatsServer } from '../../scripts/nats-server.mjs';
import { temporaryFolder } from './children.ts';
import { root, startProcess, type TestProcess } from './processes.ts';
import { waitFor } from './wait-for.ts';

export const cliProgram = join('dist', 'cli', 'main.js');

export type CliResult = { readonly code: number | null; readonly out: string; readonly err: string };

/** Everything that the pid files of a data folder name and that is still running. */
export const runningOf = (directory: string): readonly number[] =>
  !existsSync(directory)
    ? []
    : readdirSync(directory)
        .filter((name) => name.endsWith('.pid'))
        .map((name) => pidIn(readFileSync(join(directory, name), 'utf8')))
        .filter((pid) => isProcessOf(pid, directory) || isProcessOf(pid, join(root, 'dist')));

export const startUp = async (
  directory: string,
  options: { readonly arguments?: readonly string[]; readonly env?: Readonly<Record<string, string>> } = {},
): Promise<TestProcess> => {
  const natsServer = process.env['OPSTREAM_NATS_SERVER'] ?? (await findNatsServer());
  const given = options.arguments ?? ['--port', '0'];
  // The example is there to have its component started by the runtime.
  const computes = given.includes('--example')
    ? { OPSTREAM_COMPUTES: 'runnable-default=process,external=external' }
    : {};
  return startProcess(cliProgram, {
    arguments: ['up', '--data', directory, ...given],
    env: { OPSTREAM_NATS_SERVER: natsServer, ...computes, ...options.env },
    name: 'opstream up',
  });
};

/** Waits until it says how to reach it. The address of its server. */
export const untilUp = async (up: TestProcess): Promise<string> => {
  let isOver = false;
  void up.ended.then(() => (isOver = true));
  await waitFor(
    () => {
      if (isOver) throw new Error(`opstream up ended:\n${up.output()}`);
      return up.output().includes('Ctrl-C stops it.');
    },
    { timeoutMs: 45_000, what: 'opstream up' },
  );
  return /NATS server {3}(\S+)/.exec(up.output())?.[1] ?? '';
};

/** A data folder. `remove` kills what still runs on it. */
export const dataFolder = () => {
  const folder = temporaryFolder();
  return {
    path: folder.path,
    remove: async (): Promise<void> => {
      for (const pid of runningOf(folder.path)) process.kill(pid, 'SIGKILL');
      killComponents(folder.path);
      await waitFor(() => runningOf(folder.path).length === 0, { what: 'leftovers to end' });
      folder.remove();
    },
  };
};
