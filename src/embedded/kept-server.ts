// The nats-server of `opstream up`, started again on the same port and folder when it ends by itself, as the four processes are: programs and
// components reconnect and go on. What does not stay up is given up, because then something is wrong that only a person can mend.

import type { Log } from '../engine/ports/log.ts';
import { isFault } from '../core/fault.ts';
import { pause } from '../jetstream/pause.ts';
import { systemClock } from '../program/clock.ts';
import { roomAt, untilRoom } from './store-watch.ts';
import { startEmbeddedServer, type EmbeddedServer, type EmbeddedServerOptions } from './embedded-server.ts';

export type KeptServer = Pick<EmbeddedServer, 'url' | 'port' | 'stop'> & {
  /** Of the server that runs, or ran last. */
  readonly pid: number;
  /** Ends it, and so has it started again. */
  restart(): Promise<void>;
  /** Resolves when it was given up. */
  readonly exited: Promise<null>;
};

const FIRST_PAUSE_MS = 250;
const STEADY_MS = 10_000;
const MOST_TRIES = 6;

/** Faults: those of the first start. */
export const keepServer = async (options: EmbeddedServerOptions, log: Log): Promise<KeptServer> => {
  const stopping = new AbortController();
  let server = await startEmbeddedServer(options);
  const { url, port } = server;

  const startAgain = async (): Promise<boolean> => {
    try {
      server = await startEmbeddedServer({ ...options, port, nextFreePort: false });
      return true;
    } catch (error) {
      if (!isFault(error)) throw error;
      log.error({ err: error.message }, 'nats-server not started');
      return false;
    }
  };

  /** Until it is stopped, or has ended again and again soon after its start. */
  const keep = async (): Promise<void> => {
    for (let tries = 0; tries < MOST_TRIES; tries += 1) {
      const startedMs = performance.now();
      const code = await server.exited;
      if (stopping.signal.aborted) return;
      if (performance.now() - startedMs > STEADY_MS) tries = 0;
      const pauseMs = FIRST_PAUSE_MS * 2 ** tries;
      log.warn({ process: 'nats-server', code, pauseMs }, 'process ended, starting it again');
      await pause(pauseMs, stopping.signal);
      // Without room it could not start, and that must not count against it.
      await untilRoom(() => roomAt(options.directory), systemClock, stopping.signal);
      if (stopping.signal.aborted || !(await startAgain())) continue;
      // Those who wait for it want to know that they need not any more.
      log.warn({ process: 'nats-server', url }, 'process runs again');
    }
  };
  const kept = keep();

  return {
    url,
    port,
    get pid() {
      return server.pid;
    },
    restart: async () => {
      await server.stop();
    },
    exited: kept.then(() => (stopping.signal.aborted ? new Promise<null>(() => undefined) : null)),
    stop: async () => {
      stopping.abort();
      await server.stop();
      // One that was being started meanwhile.
      await kept.finally(() => server.stop());
    },
  };
};
