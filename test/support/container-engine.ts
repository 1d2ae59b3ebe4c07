// A container engine for one test file: podman with a storage of its own in a temporary folder, with flags that also work inside a container
// (run as root, with runc, without overlay mounts and systemd), and an image that is imported from a static busybox. Where there is none, the
// reason is given, for the tests to be skipped with.

import { execFile, type ExecFileException } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { temporaryFolder } from './children.ts';

const exec = promisify(execFile);

export type TestEngine = {
  readonly program: string;
  readonly engineFlags: readonly string[];
  readonly runFlags: readonly string[];
  readonly image: string;
  /** Its stdout. Fails with what the engine says. */
  run(...args: readonly string[]): Promise<string>;
  remove(): Promise<void>;
};

const BUSYBOX = ['/bin/busybox', '/usr/bin/busybox'];
const IMAGE = 'localhost/opstream-test:1';
const RUN_FLAGS = ['--network', 'host', '--ulimit', 'nofile=1024:1024', '--ulimit', 'nproc=4096:4096'];

const whereIs = (names: readonly string[]): string | undefined => names.find((name) => existsSync(name));
const inPath = (name: string): string | undefined =>
  whereIs([...(process.env['PATH'] ?? '').split(':'), '/usr/sbin'].map((folder) => join(folder, name)));

const reasonOf = (error: unknown): string => {
  const { stderr, message } = error as ExecFileException & { readonly stderr?: string };
  return (stderr ?? message).trim().split('\n').at(-1) ?? '';
};

/** The engine, or why there is none. */
export const startContainerEngine = async (): Promise<TestEngine | string> => {
  const program = inPath('podman');
  const busybox = whereIs(BUSYBOX);
  if (program === undefined) return 'no podman on this machine (Debian: apt-get install podman runc)';
  if (busybox === undefined) return 'no static busybox on this machine (Debian: apt-get install busybox-static)';
  const folder = temporaryFolder();
  const runc = inPath('runc');
  const engineFlags = [
    ...['--root', join(folder.path, 'storage'), '--runroot', join(folder.path, 'run')],
    ...['--storage-driver', 'vfs', '--cgroup-manager', 'cgroupfs'],
    ...(runc === undefined ? [] : ['--runtime', runc]),
  ];
  const run = async (...args: readonly string[]): Promise<string> =>
    (await exec(program, [...engineFlags, ...args], { timeout: 60_000 })).stdout;
  const remove = async (): Promise<void> => {
    await run('rm', '--all', '--force', '--time', '0').catch(() => undefined);
    await run('rmi', '--all', '--force').catch(() => undefined);
    folder.remove();
  };
  try {
    const root = join(folder.path, 'image');
    for (const name of ['bin', 'tmp', 'etc', 'run']) mkdirSync(join(root, name), { recursive: true });
    copyFileSync(busybox, join(root, 'bin', 'busybox'));
    for (const name of ['sh', 'sleep', 'cat', 'env', 'head', 'tr', 'ls', 'httpd', 'nc'])
      symlinkSync('busybox', join(root, 'bin', name));
    await exec('tar', ['-C', root, '-cf', join(folder.path, 'image.tar'), '.']);
    await run('import', join(folder.path, 'image.tar'), IMAGE);
    await run('run', '--rm', ...RUN_FLAGS, IMAGE, '/bin/sh', '-c', 'exit 0');
  } catch (error) {
    await remove();
    return `podman does not work here: ${reasonOf(error)}`;
  }
  return { program, engineFlags, runFlags: RUN_FLAGS, image: IMAGE, run, remove };
};
