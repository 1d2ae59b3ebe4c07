// What the four programs are composed of. openInstance makes it on a real server; whoever has the ports in memory composes the same programs on those.

import type { DeadLetters } from '../../engine/loops/dead-letters.ts';
import type { Clock, IdSource } from '../../engine/ports/clock.ts';
import type { LeaseKeeper } from '../../engine/ports/leases.ts';
import type { Log } from '../../engine/ports/log.ts';
import type { Metrics } from '../../engine/ports/metrics.ts';
import type { ServerPorts } from '../../engine/ports/server.ts';
import type { Appender } from '../../engine/ports/streams.ts';
import type { JsonObject } from '../../core/json.ts';
import type { Names } from '../../messages/subjects.ts';

export const VERSION = '0.1.0';

export type ProgramParts = {
  readonly names: Names;
  readonly ports: ServerPorts;
  readonly clock: Clock;
  readonly ids: IdSource;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly leases: LeaseKeeper;
  readonly leaseTtlMs: number;
  /** Names this copy in leases. */
  readonly holder: string;
  readonly deadLetters: DeadLetters;
  /** One for each stream, shared by all that writes it. */
  appenderOf(stream: string): Appender;
  /** What the program's micro service tells of it. */
  stats(): Promise<JsonObject>;
};
