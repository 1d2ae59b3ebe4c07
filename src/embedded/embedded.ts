// A whole instance on this machine: a nats-server (or one that is there already) and one of each process, data in one folder. Used by
// `opstream up`, the demo, the bench and the end-to-end tests. Everything it starts it also stops, at the latest when this process ends.

import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Fault } from '../core/fault.ts';
import type { Log } from '../engine/ports/log.ts';
import { keepServer, type KeptServer } from './kept-server.ts';
import { endComponents, killComponents } from '../compute/instance-records.ts';
import { LOCK_FILE, lockFolder } from '../compute/folder-lock.ts';
import { endProcess, isProcessOf, pidIn } from '../compute/os-process.ts';
import { ensureKeyFile, environmentOf, hasOwnKeys } from './secret-keys.ts';
import { endContainersOf } from './up-containers.ts';
import { systemClock } from '../program/clock.ts';
import { refuseWithoutRoom, roomAt, watchStore } from './store-watch.ts';
import { supervise, type Supervised } from './supervised.ts';
import { makeFolder } from '../compute/make-folder.ts';

export const processNames = ['command-handler', 'projector', 'query-responder', 'operator-runtime'] as const;

export type EmbeddedOptions = {
  readonly directory: string;
  /** Path of the nats-server. */
  readonly natsServer: string;
  /** Use this server, and start none; what is said of the server otherwise does not matter then. */
  readonly natsUrl?: string;
  readonly port: number;
  /** When the port is taken: the first free one after it. Default false: a Fault. */
  readonly nextFreePort?: boolean;
  readonly syncAlways: boolean;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly log: Log;
  /** Written to the folder before anything is started, once the folder is this instance's: text by name. */
  readonly files?: Readonly<Record<string, string>>;
  /** Which of the four to start; default all. */
  readonly processes?: readonly (typeof processNames)[number][];
};

export type Embedded = {
  readonly url: string;
  /** Undefined: the server is somebody else's. */
  readonly serverPid: number | undefined;
  readonly processes: readonly Supervised[];
  /** Resolves when the server that was started here has ended and could not be started again. */
  readonly serverExited: Promise<null>;
  stop(): Promise<void>;
};

/** dist/ (or src/, under a loader): where the programs are. */
const programFolder = resolve(dirname(fileURLToPath(import.meta.url)), '..', 'processes');
const LEFTOVER_STOP_MS = 5000;
const COMPONENT_STOP_MS = 8000;
const ending = import.meta.url.endsWith('.ts') ? '.ts' : '.js';

export const programOf = (name: (typeof processNames)[number]): string => join(programFolder, `${name}${ending}`);

const SERVER = 'nats-server.pid';

/** Programs first, all at once; then their server: a program whose server is gone takes long to stop. */
const endEarlier = async (directory: string): Promise<void> => {
  const files = readdirSync(directory).filter((name) => name.endsWith('.pid') && name !== LOCK_FILE);
  const end = async (file: string): Promise<void> => {
    const pid = pidIn(readFileSync(join(directory, file), 'utf8'));
    const isOurs = [directory, dirname(programFolder)].some((marker) => isProcessOf(pid, marker));
    if (isOurs) await endProcess(pid, LEFTOVER_STOP_MS);
  };
  await Promise.all(files.filter((file) => file !== SERVER).map(end));
  await Promise.all(files.filter((file) => file === SERVER).map(end));
};

/** Ends what an instance that was killed has left running on this folder. Faults: CONFIG_INVALID while its `up` is alive. */
export const endLeftovers = async (directory: string): Promise<void> => {
  if (!existsSync(directory)) return;
  const unlock = lockFolder(resolve(directory));
  try {
    await endEarlier(resolve(directory));
    await endComponents(resolve(directory), COMPONENT_STOP_MS);
  } finally {
    unlock();
  }
};

/** What the operating system has against the folder, as a Fault; anything else as it is. */
export const folderFault = (error: unknown, directory: string): unknown => {
  const { code, path } = (typeof error === 'object' && error !== null ? error : {}) as NodeJS.ErrnoException;
  if (typeof code !== 'string' || typeof path !== 'string') return error;
  const message = `${path} cannot be written (${code}); choose another folder than ${directory} with --data`;
  return new Fault('CONFIG_INVALID', message, { retry: 'never', cause: error });
};

const lockNew = (directory: string): (() => void) => {
  try {
    makeFolder(directory);
    return lockFolder(directory);
  } catch (error) {
    throw folderFault(error, directory);
  }
};

/** A port of metrics for each: the one that is configured and those after it, in the order of processNames. */
export const metricPort = (
  environment: EmbeddedOptions['environment'],
  name: (typeof processNames)[number],
): Readonly<Record<string, string>> => {
  const configured = [environment['METRIC_PORT'], environment['OPSTREAM_METRIC_PORT']]
    .map(Number)
    .find((port) => port > 0);
  return configured === undefined ? {} : { METRIC_PORT: String(configured + processNames.indexOf(name)) };
};

const writeFiles = (directory: string, files: EmbeddedOptions['files'] = {}): void => {
  for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text);
};

type Environments = (name: (typeof processNames)[number]) => EmbeddedOptions['environment'];

/** What each process is told, beside what all are. */
const environmentsAt = (
  directory: string,
  url: string,
  { environment, natsServer, natsUrl }: EmbeddedOptions,
): Environments => {
  // Operators may want a NATS server of their own.
  const server = natsServer === '' ? {} : { OPSTREAM_NATS_SERVER: natsServer };
  const keyFile = hasOwnKeys(environment) ? undefined : ensureKeyFile(directory);
  return (name) => ({
    ...environmentOf(name, environment, keyFile),
    ...metricPort(environment, name),
    ...server,
    OPSTREAM_NATS_URL: url,
    OPSTREAM_DATA: directory,
    // With a server of somebody else's the store is elsewhere.
    ...(natsUrl === undefined ? { OPSTREAM_STORE_FOLDER: directory } : {}),
  });
};

/** Faults: CONFIG_INVALID, NATS_UNREACHABLE; what was started before is stopped. */
export const startEmbedded = async (options: EmbeddedOptions): Promise<Embedded> => {
  const directory = resolve(options.directory);
  const unlock = lockNew(directory);
  const processes: Supervised[] = [];
  let server: KeptServer | undefined;
  // Components outlive the runtime that started them; an instance that ends at once must not leave them.
  const killNow = (): void => killComponents(directory);
  process.once('exit', killNow);
  const stopping = new AbortController();
  const stop = async (): Promise<void> => {
    stopping.abort();
    try {
      await Promise.all(processes.map((one) => one.stop()));
      await Promise.all([
        endComponents(directory, COMPONENT_STOP_MS),
        endContainersOf(directory, options.environment, COMPONENT_STOP_MS, options.log),
      ]);
    } finally {
      process.off('exit', killNow);
      await server?.stop();
      unlock();
    }
  };
  try {
    writeFiles(directory, options.files);
    await endEarlier(directory);
    const { natsUrl, natsServer: binary, port, nextFreePort = false, syncAlways, environment: env, log } = options;
    if (natsUrl === undefined) {
      const room = roomAt(directory);
      refuseWithoutRoom(directory, !existsSync(join(directory, 'jetstream')), room);
      const maxStoreBytes = room.sizeBytes;
      const kept = await keepServer(
        { directory, binary, port, nextFreePort, syncAlways, maxStoreBytes, environment: env },
        log,
      );
      server = kept;
      const watching = { look: () => roomAt(directory), clock: systemClock, log, signal: stopping.signal };
      void watchStore({ ...watching, onRoomAgain: () => kept.restart() });
    }
    const url = natsUrl ?? server?.url ?? '';
    const environmentFor = environmentsAt(directory, url, options);
    for (const name of options.processes ?? processNames) {
      const environment = environmentFor(name);
      const program = programOf(name);
      processes.push(await supervise({ name, program, environment }, directory, log));
    }
    return {
      url,
      get serverPid() {
        return server?.pid;
      },
      processes,
      serverExited: server?.exited ?? new Promise(() => undefined),
      stop,
    };
  } catch (error) {
    await stop();
    throw folderFault(error, directory);
  }
};
