// Runs jq programs that users wrote (jq 1.8.2 as WebAssembly) in worker threads. A program that does not come to an end, or uses up its
// memory, costs its worker: that one is ended and the next program gets a new one. Used by the command-handler for names of resources,
// and by operators through the SDK. Starts nothing before the first program.

import { err, ok, type Result } from '../core/result.ts';
import { reject } from '../core/rejection.ts';
import { parseExactJson } from '../core/exact-json.ts';
import type { JsonValue } from '../core/json.ts';
import type { JqRunner } from '../engine/ports/jq.ts';
import { createJqWorker, type JobResult, type JqWorker } from './jq-worker.ts';
import type { JqJob } from './worker-messages.ts';

const DEFAULT_TIMEOUT_MS = 1000;
const MAX_OUTPUT_LENGTH = 1024 * 1024;
const MAX_PROGRAM_LENGTH = 64 * 1024;
const MAX_MESSAGE_LENGTH = 500;
/** jq does not give back memory: a worker is replaced after this many programs. */
const MAX_JOBS = 2000;
const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]*$/;

type Waiting = {
  readonly job: JqJob;
  readonly timeoutMs: number;
  readonly resolve: (result: JobResult) => void;
  readonly fail: (error: unknown) => void;
};

const invalid = (message: string): Result<never> => err(reject('JQ_INVALID', message, [{ message }]));

/** The last thing that jq said, without its own names for the input. What `debug` wrote comes before it. */
const wordsOf = (stderr: string): string => {
  const said = stderr
    .slice(Math.max(0, stderr.lastIndexOf('jq: error')))
    .replace(/^jq: error(?: \(at [^)]*\))?:? ?/, '');
  const words = said
    .replace(/\s*jq: \d+ compile errors?$/, '')
    .replaceAll(' at <top-level>', '')
    .replaceAll(/\s+/g, ' ')
    .trim();
  return words.length > MAX_MESSAGE_LENGTH ? `${words.slice(0, MAX_MESSAGE_LENGTH)}…` : words;
};

const textOf = (value: JsonValue): string | undefined => {
  try {
    return JSON.stringify(value);
  } catch {
    // Nested too deep for the serializer.
    return undefined;
  }
};

const valuesOf = (lines: string): Result<readonly JsonValue[]> => {
  const values: JsonValue[] = [];
  for (const line of lines.split('\n')) {
    if (line === '') continue;
    try {
      values.push(parseExactJson(line));
    } catch {
      return invalid('the jq program puts out what is not JSON');
    }
  }
  return ok(values);
};

const outcomeOf = (result: JobResult, timeoutMs: number): Result<readonly JsonValue[]> => {
  switch (result.kind) {
    case 'outputs':
      return valuesOf(result.lines);
    case 'failed': {
      const words = wordsOf(result.stderr);
      return invalid(
        `the jq program ${result.isCompileError ? 'does not compile' : 'failed'}: ${words || 'it gave no reason'}`,
      );
    }
    case 'too-long':
      return invalid(`the jq program puts out more than ${MAX_OUTPUT_LENGTH} characters`);
    case 'timed-out':
      return invalid(`the jq program takes longer than ${timeoutMs} ms`);
    case 'broken':
      return invalid('the jq program needs more memory than it may use');
    case 'ready':
      throw new Error('a jq worker answered out of turn');
  }
};

const problemOf = (program: string, variables: Readonly<Record<string, JsonValue>>): string | undefined => {
  if (program.trim() === '') return 'the jq program is empty';
  if (program.length > MAX_PROGRAM_LENGTH) return `expected a jq program of at most ${MAX_PROGRAM_LENGTH} characters`;
  // jq is C: it would see only what comes before.
  if (program.includes('\0')) return 'the jq program contains a NUL character';
  const name = Object.keys(variables).find((one) => !VARIABLE.test(one));
  return name === undefined ? undefined : 'variables of a jq program are named with letters, digits and "_"';
};

/** `maxWorkers` programs run at the same time at most; default 2. More are started only while all others are busy. */
export const createJqRunner = (options: { readonly maxWorkers?: number } = {}): JqRunner => {
  const { maxWorkers = 2 } = options;
  const waiting: Waiting[] = [];
  const idle: JqWorker[] = [];
  const all = new Set<JqWorker>();
  let isClosed = false;

  const drop = (worker: JqWorker): void => {
    all.delete(worker);
    worker.end().catch(() => undefined);
  };

  const serve = async (worker: JqWorker, { job, timeoutMs, resolve, fail }: Waiting): Promise<void> => {
    try {
      const result = await worker.carryOut(job, timeoutMs);
      const isSpent = result.kind === 'timed-out' || result.kind === 'broken' || worker.jobs >= MAX_JOBS;
      if (isSpent || isClosed) drop(worker);
      else idle.push(worker);
      resolve(result);
    } catch (error) {
      drop(worker);
      fail(error);
    }
    pump();
  };

  const pump = (): void => {
    while (waiting.length > 0) {
      let worker = idle.pop();
      if (worker === undefined) {
        if (all.size >= maxWorkers) return;
        worker = createJqWorker();
        all.add(worker);
      }
      const next = waiting.shift();
      if (next !== undefined) void serve(worker, next);
    }
  };

  const carryOut = async (job: JqJob, timeoutMs: number): Promise<Result<readonly JsonValue[]>> => {
    if (isClosed) return invalid('the jq runner is closed');
    const result = await new Promise<JobResult>((resolve, fail) => {
      waiting.push({ job, timeoutMs, resolve, fail });
      pump();
    });
    return outcomeOf(result, timeoutMs);
  };

  return {
    run: async (program, input, { timeoutMs = DEFAULT_TIMEOUT_MS, variables = {} } = {}) => {
      const problem = problemOf(program, variables);
      if (problem !== undefined) return invalid(problem);
      const text = textOf(input);
      const given = Object.entries(variables).map(([name, value]) => [name, textOf(value)] as const);
      if (text === undefined || given.some(([, value]) => value === undefined)) {
        return invalid('the input of the jq program is nested too deep');
      }
      const flags = given.flatMap(([name, value]) => ['--argjson', name, value ?? 'null']);
      return carryOut({ program, input: text, flags, maxOutputLength: MAX_OUTPUT_LENGTH }, timeoutMs);
    },
    check: async (program, { timeoutMs = DEFAULT_TIMEOUT_MS, variables = [] } = {}) => {
      const named = Object.fromEntries(variables.map((name) => [name, null]));
      const problem = problemOf(program, named);
      if (problem !== undefined) return invalid(problem);
      const flags = variables.flatMap((name) => ['--argjson', name, 'null']);
      const compiled = await carryOut(
        { program, input: undefined, flags, maxOutputLength: MAX_OUTPUT_LENGTH },
        timeoutMs,
      );
      return compiled.ok ? ok(undefined) : compiled;
    },
    close: async () => {
      isClosed = true;
      const left = waiting.splice(0);
      for (const { resolve } of left) resolve({ kind: 'broken' });
      await Promise.all([...all].map((worker) => worker.end()));
      all.clear();
      idle.length = 0;
    },
  };
};
