// Real platforms in Python, for tests that take minutes: a virtual environment under .cache with packages of PyPI, and programs of it on loopback. Where
// that cannot be had (no Python, no PyPI), it is said why, and the test is skipped.

import { execFile, spawn } from 'node:child_process';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { track } from './children.ts';
import { root } from './processes.ts';
import { waitFor } from './wait-for.ts';

const run = promisify(execFile);
const INSTALL_MS = 15 * 60_000;

export type PythonPlatform =
  { readonly isThere: true; program(name: string): string } | { readonly isThere: false; readonly reason: string };

const lastLine = (error: unknown): string => {
  const { stderr = '', message = '' } = error as { readonly stderr?: string; readonly message?: string };
  return (stderr.trim() || message).split('\n').at(-1) ?? 'it gave no reason';
};

/** `packages` with their versions. Installed once; a change of them installs anew. */
export const pythonPlatform = async (name: string, packages: readonly string[]): Promise<PythonPlatform> => {
  const folder = join(root, '.cache', 'python', name);
  const stampPath = join(folder, 'packages.txt');
  const wanted = packages.join('\n');
  const ready: PythonPlatform = { isThere: true, program: (program) => join(folder, 'bin', program) };
  if ((await readFile(stampPath, 'utf8').catch(() => '')) === wanted) return ready;
  try {
    await rm(folder, { recursive: true, force: true });
    await run('python3', ['-m', 'venv', folder], { timeout: INSTALL_MS });
    const install = ['install', '--quiet', '--disable-pip-version-check', '--retries', '1', ...packages];
    await run(join(folder, 'bin', 'pip'), install, { timeout: INSTALL_MS });
    await writeFile(stampPath, wanted);
    return ready;
  } catch (error) {
    return { isThere: false, reason: `${wanted.replaceAll('\n', ', ')} cannot be installed: ${lastLine(error)}` };
  }
};

export const freePort = async (): Promise<number> => {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as AddressInfo;
  await new Promise((done) => server.close(done));
  return port;
};

export type PlatformProgram = { stop(): Promise<void> };

/** Ended with all that it has started itself. `ready`: whether it works by now. */
export const startProgram = async (
  [command = '', ...args]: readonly string[],
  options: {
    readonly cwd: string;
    readonly env: Readonly<Record<string, string>>;
    readonly what: string;
    ready(): Promise<boolean>;
  },
): Promise<PlatformProgram> => {
  const { cwd, env, what, ready } = options;
  let output = '';
  const child = track(
    spawn(command, args, { cwd, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'], detached: true }),
    what,
  );
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => {
      output = `${output}${chunk.toString()}`.slice(-4000);
    });
  const ended = new Promise<void>((done) => {
    child.once('exit', () => done());
  });
  const signal = (name: NodeJS.Signals): void => {
    if (child.pid === undefined) return;
    try {
      process.kill(-child.pid, name);
    } catch {
      // The group is gone.
    }
  };
  const isUp = async (): Promise<boolean> => {
    if (child.exitCode !== null) throw new Error(`${what} ended with ${child.exitCode}: ${output}`);
    return ready().catch(() => false);
  };
  await waitFor(isUp, { what: `${what} to work`, timeoutMs: 240_000, intervalMs: 500 });
  return {
    stop: async () => {
      signal('SIGTERM');
      const timer = setTimeout(() => signal('SIGKILL'), 10_000);
      await ended;
      clearTimeout(timer);
      // What it has started and did not end.
      signal('SIGKILL');
    },
  };
};
