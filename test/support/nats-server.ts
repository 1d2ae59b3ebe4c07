// A real nats-server for one test file: random port, JetStream in a temporary folder, gone when the test process is gone.

import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { waitFor } from './wait-for.ts';

export type TestServer = {
  readonly url: string;
  readonly port: number;
  readonly storeDir: string;
  readonly pid: number;
  kill9(): Promise<void>;
  stop(): Promise<void>;
  /** Same port, same store. */
  restart(): Promise<void>;
};

export type TestServerOptions = { readonly syncAlways?: boolean; readonly port?: number; readonly storeDir?: string };

const binary = (): string => process.env['OPSTREAM_NATS_SERVER'] ?? 'nats-server';

const exited = (child: ChildProcess): Promise<void> =>
  new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) resolve();
    else child.once('exit', () => resolve());
  });

export const startNatsServer = async (options: TestServerOptions = {}): Promise<TestServer> => {
  const folder = mkdtempSync(join(tmpdir(), 'opstream-nats-'));
  const storeDir = options.storeDir ?? join(folder, 'store');
  const config = join(folder, 'server.conf');
  let port = options.port ?? -1;
  let child: ChildProcess | undefined;

  const launch = async (): Promise<void> => {
    const sync = options.syncAlways === true ? 'sync_interval: always' : '';
    writeFileSync(config, `jetstream {\n store_dir: "${storeDir}"\n ${sync}\n}\n`);
    for (const file of readdirSync(folder)) if (file.endsWith('.ports')) rmSync(join(folder, file));
    const started = spawn(binary(), ['-c', config, '-a', '127.0.0.1', '-p', String(port), '--ports_file_dir', folder], {
      stdio: 'ignore',
    });
    child = started;
    const file = await waitFor(
      () => {
        if (started.exitCode !== null) throw new Error(`nats-server exited with ${started.exitCode}`);
        return readdirSync(folder).find((name) => name.endsWith('.ports'));
      },
      { what: 'ports file of nats-server' },
    );
    const ports = await waitFor(
      () => {
        const text = readFileSync(join(folder, file), 'utf8');
        return text.endsWith('}\n') || text.endsWith('}') ? (JSON.parse(text) as { nats: string[] }) : undefined;
      },
      { what: 'ports of nats-server' },
    );
    port = Number(new URL(ports.nats[0] ?? '').port);
  };

  const end = async (signal: NodeJS.Signals): Promise<void> => {
    const running = child;
    if (running === undefined) return;
    running.kill(signal);
    await exited(running);
  };

  process.once('exit', () => child?.kill('SIGKILL'));
  await launch();
  return {
    get url() {
      return `nats://127.0.0.1:${port}`;
    },
    get port() {
      return port;
    },
    storeDir,
    get pid() {
      return child?.pid ?? -1;
    },
    kill9: () => end('SIGKILL'),
    stop: async () => {
      await end('SIGTERM');
      rmSync(folder, { recursive: true, force: true });
    },
    restart: async () => {
      await end('SIGTERM');
      await launch();
    },
  };
};
