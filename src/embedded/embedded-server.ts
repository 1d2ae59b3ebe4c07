// The embedded nats-server of `opstream up`: its configuration, its start, its end. One data folder, one server: what an earlier `up`
// left running after a kill -9 is found by its pid file and ended first.

import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, connect } from 'node:net';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { Fault } from '../core/fault.ts';
import { pause } from '../jetstream/pause.ts';
import { killOnExit } from './kill-on-exit.ts';
import { endProcess, isProcessOf, pidIn } from '../compute/os-process.ts';
import { makeFolder } from '../compute/make-folder.ts';

export type EmbeddedServer = {
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  stop(): Promise<void>;
  readonly exited: Promise<number | null>;
};

export type EmbeddedServerOptions = {
  readonly directory: string;
  readonly binary: string;
  /** 0: any free port. */
  readonly port: number;
  /** When that port is taken: the first free one after it, instead of a Fault. Default false. */
  readonly nextFreePort?: boolean;
  /** Every acknowledgement means: on disk. Default true. */
  readonly syncAlways: boolean;
  /** Most that JetStream may store. Default: what the server takes, three quarters of what is free when it starts. */
  readonly maxStoreBytes?: number;
  /** Of the server's process. Default: nothing but GOMAXPROCS, half of the cores; one that is set here wins. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
};

const START_MS = 15_000;
const STOP_MS = 10_000;
const HOST = '127.0.0.1';

const isFree = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen(port, HOST, () => probe.close(() => resolve(true)));
  });

export const anyFreePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, HOST, () => {
      const address = probe.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      probe.close(() => resolve(port));
    });
  });

const answers = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ host: HOST, port });
    const end = (result: boolean): void => {
      socket.destroy();
      resolve(result);
    };
    socket.once('data', () => end(true));
    socket.once('error', () => end(false));
    socket.setTimeout(1000, () => end(false));
  });

const PORTS_TRIED = 100;

const portFor = async ({ port, nextFreePort = false }: EmbeddedServerOptions): Promise<number> => {
  if (port === 0) return anyFreePort();
  const last = nextFreePort ? Math.min(65_535, port + PORTS_TRIED - 1) : port;
  for (let candidate = port; candidate <= last; candidate += 1) if (await isFree(candidate)) return candidate;
  const taken = last === port ? `port ${port} of ${HOST} is` : `the ports ${port} to ${last} of ${HOST} are`;
  throw new Fault(
    'CONFIG_INVALID',
    `${taken} taken by another program; choose one with --port, or use the NATS server there with --nats-url`,
    { retry: 'never' },
  );
};

/**
 * The server shares the machine with the processes that it serves. On all cores its scheduler keeps them awake for each message, which costs
 * it a third more CPU, and them their latency; on half of them it stores no less.
 */
const serverEnvironment = (given: EmbeddedServerOptions['environment'] = {}): Record<string, string | undefined> => ({
  GOMAXPROCS: String(Math.max(1, Math.floor(availableParallelism() / 2))),
  ...given,
});

const configuration = (options: EmbeddedServerOptions, port: number): string =>
  [
    '# Written by `opstream up` at each start; changes are lost.',
    `listen: "${HOST}:${port}"`,
    'server_name: "opstream-embedded"',
    'jetstream {',
    `  store_dir: ${JSON.stringify(join(options.directory, 'jetstream'))}`,
    ...(options.syncAlways ? ['  sync_interval: always'] : []),
    ...(options.maxStoreBytes === undefined ? [] : [`  max_file_store: ${options.maxStoreBytes}`]),
    '}',
    '',
  ].join('\n');

/** Faults: CONFIG_INVALID (the port is taken), NATS_UNREACHABLE (it did not start; its log says why). */
export const startEmbeddedServer = async (options: EmbeddedServerOptions): Promise<EmbeddedServer> => {
  const { directory, binary } = options;
  makeFolder(join(directory, 'logs'));
  const configPath = join(directory, 'nats-server.conf');
  const pidPath = join(directory, 'nats-server.pid');
  const logPath = join(directory, 'logs', 'nats-server.log');

  const earlier = existsSync(pidPath) ? pidIn(readFileSync(pidPath, 'utf8')) : 0;
  if (isProcessOf(earlier, configPath)) await endProcess(earlier, STOP_MS);

  const port = await portFor(options);
  writeFileSync(configPath, configuration(options, port));
  const log = openSync(logPath, 'a');
  // A group of its own: a Ctrl-C on the terminal must not end the server before the processes that use it.
  const child: ChildProcess = killOnExit(
    spawn(binary, ['-c', configPath], {
      stdio: ['ignore', log, log],
      detached: true,
      env: serverEnvironment(options.environment),
    }),
  );
  closeSync(log);
  const exited = new Promise<number | null>((resolve) => {
    child.once('error', () => resolve(null));
    child.once('exit', (code) => resolve(code));
  });
  const pid = child.pid ?? 0;
  writeFileSync(pidPath, String(pid));
  const startedMs = performance.now();
  while (!(await answers(port))) {
    const isGone = child.exitCode !== null || child.signalCode !== null || child.pid === undefined;
    if (isGone || performance.now() - startedMs > START_MS) {
      if (!isGone) child.kill('SIGKILL');
      throw new Fault('NATS_UNREACHABLE', `nats-server did not start; see ${logPath}`, { retry: 'never' });
    }
    await pause(50);
  }
  return {
    url: `nats://${HOST}:${port}`,
    port,
    pid,
    exited,
    stop: async () => {
      if (child.exitCode === null && child.signalCode === null) await endProcess(pid, STOP_MS);
      rmSync(pidPath, { force: true });
    },
  };
};
