// The structured log. program/logger.ts implements it with pino.

type Fields = Readonly<Record<string, unknown>>;

/** Structured log: constant message, facts in fields. */
export interface Log {
  debug(fields: Fields, message: string): void;
  info(fields: Fields, message: string): void;
  warn(fields: Fields, message: string): void;
  error(fields: Fields, message: string): void;
  child(fields: Fields): Log;
}
