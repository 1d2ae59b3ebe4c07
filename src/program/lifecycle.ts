// A program from start to exit: signals, exit codes, and what happens to bugs. Every process, component and CLI goes through
// `runProcess`. The first SIGTERM, SIGINT or SIGHUP (a terminal that was closed) aborts the signal that `main` gets; a second one exits at
// once; a `main` that does not end within the deadline is left behind.

import { isFault, type FaultCode } from '../core/fault.ts';
import type { Clock, IdSource } from '../engine/ports/clock.ts';
import type { Log } from '../engine/ports/log.ts';
import { systemClock } from './clock.ts';
import { loadConfig, type Environment } from './config-table.ts';
import { processEnvironment } from './environment.ts';
import { uuidSource } from './ids.ts';
import { logEntries, type LogLevel } from './instance-config.ts';
import { createLogger } from './logger.ts';

/** The CLI's codes; processes use the same ones. */
export const exitCodes = {
  done: 0,
  failed: 1,
  usage: 2,
  timedOut: 3,
  unreachable: 4,
  bug: 70,
  interrupted: 130,
} as const;

const codeOfFault: Partial<Record<FaultCode, number>> = {
  CONFIG_INVALID: exitCodes.usage,
  NATS_UNREACHABLE: exitCodes.unreachable,
  NATS_TIMEOUT: exitCodes.timedOut,
};

/** The exit code that a thrown value deserves: a Fault is trouble outside, anything else a bug. */
export const exitCodeOf = (error: unknown): number =>
  isFault(error) ? (codeOfFault[error.code] ?? exitCodes.failed) : exitCodes.bug;

export type ProcessContext = {
  readonly name: string;
  readonly environment: Environment;
  /** Level from OPSTREAM_LOG_LEVEL, LOG_LEVEL or --log-level. */
  readonly log: Log;
  readonly clock: Clock;
  readonly ids: IdSource;
  /** Writes to stdout, as it is. */
  print(text: string): void;
};

export type ProcessOptions = {
  readonly logTo?: 'stdout' | 'stderr';
  /** Log level when nothing says otherwise. Default info. */
  readonly logLevel?: LogLevel;
  /** How long `main` may take after the first signal. Default 10 000 ms. */
  readonly stopDeadlineMs?: number;
};

// Lenient: a wrong level is reported by whoever loads the whole configuration, together with all other problems.
const levelFrom = ({ env, argv }: Environment, fallback: LogLevel): LogLevel => {
  const table = { logLevel: { ...logEntries.logLevel, fallback } };
  const loaded = loadConfig(table, env, argv, { unknownFlags: 'ignore' });
  return loaded.ok ? loaded.value.config.logLevel : fallback;
};

/**
 * What was printed has left the process: a pipe takes 64 KiB, and what waits behind that would be lost at the exit. Where nothing waits,
 * nothing is written: a file on a full disk refuses even that.
 */
const written = (): Promise<void> =>
  new Promise((resolve) => {
    if (process.stdout.writableLength === 0) resolve();
    else process.stdout.write('', () => resolve());
  });

/**
 * Runs `main` as the whole program and exits with its code (default 0). Does not return before the process ends, except in that
 * `process.exit` is called for it. A thrown Fault gives its exit code, anything else is logged as a bug and gives 70.
 */
export const runProcess = async (
  name: string,
  main: (signal: AbortSignal, context: ProcessContext) => Promise<number | void>,
  options: ProcessOptions = {},
): Promise<never> => {
  const environment = processEnvironment();
  const log = createLogger({
    name,
    level: levelFrom(environment, options.logLevel ?? 'info'),
    to: options.logTo ?? 'stdout',
  });
  const stopping = new AbortController();
  const onSignal = (signalName: NodeJS.Signals): void => {
    if (stopping.signal.aborted) process.exit(exitCodes.interrupted);
    log.info({ signal: signalName }, 'stopping');
    stopping.abort();
    setTimeout(() => {
      log.error({ deadlineMs: options.stopDeadlineMs ?? 10_000 }, 'stop deadline passed, exiting anyway');
      process.exit(exitCodes.timedOut);
    }, options.stopDeadlineMs ?? 10_000).unref();
  };
  const onBug = (error: unknown): void => {
    log.error({ err: error }, 'uncaught error');
    process.exit(exitCodes.bug);
  };
  for (const signalName of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signalName, onSignal);
  process.on('uncaughtException', onBug);
  process.on('unhandledRejection', onBug);
  // The reader of a pipe may leave first (`opstream get | head`): that is no bug.
  process.stdout.on('error', (error: NodeJS.ErrnoException) =>
    process.exit(error.code === 'EPIPE' ? 0 : exitCodes.bug),
  );
  try {
    const code = await main(stopping.signal, {
      name,
      environment,
      log,
      clock: systemClock,
      ids: uuidSource,
      print: (text) => process.stdout.write(text),
    });
    await written();
    process.exit(code ?? exitCodes.done);
  } catch (error) {
    // It was asked to stop while it waited for something.
    if (stopping.signal.aborted && isFault(error)) {
      log.info({ err: error }, 'stopped while waiting');
      process.exit(exitCodes.done);
    }
    const code = exitCodeOf(error);
    log.error({ err: error, exitCode: code }, code === exitCodes.bug ? 'uncaught error' : 'failed');
    process.exit(code);
  }
};
