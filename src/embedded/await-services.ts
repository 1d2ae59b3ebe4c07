// Waits until an instance can be used: both services answer and the operator-runtime and projector hold their leases. The lease of a
// process of this machine that was killed stays for seconds; it does not count.

import { hostname } from 'node:os';
import { decodeJson } from '../core/decode.ts';
import { Fault } from '../core/fault.ts';
import { isJsonObject } from '../core/json.ts';
import { createKeyValueStore } from '../jetstream/key-value-store.ts';
import { connectNats } from '../jetstream/connection.ts';
import { createRequester } from '../jetstream/requester.ts';
import { pause } from '../jetstream/pause.ts';
import { namesFor } from '../messages/subjects.ts';
import { accessOptions, openAccess, type AccessConfig } from '../program/connection-options.ts';
import type { InstanceConfig } from '../program/instance-config.ts';
import type { KeyValueEntry } from '../engine/ports/buckets.ts';
import type { Log } from '../engine/ports/log.ts';
import { isAlive, pidIn } from '../compute/os-process.ts';

type Access = Pick<InstanceConfig, 'prefix'> & Partial<AccessConfig>;

const LEASES = ['projector', 'operator-runtime', 'command-intake'] as const;
const LOOK_AGAIN_MS = 100;
const EMPTY = new Uint8Array();

/** Whether somebody holds it who is not known to be dead. Holders are called `<host>-<process id>`. */
const isHeld = (entry: KeyValueEntry | undefined): boolean => {
  if (entry === undefined) return false;
  const value = decodeJson(entry.data);
  const holder = isJsonObject(value) && typeof value['holder'] === 'string' ? value['holder'] : '';
  const here = `${hostname()}-`;
  return !holder.startsWith(here) || isAlive(pidIn(holder.slice(here.length)));
};

/** Faults: NATS_TIMEOUT naming what is still missing. */
export const awaitServices = async (
  url: string,
  context: { readonly config: Access; readonly log: Log; readonly signal: AbortSignal },
  timeoutMs: number,
): Promise<void> => {
  const { config, log, signal } = context;
  const names = namesFor(config.prefix);
  const connection = await connectNats({
    url,
    name: `${config.prefix}-up`,
    log,
    signal,
    ...accessOptions({ ...openAccess, ...config }),
  });
  const requester = createRequester(connection);
  const leases = createKeyValueStore(connection, names.buckets.leases);
  const checks = [
    ...[names.services.commandHandler, names.services.queryResponder].map((service) => ({
      what: service,
      isThere: () => requester.request(`$SRV.PING.${service}`, EMPTY, { timeoutMs: 500 }).then(() => true),
    })),
    ...LEASES.map((lease) => ({ what: lease, isThere: () => leases.get(lease).then(isHeld) })),
  ];
  const deadlineMs = performance.now() + timeoutMs;
  try {
    for (const { what, isThere } of checks) {
      while (!(await isThere().catch(() => false))) {
        if (signal.aborted) return;
        if (performance.now() > deadlineMs) {
          throw new Fault(
            'NATS_TIMEOUT',
            `${what} did not come up within ${timeoutMs / 1000} s; its log is in the logs folder`,
          );
        }
        await pause(LOOK_AGAIN_MS, signal);
      }
    }
  } finally {
    await connection.close();
  }
};
