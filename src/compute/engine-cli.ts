// Runs the program of a container engine (podman, docker). Nothing is read out of its sentences: only exit codes and JSON. Used by the
// container driver. The engine is given what it needs of the environment and nothing else: it would pass proxies on to containers.

import { spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { Readable } from 'node:stream';
import { Fault } from '../core/fault.ts';

export type EngineOptions = {
  /** Name or path; absent: podman where there is one in PATH, else docker. */
  readonly program?: string;
  /** Before the command. */
  readonly engineFlags: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
};

export type EngineResult = {
  /** Undefined: it was killed, for its time was over. */
  readonly code: number | undefined;
  readonly stdout: string;
  /** The last of it. */
  readonly stderr: string;
};

export type EngineRun = {
  /** Default 30 000. */
  readonly timeoutMs?: number;
  /** Further variables of the engine's own process. */
  readonly environment?: Readonly<Record<string, string>>;
  readonly withProxies?: boolean;
};

/** An output that is being read. The engine ends when it is done, when `stop` is called, and when this process ends, however it does. */
export type EngineStream = {
  readonly stdout: Readable;
  readonly stderr: Readable;
  stop(): void;
};

export type Engine = {
  readonly program: string;
  /** Faults: COMPUTE_UNAVAILABLE (there is no such program). */
  run(args: readonly string[], options?: EngineRun): Promise<EngineResult>;
  stream(args: readonly string[]): EngineStream;
};

const TIMEOUT_MS = 30_000;
const MAX_STDOUT = 32 * 1024 * 1024;
const MAX_STDERR = 16 * 1024;
const NEEDED =
  /^(?:PATH|HOME|TMPDIR|USER|LOGNAME|LANG|LC_ALL|SSH_AUTH_SOCK|DBUS_SESSION_BUS_ADDRESS|XDG_\w+|DOCKER_\w+|CONTAINERS?_\w+)$/;
const PROXIES = /^(?:https?|no|all)_proxy$/i;

/**
 * The engine writes to a pipe that nobody reads any more only when its container prints something: it would wait for that for ever. So a
 * shell waits for the end of its own stdin, which comes when this process is gone, and ends the engine.
 */
const WITH_WATCHER =
  'exec 3<&0; "$@" </dev/null 3<&- & engine=$!; { read -r word <&3; kill "$engine"; } >/dev/null 2>&1 & watcher=$!; wait "$engine"; kill "$watcher" 2>/dev/null';

const isInPath = (name: string, searchPath: string): boolean =>
  searchPath.split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, name), constants.X_OK);
      return folder !== '';
    } catch {
      return false;
    }
  });

export const engineProgram = ({ program, environment }: EngineOptions): string =>
  program ?? (isInPath('podman', environment['PATH'] ?? '') ? 'podman' : 'docker');

export const createEngine = (options: EngineOptions): Engine => {
  const { engineFlags } = options;
  const program = engineProgram(options);
  const environmentOf = (withProxies: boolean): Record<string, string | undefined> =>
    Object.fromEntries(
      Object.entries(options.environment).filter(([name]) => NEEDED.test(name) || (withProxies && PROXIES.test(name))),
    );

  const missing = (error: NodeJS.ErrnoException): Fault =>
    new Fault(
      'COMPUTE_UNAVAILABLE',
      `the container engine ${program} cannot be run (${error.code ?? 'unknown'}); install podman or docker, or name one in OPSTREAM_CONTAINER_ENGINE`,
      { cause: error },
    );

  return {
    program,
    run: (args, { timeoutMs = TIMEOUT_MS, environment = {}, withProxies = false } = {}) =>
      new Promise((resolve, reject) => {
        const child = spawn(program, [...engineFlags, ...args], {
          stdio: ['ignore', 'pipe', 'pipe'],
          env: { ...environmentOf(withProxies), ...environment },
        });
        const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
        const out: Buffer[] = [];
        let size = 0;
        let stderr = '';
        child.stdout.on('data', (chunk: Buffer) => {
          size += chunk.length;
          if (size <= MAX_STDOUT) out.push(chunk);
        });
        child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
          stderr = (stderr + chunk).slice(-MAX_STDERR);
        });
        child.once('error', (error) => {
          clearTimeout(timer);
          reject(missing(error));
        });
        const end = (code: number | null): void => {
          clearTimeout(timer);
          resolve({ code: code ?? undefined, stdout: Buffer.concat(out).toString('utf8'), stderr: stderr.trim() });
        };
        child.once('close', end);
        // What the engine leaves running (conmon) may hold the pipes open.
        child.once('exit', (code) => setTimeout(() => end(code), 500).unref());
      }),
    stream: (args) => {
      const child = spawn('/bin/sh', ['-c', WITH_WATCHER, 'sh', program, ...engineFlags, ...args], {
        stdio: ['pipe', 'pipe', 'pipe'],
        env: environmentOf(false),
      });
      child.on('error', () => {
        child.stdout.destroy();
        child.stderr.destroy();
      });
      child.stdin.on('error', () => undefined);
      return { stdout: child.stdout, stderr: child.stderr, stop: () => child.stdin.end() };
    },
  };
};
