// Programs of this repository as children of a test: their JSON log lines collected, waited for, ended politely or not. Everything started
// here ends with the test process; see children.ts.

import { spawn } from 'node:child_process';
import { dirname, isAbsolute, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { track } from './children.ts';
import { waitFor, type WaitOptions } from './wait-for.ts';

export { leakGuard } from './children.ts';

export const root = resolve(dirname(fileURLToPath(import.meta.url)), '..', '..');

/** A line of a log; `msg` is its message. */
export type LogLine = Readonly<Record<string, unknown>>;

/** One of the two is null. */
export type Ending = { readonly code: number | null; readonly signal: NodeJS.Signals | null };

export type TestProcess = {
  readonly name: string;
  readonly pid: number;
  /** The lines so far, of both outputs, that are JSON objects. */
  readonly lines: readonly LogLine[];
  readonly ended: Promise<Ending>;
  /** Everything it has printed so far. */
  output(): string;
  /** The first line, past or to come, with this message or that the predicate holds for. Fails when the program ends without it. */
  waitForLine(wanted: string | ((line: LogLine) => boolean), options?: WaitOptions): Promise<LogLine>;
  signal(signal: NodeJS.Signals): void;
  kill9(): Promise<Ending>;
  /** SIGTERM, then SIGKILL after `timeoutMs` (default 15 000); then it fails. */
  terminate(timeoutMs?: number): Promise<Ending>;
};

export type StartOptions = {
  readonly arguments?: readonly string[];
  /** Added to this process's environment without its OPSTREAM_ settings. */
  readonly env?: Readonly<Record<string, string>>;
  /** Default: the path of the program. */
  readonly name?: string;
  /** Default: the root of the repository. */
  readonly cwd?: string;
};

/** Tests start the components of their operators themselves, but for those of supervision. */
const EXTERNAL_COMPONENTS = { OPSTREAM_COMPUTES: 'runnable-default=external,external=external' };

/** Without what node:test tells its own children, and without settings that are meant for somebody else. */
const cleanEnvironment = (): Record<string, string | undefined> => ({
  ...Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !name.startsWith('OPSTREAM_') && name !== 'NODE_TEST_CONTEXT'),
  ),
  ...EXTERNAL_COMPONENTS,
});

const parseLine = (text: string): LogLine | undefined => {
  if (!text.startsWith('{')) return undefined;
  try {
    return JSON.parse(text) as LogLine;
  } catch {
    return undefined;
  }
};

/** Whole lines out of the pieces that come. */
const lineReader = (take: (line: string) => void): ((chunk: string) => void) => {
  let rest = '';
  return (chunk) => {
    const parts = (rest + chunk).split('\n');
    rest = parts.pop() ?? '';
    parts.forEach(take);
  };
};

/** `npm test` has built dist/ from src/ as it is now. A file that is run by hand takes src/ itself. */
export const isBuilt = process.env['OPSTREAM_TEST_BUILT'] === '1';

const builtOf = (path: string): string => {
  const fromSources = relative(join(root, 'src'), path);
  const isSource = !fromSources.startsWith('..') && !isAbsolute(fromSources) && fromSources.endsWith('.ts');
  return isBuilt && isSource ? join(root, 'dist', fromSources.replace(/ts$/, 'js')) : path;
};

/** How Node runs a program of the repository: what was built of it, which starts three times as fast, else through tsx. */
export const nodeArguments = (program: string): readonly string[] => {
  const path = builtOf(isAbsolute(program) ? program : join(root, program));
  return [...(/\.m?ts$/.test(path) ? ['--import', import.meta.resolve('tsx')] : []), path];
};

/** Starts a program of src/, scripts/ or dist/ as `nodeArguments` says. `program` is relative to the repository. */
export const startProcess = (program: string, options: StartOptions = {}): TestProcess => {
  const { env = {}, name = program, cwd = root } = options;
  const child = track(
    spawn(process.execPath, [...nodeArguments(program), ...(options.arguments ?? [])], {
      cwd,
      env: { ...cleanEnvironment(), ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    }),
    name,
  );
  const lines: LogLine[] = [];
  const printed: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    const takeChunk = lineReader((text) => {
      const line = parseLine(text);
      if (line !== undefined) lines.push(line);
    });
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      printed.push(chunk);
      takeChunk(chunk);
    });
  }
  let ending: Ending | undefined;
  const ended = new Promise<Ending>((done, fail) => {
    child.once('error', fail);
    child.once('close', (code, signal) => {
      ending = { code, signal };
      done(ending);
    });
  });
  ended.catch(() => undefined);

  const output = (): string => printed.join('');
  const tail = (): string => output().split('\n').slice(-15).join('\n');

  const terminate = async (timeoutMs = 15_000): Promise<Ending> => {
    child.kill('SIGTERM');
    try {
      return await waitFor(() => ending, { timeoutMs, what: `${name} to end after SIGTERM` });
    } catch (error) {
      child.kill('SIGKILL');
      throw new Error(`${String(error)}; it printed:\n${tail()}`, { cause: error });
    }
  };

  return {
    name,
    pid: child.pid ?? -1,
    lines,
    ended,
    output,
    waitForLine: (wanted, waitOptions) => {
      const what = typeof wanted === 'string' ? `line "${wanted}" of ${name}` : `line of ${name}`;
      const isWanted = typeof wanted === 'string' ? (line: LogLine) => line['msg'] === wanted : wanted;
      const look = (): LogLine | undefined => {
        const found = lines.find(isWanted);
        if (found === undefined && ending !== undefined) {
          throw new Error(`${what}: it ended with ${JSON.stringify(ending)} first`);
        }
        return found;
      };
      return waitFor(look, { timeoutMs: 15_000, what, ...waitOptions }).catch((error: unknown) => {
        throw new Error(`${String(error)}; it printed:\n${tail()}`, { cause: error });
      });
    },
    signal: (signal) => {
      child.kill(signal);
    },
    kill9: () => {
      child.kill('SIGKILL');
      return ended;
    },
    terminate,
  };
};
