// A whole instance on this machine: a nats-server and one of each process, data in one folder. Used by `opstream up`, the demo, the bench
// and the end-to-end tests. Everything it starts it also stops.

import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Fault } from '../../core/fault.ts';
import type { Log } from '../../engine/ports.ts';
import { endProcess, isProcessOf, startEmbeddedServer } from './embedded-server.ts';
import { supervise, type Supervised } from './supervised.ts';

export const processNames = ['command-handler', 'projector', 'query-responder', 'operator-runtime'] as const;

export type EmbeddedOptions = {
  readonly directory: string;
  /** Path of the nats-server. */
  readonly natsServer: string;
  readonly port: number;
  readonly syncAlways: boolean;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly log: Log;
  /** Which of the four to start; default all. */
  readonly processes?: readonly (typeof processNames)[number][];
};

export type Embedded = {
  readonly url: string;
  readonly serverPid: number;
  readonly processes: readonly Supervised[];
  /** Resolves when the server ends without having been told to. */
  readonly serverExited: Promise<number | null>;
  stop(): Promise<void>;
};

/** dist/ (or src/, under a loader): where the programs are. */
const programFolder = resolve(dirname(fileURLToPath(import.meta.url)), '..', '..', 'processes');
const LEFTOVER_STOP_MS = 5000;
const ending = import.meta.url.endsWith('.ts') ? '.ts' : '.js';

/** One `up` for one folder: the lock names its process, and a dead one's lock is taken over. */
const lock = (directory: string): (() => void) => {
  const path = join(directory, 'up.pid');
  const holder = existsSync(path) ? Number(readFileSync(path, 'utf8')) : 0;
  if (holder > 0 && holder !== process.pid && isProcessOf(holder, 'node')) {
    throw new Fault(
      'CONFIG_INVALID',
      `another opstream (process ${holder}) is running on ${directory}; stop it, or choose another folder with --data`,
      { retry: 'never' },
    );
  }
  writeFileSync(path, String(process.pid));
  return () => rmSync(path, { force: true });
};

/** Ends what an instance that was killed has left running on this folder. Does nothing while its `up` is alive. */
export const endLeftovers = async (directory: string): Promise<void> => {
  if (!existsSync(directory)) return;
  lock(directory)();
  for (const file of readdirSync(directory).filter((name) => name.endsWith('.pid'))) {
    const pid = Number(readFileSync(join(directory, file), 'utf8'));
    const isOurs =
      isProcessOf(pid, programFolder) || isProcessOf(pid, directory) || isProcessOf(pid, dirname(programFolder));
    if (pid > 0 && isOurs) await endProcess(pid, LEFTOVER_STOP_MS);
  }
};

/** Faults: CONFIG_INVALID, NATS_UNREACHABLE; what was started before is stopped. */
export const startEmbedded = async (options: EmbeddedOptions): Promise<Embedded> => {
  const directory = resolve(options.directory);
  mkdirSync(directory, { recursive: true });
  const unlock = lock(directory);
  const processes: Supervised[] = [];
  try {
    const { natsServer: binary, port, syncAlways, log } = options;
    const server = await startEmbeddedServer({ directory, binary, port, syncAlways });
    for (const name of options.processes ?? processNames) {
      const environment = { ...options.environment, OPSTREAM_NATS_URL: server.url };
      const program = join(programFolder, `${name}${ending}`);
      processes.push(await supervise({ name, program, environment }, directory, log));
    }
    return {
      url: server.url,
      serverPid: server.pid,
      processes,
      serverExited: server.exited,
      stop: async () => {
        await Promise.all(processes.map((one) => one.stop()));
        await server.stop();
        unlock();
      },
    };
  } catch (error) {
    await Promise.all(processes.map((one) => one.stop()));
    unlock();
    throw error;
  }
};
