// What every verb gets: where to write, whom to ask, who asks. `connect` opens the client once and only when a verb needs it.

import type { Client } from '../client/types.ts';
import type { Names } from '../messages/subjects.ts';
import type { Environment } from '../program/config-table.ts';
import type { InstanceConfig } from '../program/instance-config.ts';
import type { Clock, IdSource } from '../engine/ports/clock.ts';
import type { Log } from '../engine/ports/log.ts';
import type { Terminal } from '../program/terminal.ts';

export type CliContext = {
  readonly terminal: Terminal;
  readonly environment: Environment;
  readonly config: InstanceConfig;
  readonly names: Names;
  /** OPSTREAM_ACTOR, else the user of the operating system. */
  readonly actor: string;
  readonly log: Log;
  readonly clock: Clock;
  readonly ids: IdSource;
  /** Aborts at the first SIGINT or SIGTERM. */
  readonly signal: AbortSignal;
  connect(): Promise<Client>;
  /** All of stdin, for `-f -`. */
  readStdin(): Promise<Uint8Array>;
};
