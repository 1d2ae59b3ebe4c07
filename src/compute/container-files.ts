// What the container driver puts on disk for an instance: `<data>/containers/<prefix>/<id>/`, which nobody else of this machine can enter. In it
// `secrets/` is mounted read-only into the container; it and its files are readable there to any user that the image runs as. What is only
// for the engine (variables, credentials of a registry) is removed as soon as the engine has read it. The file `at-work` is the one that the
// container may write: what its component works on, for who explains its end.

import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { Fault } from '../core/fault.ts';
import { lockFolder } from './folder-lock.ts';
import type { InstanceFile } from '../engine/supervision/ports.ts';
import { makeFolder } from './make-folder.ts';

const ABANDONED_MS = 600_000;

export const containersFolder = (data: string, prefix: string): string => join(resolve(data), 'containers', prefix);

/** Names the data folder in names and labels of containers: what a runtime on another folder has started is none of this one's business. */
export const homeOf = (data: string): string => createHash('sha256').update(resolve(data)).digest('hex').slice(0, 8);

const refuse = (message: string): Fault => new Fault('COMPONENT_NOT_STARTABLE', message);

export const createContainerFiles = (root: string) => {
  const folderOf = (id: string): string => join(root, id);
  const make = (id: string, name: string): string => {
    makeFolder(folderOf(id), 0o700);
    return join(folderOf(id), name);
  };
  return {
    /** Until the returned function is called. Faults: CONFIG_INVALID while another start of the instance is going on. */
    lock: (id: string): (() => void) => {
      makeFolder(folderOf(id), 0o700);
      return lockFolder(folderOf(id), 'starting.pid');
    },
    /** Path of the folder to mount. Faults: COMPONENT_NOT_STARTABLE. */
    writeSecrets: (id: string, files: readonly InstanceFile[]): string => {
      const folder = make(id, 'secrets');
      makeFolder(folder, 0o755);
      // Emptied and not made anew: the engine of a runtime that was killed may be mounting it.
      for (const name of readdirSync(folder)) rmSync(join(folder, name), { recursive: true, force: true });
      for (const { name, content } of files) {
        const isPlain = basename(name) === name && !['', '.', '..'].includes(name);
        if (!isPlain) throw refuse(`a secret's file cannot be called ${name}`);
        writeFileSync(join(folder, name), content, { mode: 0o444 });
      }
      return folder;
    },
    /** Path of the file, empty, which any user that the image runs as can write. It is written over, not replaced: it is mounted. */
    makeAtWork: (id: string): string => {
      const path = make(id, 'at-work');
      writeFileSync(path, '');
      chmodSync(path, 0o666);
      return path;
    },
    atWork: (id: string): string => join(folderOf(id), 'at-work'),
    /** Writes `text` to a file that only this user can read, calls `use` with its path and removes it. */
    withFile: async <T>(id: string, name: string, text: string, use: (path: string) => Promise<T>): Promise<T> => {
      const folder = make(id, `${name}.d`);
      rmSync(folder, { recursive: true, force: true });
      mkdirSync(folder, { mode: 0o700 });
      try {
        const path = join(folder, name);
        writeFileSync(path, text, { mode: 0o600 });
        return await use(path);
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    },
    remove: (id: string): void => rmSync(folderOf(id), { recursive: true, force: true }),
    /** Of instances that have no container: somebody else removed it, or a start was cut off. */
    removeAbandoned: (isKnown: (id: string) => boolean): void => {
      if (!existsSync(root)) return;
      for (const id of readdirSync(root)) {
        const { mtimeMs } = statSync(folderOf(id), { throwIfNoEntry: false }) ?? { mtimeMs: Date.now() };
        if (!isKnown(id) && Date.now() - mtimeMs > ABANDONED_MS) rmSync(folderOf(id), { recursive: true, force: true });
      }
    },
    has: (): boolean => existsSync(root) && readdirSync(root).length > 0,
  };
};

export type ContainerFiles = ReturnType<typeof createContainerFiles>;
