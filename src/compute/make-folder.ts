// Makes a folder and those above it. Used wherever a folder's place is a setting.
//
// Not mkdir's own `recursive`: in Node 20 that goes on without end where the parent is there and yet nothing can be made (under /proc).

import { existsSync, mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

const isFolder = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;

/** `mode`: of the folders that are made. Throws what the file system says; a file in its place is EEXIST. */
export const makeFolder = (path: string, mode = 0o777): void => {
  if (isFolder(path)) return;
  if (!existsSync(dirname(path))) makeFolder(dirname(path), mode);
  try {
    mkdirSync(path, { mode });
  } catch (error) {
    // Somebody else was faster.
    if (!isFolder(path)) throw error;
  }
};
