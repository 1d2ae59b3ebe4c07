// What an instance that has ended leaves to be said about its end: which keys it worked on, and, of a process, whether it had run out of memory.
// From two files of its folder, both of them the component's: what is read is a hint in a message. Called by the drivers.

import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { keysAtWork, MAX_PLACES, PLACE_BYTES } from '../messages/at-work.ts';

const TAIL_BYTES = 16_384;
const OUT_OF_MEMORY = /heap out of memory|out of memory|\bMemoryError\b|Cannot allocate memory|std::bad_alloc/i;

/** The last `maxBytes` of a file, nothing from before `from`; empty when there is none. */
const tailOf = (path: string, maxBytes: number, from = 0): string => {
  let file: number | undefined;
  try {
    file = openSync(path, 'r');
    const { size } = fstatSync(file);
    const start = Math.max(0, from, size - maxBytes);
    const bytes = Buffer.alloc(Math.max(0, size - start));
    const length = readSync(file, bytes, 0, bytes.length, start);
    return bytes.toString('latin1', 0, length);
  } catch {
    return '';
  } finally {
    if (file !== undefined) closeSync(file);
  }
};

export type LastWords = { readonly atWork?: readonly string[]; readonly isOutOfMemory?: true };

/** What it worked on, by the file that it wrote. */
export const keysLeft = (path: string): Pick<LastWords, 'atWork'> => {
  const atWork = keysAtWork(tailOf(path, MAX_PLACES * PLACE_BYTES));
  return atWork.length === 0 ? {} : { atWork };
};

/** `stderr.from`: where its own output begins in the file. */
export const lastWords = (files: {
  readonly atWork: string;
  readonly stderr: { readonly path: string; readonly from: number };
}): LastWords => {
  return {
    ...keysLeft(files.atWork),
    ...(OUT_OF_MEMORY.test(tailOf(files.stderr.path, TAIL_BYTES, files.stderr.from)) ? { isOutOfMemory: true } : {}),
  };
};
