// A container engine for one test file, with all that it stores in a temporary folder and an image that is imported from a static busybox:
// podman, with flags that also work inside a container (run as root, with runc, without overlay mounts and systemd), or docker with a daemon
// of its own. Where there is none, the reason is given, for the tests to be skipped with.

import { execFile, spawn, type ExecFileException } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, openSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { temporaryFolder } from './children.ts';
import { waitFor } from './wait-for.ts';

const exec = promisify(execFile);

export type TestEngine = {
  readonly program: string;
  readonly engineFlags: readonly string[];
  readonly runFlags: readonly string[];
  readonly image: string;
  /** The tar file that the image was made from. */
  readonly layerPath: string;
  /** Variables with which the engine takes images from a registry of this machine without TLS. */
  trusting(registry: string): Readonly<Record<string, string>>;
  /** Its stdout. Fails with what the engine says. */
  run(...args: readonly string[]): Promise<string>;
  removeContainers(): Promise<void>;
  remove(): Promise<void>;
};

export type EngineName = 'podman' | 'docker';

/** An engine that runs, before it has an image. */
type Started = Pick<TestEngine, 'program' | 'engineFlags'> & { end(): Promise<void> };

const BUSYBOX = ['/bin/busybox', '/usr/bin/busybox'];
const IMAGE = 'localhost/opstream-test:1';
const RUN_FLAGS = ['--network', 'host', '--ulimit', 'nofile=1024:1024', '--ulimit', 'nproc=4096:4096'];
const DAEMON_START_MS = 30_000;

const whereIs = (names: readonly string[]): string | undefined => names.find((name) => existsSync(name));
const inPath = (name: string): string | undefined =>
  whereIs([...(process.env['PATH'] ?? '').split(':'), '/usr/sbin'].map((folder) => join(folder, name)));

const reasonOf = (error: unknown): string => {
  const { stderr, message } = error as ExecFileException & { readonly stderr?: string };
  return (stderr ?? message).trim().split('\n').at(-1) ?? '';
};

const startPodman = (program: string, folder: string): Started => {
  const runc = inPath('runc');
  const engineFlags = [
    ...['--root', join(folder, 'storage'), '--runroot', join(folder, 'run')],
    ...['--storage-driver', 'vfs', '--cgroup-manager', 'cgroupfs'],
    ...(runc === undefined ? [] : ['--runtime', runc]),
  ];
  return { program, engineFlags, end: async () => undefined };
};

const startDocker = async (program: string, daemon: string, folder: string): Promise<Started> => {
  const host = `unix://${join(folder, 'docker.sock')}`;
  const log = openSync(join(folder, 'dockerd.log'), 'a');
  const child = spawn(
    daemon,
    [
      ...['--host', host, '--data-root', join(folder, 'data'), '--exec-root', join(folder, 'exec')],
      ...['--pidfile', join(folder, 'dockerd.pid'), '--storage-driver', 'vfs'],
      ...['--iptables=false', '--ip6tables=false', '--bridge=none', '--exec-opt', 'native.cgroupdriver=cgroupfs'],
    ],
    { stdio: ['ignore', log, log] },
  );
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', () => resolve());
  });
  const killNow = (): void => void child.kill();
  process.once('exit', killNow);
  const engineFlags = ['--host', host];
  const end = async (): Promise<void> => {
    child.kill();
    await ended;
    process.off('exit', killNow);
    // Of the network of the host, which stays mounted.
    await exec('umount', [join(folder, 'exec', 'netns', 'default')]).catch(() => undefined);
  };
  const answers = () => exec(program, [...engineFlags, 'version'], { timeout: 5000 }).then(Boolean, () => undefined);
  const isUp = waitFor(answers, { what: 'dockerd to answer', timeoutMs: DAEMON_START_MS });
  const isDead = ended.then(() => Promise.reject(new Error('dockerd cannot run here')));
  try {
    await Promise.race([isUp, isDead]);
  } catch (error) {
    await end();
    throw error;
  } finally {
    isUp.catch(() => undefined);
    isDead.catch(() => undefined);
  }
  return { program, engineFlags, end };
};

const packages = { podman: 'podman runc', docker: 'docker.io' };

const start = async (name: EngineName, folder: string): Promise<Started | undefined> => {
  const program = inPath(name);
  if (name === 'podman') return program === undefined ? undefined : startPodman(program, folder);
  const daemon = inPath('dockerd');
  return program === undefined || daemon === undefined ? undefined : startDocker(program, daemon, folder);
};

/** The engine, or why there is none. */
export const startContainerEngine = async (name: EngineName = 'podman'): Promise<TestEngine | string> => {
  const busybox = whereIs(BUSYBOX);
  if (busybox === undefined) return 'no static busybox on this machine (Debian: apt-get install busybox-static)';
  const folder = temporaryFolder();
  let started: Started | undefined;
  try {
    started = await start(name, folder.path);
  } catch (error) {
    folder.remove();
    return `${name} does not work here: ${reasonOf(error)}`;
  }
  if (started === undefined) {
    folder.remove();
    return `no ${name} on this machine (Debian: apt-get install ${packages[name]})`;
  }
  const { program, engineFlags, end } = started;
  const run = async (...args: readonly string[]): Promise<string> =>
    (await exec(program, [...engineFlags, ...args], { timeout: 60_000 })).stdout;
  const removeContainers = async (): Promise<void> => {
    const ids = (await run('ps', '--all', '--quiet')).split('\n').filter((id) => id !== '');
    if (ids.length > 0) await run('rm', '--force', ...(name === 'podman' ? ['--time', '0'] : []), ...ids);
  };
  const remove = async (): Promise<void> => {
    await removeContainers().catch(() => undefined);
    if (name === 'podman') await run('rmi', '--all', '--force').catch(() => undefined);
    await end();
    folder.remove();
  };
  const layerPath = join(folder.path, 'image.tar');
  const trusting = (registry: string): Readonly<Record<string, string>> => {
    // Docker does so by itself.
    if (name === 'docker') return {};
    const path = join(folder.path, 'registries.conf');
    writeFileSync(path, `[[registry]]\nlocation = "${registry}"\ninsecure = true\n`);
    return { CONTAINERS_REGISTRIES_CONF: path };
  };
  try {
    const root = join(folder.path, 'image');
    for (const part of ['bin', 'tmp', 'etc', 'run']) mkdirSync(join(root, part), { recursive: true });
    copyFileSync(busybox, join(root, 'bin', 'busybox'));
    for (const command of ['sh', 'sleep', 'cat', 'env', 'head', 'tr', 'ls', 'httpd', 'nc'])
      symlinkSync('busybox', join(root, 'bin', command));
    await exec('tar', ['-C', root, '-cf', layerPath, '.']);
    await run('import', layerPath, IMAGE);
    await run('run', '--rm', ...RUN_FLAGS, IMAGE, '/bin/sh', '-c', 'exit 0');
  } catch (error) {
    await remove();
    return `${name} does not work here: ${reasonOf(error)}`;
  }
  const engine = { program, engineFlags, runFlags: RUN_FLAGS, image: IMAGE, layerPath };
  return { ...engine, trusting, run, removeContainers, remove };
};
