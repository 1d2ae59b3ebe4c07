// Ends the containers that an instance has left running when the instance as a whole ends. Nothing is asked of an engine when no container was
// ever started from the folder. An `up` that is killed, or must exit at once, leaves its containers; the next one finds them.

import { endContainers } from '../compute/container-driver.ts';
import { isFault } from '../core/fault.ts';
import type { Log } from '../engine/ports/log.ts';
import { computeTable } from '../program/compute-config.ts';
import { loadConfig } from '../program/config-table.ts';

export const endContainersOf = async (
  directory: string,
  environment: Readonly<Record<string, string | undefined>>,
  graceMs: number,
  log: Log,
): Promise<void> => {
  const loaded = loadConfig(computeTable, environment);
  // The operator-runtime has said what is wrong, and has started nothing.
  if (!loaded.ok) return;
  const {
    containerEngine: program,
    containerEngineFlags: engineFlags,
    containerRunFlags: runFlags,
  } = loaded.value.config;
  const prefix = environment['OPSTREAM_PREFIX'] ?? 'opstream';
  const options = { engineFlags, runFlags, environment, data: directory, prefix, log };
  try {
    await endContainers(program === undefined ? options : { ...options, program }, graceMs);
  } catch (error) {
    if (!isFault(error)) throw error;
    log.warn({ err: error.message }, 'containers of components are left running');
  }
};
