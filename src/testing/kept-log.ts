// A log that keeps its lines, and one that says nothing.

import type { Log } from '../engine/ports/log.ts';

export type LogLine = {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
};

export const silentLog: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silentLog,
};

export const keptLog = (onLine?: (line: LogLine) => void): { readonly log: Log; readonly lines: LogLine[] } => {
  const lines: LogLine[] = [];
  const logOf = (outer: Readonly<Record<string, unknown>>): Log => {
    const at =
      (level: LogLine['level']) =>
      (fields: Readonly<Record<string, unknown>>, message: string): void => {
        const line = { level, message, fields: { ...outer, ...fields } };
        lines.push(line);
        onLine?.(line);
      };
    return {
      debug: at('debug'),
      info: at('info'),
      warn: at('warn'),
      error: at('error'),
      child: (fields) => logOf({ ...outer, ...fields }),
    };
  };
  return { log: logOf({}), lines };
};
