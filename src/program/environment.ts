// The only reader of the process's environment and arguments. Everything else takes them as values.

import { hostname, userInfo } from 'node:os';
import type { Environment } from './config-table.ts';

/** Environment and the arguments after the script's name, as they are now. */
export const processEnvironment = (): Environment => ({ env: process.env, argv: process.argv.slice(2) });

/** Names this process for leases and client lists: host and process id. */
export const processName = (): string => `${hostname()}-${process.pid}`;

/** Name of the operating system's user; undefined where it has none (a container with a bare user id). */
export const currentUser = (): string | undefined => {
  try {
    return userInfo().username;
  } catch {
    return undefined;
  }
};

/** How this program was started, beyond its own name: the loader of a program that runs from its sources. */
export const ownLoader = (): readonly string[] => process.execArgv;
