// A real nats-server for one test file: a port of its own, JetStream in a temporary folder, gone when the test process is gone, however
// it went.

import { spawn, type ChildProcess } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, writeFileSync, openSync, closeSync } from 'node:fs';
import { join } from 'node:path';
import { findNatsServer } from '../../scripts/nats-server.mjs';
import { ended, temporaryFolder, track } from './children.ts';
import { waitFor } from './wait-for.ts';

export type TestServer = {
  readonly url: string;
  readonly port: number;
  readonly storeDir: string;
  readonly pid: number;
  /** What the server has logged since it was first started. */
  log(): string;
  kill9(): Promise<void>;
  /** SIGTERM, and its end; what it stored stays. */
  end(): Promise<void>;
  /** Ends it and removes what it stored, unless the store was given. */
  stop(): Promise<void>;
  /** Same port, same store; ends it first when it is running. */
  restart(): Promise<void>;
};

export type TestServerOptions = {
  /** Every acknowledgement means: on disk. Default false. */
  readonly syncAlways?: boolean;
  /** Default: a free one. */
  readonly port?: number;
  readonly storeDir?: string;
  /** Further lines of its configuration. */
  readonly configuration?: string;
};

const HOST = '127.0.0.1';
/** Below the ports that the system gives to outgoing connections: a client that reconnects could be given the server's port otherwise. */
const [FIRST_PORT, PORT_COUNT] = [20_000, 12_000];
const TRIES = 5;
/** One that was killed reads what it had stored first. */
const START_MS = 30_000;

const anyPort = (): number => FIRST_PORT + Math.floor(Math.random() * PORT_COUNT);

const binary = async (): Promise<string> => process.env['OPSTREAM_NATS_SERVER'] ?? (await findNatsServer());

/** Whether the server has said that it takes connections; throws when it has ended instead. */
const isReady = (child: ChildProcess, folder: string): boolean => {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) {
    throw new Error(`nats-server ended with ${child.exitCode ?? child.signalCode ?? 'no exit code'}`);
  }
  const text = readdirSync(folder)
    .filter((name) => name.endsWith(`_${child.pid}.ports`))
    .map((name) => readFileSync(join(folder, name), 'utf8'))[0];
  return text?.trim().endsWith('}') === true;
};

export const startNatsServer = async (options: TestServerOptions = {}): Promise<TestServer> => {
  const program = await binary();
  const folder = temporaryFolder();
  const storeDir = options.storeDir ?? join(folder.path, 'store');
  const configPath = join(folder.path, 'server.conf');
  const logPath = join(folder.path, 'server.log');
  let child: ChildProcess | undefined;
  let port = options.port ?? anyPort();

  const launch = async (): Promise<void> => {
    const sync = options.syncAlways === true ? 'sync_interval: always' : '';
    const jetstream = `jetstream {\n  store_dir: ${JSON.stringify(storeDir)}\n  ${sync}\n}\n`;
    writeFileSync(configPath, `listen: "${HOST}:${port}"\n${jetstream}${options.configuration ?? ''}\n`);
    for (const name of readdirSync(folder.path)) if (name.endsWith('.ports')) rmSync(join(folder.path, name));
    const output = openSync(logPath, 'a');
    const args = ['-c', configPath, '--ports_file_dir', folder.path];
    const started = track(spawn(program, args, { stdio: ['ignore', output, output] }), 'nats-server');
    closeSync(output);
    started.once('error', () => undefined);
    child = started;
    try {
      await waitFor(() => isReady(started, folder.path), {
        ...{ timeoutMs: START_MS, what: 'nats-server to take connections' },
      });
    } catch (error) {
      started.kill('SIGKILL');
      throw new Error(`${String(error)}\n${log().split('\n').slice(-10).join('\n')}`, { cause: error });
    }
  };

  const log = (): string => readFileSync(logPath, 'utf8');

  /** A port that was drawn may be somebody else's. */
  const launchSomewhere = async (triesLeft: number): Promise<void> => {
    try {
      await launch();
    } catch (error) {
      if (options.port !== undefined || triesLeft === 0) {
        folder.remove();
        throw error;
      }
      port = anyPort();
      await launchSomewhere(triesLeft - 1);
    }
  };

  const end = async (signal: NodeJS.Signals): Promise<void> => {
    if (child === undefined) return;
    child.kill(signal);
    await ended(child);
  };

  await launchSomewhere(TRIES);
  return {
    get url() {
      return `nats://${HOST}:${port}`;
    },
    get port() {
      return port;
    },
    storeDir,
    get pid() {
      return child?.pid ?? -1;
    },
    log,
    kill9: () => end('SIGKILL'),
    end: () => end('SIGTERM'),
    stop: async () => {
      await end('SIGTERM');
      folder.remove();
    },
    restart: async () => {
      await end('SIGTERM');
      await launch();
    },
  };
};
