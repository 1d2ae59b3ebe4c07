// The lines of an instance's two output files, read from a position on and followed while it runs. A position is how many bytes of each
// output have been read, `<stdout>-<stderr>`, padded so that later ones are larger as text too. The files do not tell when a line
// was written: its time is when it was read.

import { closeSync, openSync, readSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import type { LogLine } from '../engine/supervision/ports.ts';
import { isRunning, outputFile, readRecord } from './instance-records.ts';

const LOOK_AGAIN_MS = 200;
const CHUNK_BYTES = 64 * 1024;
const NEWLINE = 0x0a;
const DIGITS = 15;
const outputs = ['stdout', 'stderr'] as const;
type Output = (typeof outputs)[number];
type Offsets = Record<Output, number>;

const positionOf = ({ stdout, stderr }: Offsets): string =>
  `${String(stdout).padStart(DIGITS, '0')}-${String(stderr).padStart(DIGITS, '0')}`;

const offsetsIn = (position: string | undefined): Offsets => {
  const [stdout, stderr] = (position ?? '').split('-').map((text) => Number.parseInt(text, 10));
  return { stdout: stdout || 0, stderr: stderr || 0 };
};

const readChunk = (path: string, offset: number): Buffer => {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return Buffer.alloc(0);
    throw error;
  }
  try {
    const buffer = Buffer.alloc(CHUNK_BYTES);
    return buffer.subarray(0, readSync(file, buffer, 0, CHUNK_BYTES, offset));
  } finally {
    closeSync(file);
  }
};

/** Whole lines of a chunk, with their lengths in bytes. The rest counts as a line when nothing follows it or it fills the chunk. */
const linesOf = (chunk: Buffer, isEnd: boolean): readonly { readonly text: string; readonly bytes: number }[] => {
  const lines: { text: string; bytes: number }[] = [];
  let start = 0;
  for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
    lines.push({ text: chunk.toString('utf8', start, end).replace(/\r$/, ''), bytes: end + 1 - start });
    start = end + 1;
  }
  const isRest = start < chunk.length && (isEnd || (start === 0 && chunk.length === CHUNK_BYTES));
  if (isRest) lines.push({ text: chunk.toString('utf8', start), bytes: chunk.length - start });
  return lines;
};

/** Ends when `signal` aborts, or when the instance is gone and everything was read. */
export async function* followLogFiles(
  root: string,
  id: string,
  after: string | undefined,
  signal: AbortSignal,
): AsyncGenerator<LogLine> {
  const read = offsetsIn(after);
  while (!signal.aborted) {
    const record = readRecord(root, id);
    const isEnd = record === undefined || record.removedMs !== undefined || !isRunning(record);
    let isQuiet = true;
    for (const output of outputs) {
      const cut = record?.cut[output] ?? 0;
      read[output] = Math.max(read[output], cut);
      const chunk = readChunk(outputFile(root, id, output), read[output] - cut);
      for (const { text, bytes } of linesOf(chunk, isEnd && chunk.length < CHUNK_BYTES)) {
        isQuiet = false;
        read[output] += bytes;
        yield { position: positionOf(read), output, timeMs: Date.now(), text };
        if (signal.aborted) return;
      }
    }
    if (!isQuiet) continue;
    if (isEnd) return;
    await pause(LOOK_AGAIN_MS, undefined, { signal }).catch(() => undefined);
  }
}
