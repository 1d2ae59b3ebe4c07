// Whether a folder can be written and how much room it has: what is behind a server that takes no more messages. Asked by `opstream up` of its data
// folder, and by a command-handler on the same machine when the server does not take an event. Writes and removes a small file, because a quota or
// a read-only mount cannot be told otherwise.

import { rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const MIB = 1024 * 1024;
/** With less than this the server soon cannot write. */
const LEAST_BYTES = 8 * MIB;
const PROBE = new Uint8Array(64 * 1024);

export type StoreRoom = {
  readonly freeBytes: number;
  /** All that the disk has. */
  readonly sizeBytes: number;
  /** Why nothing can be stored there, with the path and the room; undefined: it can. */
  readonly problem?: string;
};

const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? 'unknown';

export const mebibytes = (bytes: number): string => `${Math.floor(bytes / MIB)} MiB`;

/** `probeName`: of the file that is written for a moment; one for each who asks. */
export const storeRoom = (folder: string, probeName: string): StoreRoom => {
  let [freeBytes, sizeBytes] = [0, 0];
  try {
    const { bavail, blocks, bsize } = statfsSync(folder);
    [freeBytes, sizeBytes] = [bavail * bsize, blocks * bsize];
    const left = `${mebibytes(freeBytes)} of ${mebibytes(sizeBytes)} free`;
    if (freeBytes < LEAST_BYTES)
      return { freeBytes, sizeBytes, problem: `the disk of ${folder} is full (${left}); make room there` };
  } catch (error) {
    return { freeBytes, sizeBytes, problem: `${folder} cannot be looked at (${codeOf(error)})` };
  }
  const probe = join(folder, probeName);
  try {
    writeFileSync(probe, PROBE);
    return { freeBytes, sizeBytes };
  } catch (error) {
    const left = `${mebibytes(freeBytes)} free`;
    return {
      freeBytes,
      sizeBytes,
      problem: `${folder} cannot be written (${codeOf(error)}, ${left}); make it writable`,
    };
  } finally {
    try {
      rmSync(probe, { force: true });
    } catch {
      // It was not written.
    }
  }
};
