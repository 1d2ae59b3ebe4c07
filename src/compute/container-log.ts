// The log of an instance that runs in containers: the engine's, line by line with the engine's times. A position says for each output how far
// it was read, `<stdout>-<stderr>`, each the time of the last line in nanoseconds and which of the lines of that time it was. The
// containers that an instance had one after the other are read in turn, so that the end of one that was started again is not lost.

import { setTimeout as pause } from 'node:timers/promises';
import type { Readable } from 'node:stream';
import type { LogLine } from '../engine/supervision/ports.ts';
import type { ContainerFacts } from './container-facts.ts';
import type { Engine, EngineStream } from './engine-cli.ts';

const MAX_LINE_BYTES = 64 * 1024;
const QUEUED_LINES = 1000;
const LOOK_AGAIN_MS = 500;
const NEWLINE = 0x0a;
const outputs = ['stdout', 'stderr'] as const;
type Output = (typeof outputs)[number];

type Mark = { readonly nanos: bigint; readonly ordinal: number };
type Marks = Record<Output, Mark>;
const START: Mark = { nanos: 0n, ordinal: 0 };

const markText = ({ nanos, ordinal }: Mark): string =>
  `${String(nanos).padStart(19, '0')}.${String(ordinal).padStart(4, '0')}`;
export const positionText = ({ stdout, stderr }: Marks): string => `${markText(stdout)}-${markText(stderr)}`;

const markIn = (text: string | undefined): Mark => {
  const [, nanos, ordinal] = /^(\d{1,19})\.(\d+)$/.exec(text ?? '') ?? [];
  return nanos === undefined ? START : { nanos: BigInt(nanos), ordinal: Number(ordinal) };
};
export const marksIn = (position: string | undefined): Marks => {
  const [stdout, stderr] = (position ?? '').split('-');
  return { stdout: markIn(stdout), stderr: markIn(stderr) };
};

/** `2026-01-31T10:00:00.123456789Z text`; the time in nanoseconds. Undefined: the engine has not written this. */
export const parseTimed = (line: string): { readonly nanos: bigint; readonly text: string } | undefined => {
  const match = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d) ?/.exec(line);
  if (match === null) return undefined;
  const [whole, seconds = '', fraction = '', zone = 'Z'] = match;
  const wholeMs = Date.parse(`${seconds}${zone}`);
  if (Number.isNaN(wholeMs)) return undefined;
  return { nanos: BigInt(wholeMs) * 1_000_000n + BigInt(fraction.padEnd(9, '0')), text: line.slice(whole.length) };
};

const INNER_TIME = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}(?:Z|[+-]\d\d:\d\d) /g;
const MAX_GAP_NANOS = 60_000_000_000n;

/**
 * A line that was not written at once is stored in parts, and podman prints each part's time in the middle of it. Such a time is not before
 * that of the part it follows; a time that the component itself has printed is before the engine's, because it was printed first.
 */
export const joinParts = (nanos: bigint, text: string): string => {
  let last = nanos;
  return text.replaceAll(INNER_TIME, (found) => {
    const inner = parseTimed(found)?.nanos ?? -1n;
    if (inner < last || inner - last > MAX_GAP_NANOS) return found;
    last = inner;
    return '';
  });
};

/** A millisecond earlier: engines differ in whether the given moment itself is meant. */
const sinceText = (nanos: bigint): string => new Date(Number(nanos / 1_000_000n) - 1).toISOString();

/** Lines of an output. What is too long is cut; memory is bounded whatever is written. */
const readLines = (stream: Readable, onLine: (line: string) => void): void => {
  let rest: Buffer = Buffer.alloc(0);
  stream.on('data', (chunk: Buffer) => {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      const line = Buffer.concat([rest, chunk.subarray(start, end)]);
      onLine(line.toString('utf8', 0, MAX_LINE_BYTES).replace(/\r$/, ''));
      rest = Buffer.alloc(0);
      start = end + 1;
    }
    if (rest.length < MAX_LINE_BYTES) rest = Buffer.concat([rest, chunk.subarray(start)]);
  });
  stream.on('end', () => {
    if (rest.length > 0) onLine(rest.toString('utf8', 0, MAX_LINE_BYTES));
  });
};

/** Both outputs of the engine's `logs`, as they come, until it ends. Both wait while too much of them is not taken. */
async function* linesOf(
  stream: EngineStream,
  signal: AbortSignal,
): AsyncGenerator<{ readonly output: Output; readonly line: string }> {
  const queue: { readonly output: Output; readonly line: string }[] = [];
  let open: number = outputs.length;
  let wake = (): void => undefined;
  for (const output of outputs) {
    const source = stream[output];
    readLines(source, (line) => {
      queue.push({ output, line });
      if (queue.length > QUEUED_LINES) source.pause();
      wake();
    });
    source.once('close', () => {
      open -= 1;
      wake();
    });
    source.once('error', () => undefined);
  }
  const onAbort = (): void => {
    stream.stop();
    wake();
  };
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    while (!signal.aborted) {
      const next = queue.shift();
      if (next !== undefined) {
        yield next;
        continue;
      }
      if (open === 0) return;
      await new Promise<void>((resolve) => {
        wake = resolve;
        for (const output of outputs) stream[output].resume();
      });
    }
  } finally {
    signal.removeEventListener('abort', onAbort);
    stream.stop();
    for (const output of outputs) stream[output].destroy();
  }
}

export type ContainerLogSource = {
  readonly engine: Engine;
  /** The containers of the instance, oldest first. */
  containersOf(id: string): Promise<readonly ContainerFacts[]>;
  /** The engine has ended following a container: it is likely to have ended too. */
  onEnd(): void;
};

/** See ComputeDriver.followLog. */
export async function* followContainers(
  { engine, containersOf, onEnd }: ContainerLogSource,
  id: string,
  after: string | undefined,
  signal: AbortSignal,
): AsyncGenerator<LogLine> {
  const marks = marksIn(after);

  async function* read(container: ContainerFacts, isFollowed: boolean): AsyncGenerator<LogLine> {
    const begin = { ...marks };
    const [first = 0n] = outputs.map((output) => begin[output].nanos).sort((a, b) => (a < b ? -1 : 1));
    const since = first === 0n ? [] : ['--since', sinceText(first)];
    const follow = isFollowed ? ['--follow'] : [];
    const seen: Marks = { stdout: START, stderr: START };
    const stream = engine.stream(['logs', '--timestamps', ...follow, ...since, container.containerId]);
    for await (const { output, line } of linesOf(stream, signal)) {
      const timed = parseTimed(line);
      if (timed === undefined) continue;
      const { nanos, text } = timed;
      const before = seen[output];
      seen[output] = nanos === before.nanos ? { nanos, ordinal: before.ordinal + 1 } : { nanos, ordinal: 1 };
      const mark = seen[output];
      const old = begin[output];
      if (mark.nanos < old.nanos || (mark.nanos === old.nanos && mark.ordinal <= old.ordinal)) continue;
      marks[output] = mark;
      yield { position: positionText(marks), output, timeMs: Number(nanos / 1_000_000n), text: joinParts(nanos, text) };
    }
  }

  const finished = new Set<string>();
  while (!signal.aborted) {
    const containers = await containersOf(id);
    const next = containers.find(({ containerId }) => !finished.has(containerId));
    if (next === undefined) return;
    if (next.phase === 'created') {
      if (Date.now() - next.createdMs > 60_000) finished.add(next.containerId);
      else await pause(LOOK_AGAIN_MS, undefined, { signal }).catch(() => undefined);
      continue;
    }
    const isRunning = next.phase === 'running';
    // What has ended is read once more without following: a follower may miss what was printed last.
    if (!isRunning) finished.add(next.containerId);
    yield* read(next, isRunning);
    if (isRunning) onEnd();
    if (isRunning && !signal.aborted) await pause(LOOK_AGAIN_MS, undefined, { signal }).catch(() => undefined);
  }
}
