// The root logger: pino, JSON lines. Whatever field is named like a secret is blanked here, at any depth, and so are the
// credentials in a URL: no caller has to think of it. Numbers stay (a lease's token is no secret).

import { pino, type Logger } from 'pino';
import type { Log } from '../engine/ports/log.ts';
import type { LogLevel } from './instance-config.ts';

const SECRET_NAME =
  /pass(word|wd|phrase)|secret|token|authorization|api-?_?key|credential|cookie|private-?_?key|^env(ironmentVars)?$/i;
/** What is named so holds a secret, unless it is a number or a boolean. */
export const isSecretName = (name: string): boolean => SECRET_NAME.test(name);
const URL_CREDENTIALS = /(:\/\/)[^/@\s]+@/g;
const BLANK = '[redacted]';
const MAX_DEPTH = 6;

const cleanText = (text: string): string =>
  text.includes('://') ? text.replaceAll(URL_CREDENTIALS, `$1${BLANK}@`) : text;

const cleanError = (error: Error, depth: number): Record<string, unknown> => ({
  type: error.name,
  message: cleanText(error.message),
  ...('code' in error ? { code: error.code } : {}),
  ...('details' in error ? { details: clean(error.details, depth + 1) } : {}),
  stack: error.stack === undefined ? undefined : cleanText(error.stack),
  ...(error.cause === undefined ? {} : { cause: clean(error.cause, depth + 1) }),
});

const clean = (value: unknown, depth: number): unknown => {
  if (typeof value === 'string') return cleanText(value);
  if (typeof value !== 'object' || value === null) return value;
  if (depth > MAX_DEPTH) return '[deep]';
  if (value instanceof Error) return cleanError(value, depth);
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  if (value instanceof Date) return value;
  if (Array.isArray(value)) return value.map((item) => clean(item, depth + 1));
  const result: Record<string, unknown> = {};
  for (const [name, item] of Object.entries(value)) {
    const harmless = item === undefined || item === null || typeof item === 'number' || typeof item === 'boolean';
    result[name] = !harmless && isSecretName(name) ? BLANK : clean(item, depth + 1);
  }
  return result;
};

/** Fields without secrets, as the logger writes them. */
export const redact = (fields: Readonly<Record<string, unknown>>): Record<string, unknown> =>
  clean(fields, 0) as Record<string, unknown>;

export type LoggerOptions = {
  /** Name of the program. */
  readonly name: string;
  readonly level: LogLevel;
  /** Default stdout; programs whose stdout is their answer log to stderr. */
  readonly to?: 'stdout' | 'stderr';
  /** For tests: takes the lines instead. */
  write?(line: string): void;
};

// pino's formatter does not see the fields of a child.
const wrap = (logger: Logger): Log => ({
  debug: (fields, message) => logger.debug(fields, message),
  info: (fields, message) => logger.info(fields, message),
  warn: (fields, message) => logger.warn(fields, message),
  error: (fields, message) => logger.error(fields, message),
  child: (fields) => wrap(logger.child(redact(fields))),
});

/** What a full or broken disk says. The program goes on, and its log when there is room. */
const DISK_TROUBLE: ReadonlySet<unknown> = new Set(['ENOSPC', 'EDQUOT', 'EROFS', 'EIO', 'EFBIG']);
/** Lines that wait for room, at most; what is more is dropped. */
const MAX_WAITING_BYTES = 1024 * 1024;

/** A log that is written to a file on a full disk must not end the program. */
const outputTo = (dest: 1 | 2) => {
  const output = pino.destination({ dest, sync: true, maxLength: MAX_WAITING_BYTES });
  output.on('error', (error: NodeJS.ErrnoException) => {
    if (!DISK_TROUBLE.has(error.code)) throw error;
  });
  return output;
};

export const createLogger = (options: LoggerOptions): Log =>
  wrap(
    pino(
      {
        level: options.level,
        base: { name: options.name, pid: process.pid },
        timestamp: pino.stdTimeFunctions.isoTime,
        formatters: { level: (label) => ({ level: label }), log: redact },
        // Errors are shaped by `redact`, whatever field they come in.
        serializers: { err: (value: unknown) => value },
      },
      options.write === undefined
        ? outputTo(options.to === 'stderr' ? 2 : 1)
        : { write: (line: string) => options.write?.(line) },
    ),
  );

/** For programs and tests that log nothing. */
export const silentLog: Log = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  child: () => silentLog,
};
