// What the supervisor of `opstream up` has to say, on the terminal: warnings and errors as lines, the rest not at all.

import type { Log } from '../engine/ports/log.ts';
import type { Terminal } from '../program/terminal.ts';

const text = (fields: Readonly<Record<string, unknown>>, message: string): string => {
  const facts = Object.entries(fields)
    .filter(([, value]) => value !== undefined && value !== null)
    .map(([name, value]) => `${name}=${String(value)}`);
  return [message, ...facts].join(' ');
};

export const createFollowUpLog = (terminal: Pick<Terminal, 'warn' | 'error'>): Log => {
  const log: Log = {
    debug: () => undefined,
    info: () => undefined,
    warn: (fields, message) => terminal.warn(text(fields, message)),
    error: (fields, message) => terminal.error(text(fields, message)),
    child: () => log,
  };
  return log;
};
