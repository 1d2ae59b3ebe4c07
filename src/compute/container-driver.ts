// The driver `container`: instances are containers of podman or docker, named `<prefix>-<home>.<id>` and labelled, so that the next runtime on
// the same data folder (the home) finds them. The engine restarts none: that is the supervisor's. A container that has ended is renamed when
// its instance is stopped or started again, and goes ten minutes later, so that what it printed last can still be read. Its variables,
// secret ones among them, can be seen with the engine's `inspect` by whoever may use the engine; files cannot.

import { existsSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { Fault, isFault } from '../core/fault.ts';
import { AT_WORK_VARIABLE } from '../messages/at-work.ts';
import type { Log } from '../engine/ports/log.ts';
import type { ComputeDriver, InstanceSpec, InstanceState } from '../engine/supervision/ports.ts';
import { AT_WORK_MOUNT, isHostNetwork, runArguments, SECRETS_MOUNT, splitVariables } from './container-arguments.ts';
import type { ContainerFacts } from './container-facts.ts';
import { createContainerInventory } from './container-inventory.ts';
import { createImagePull, notStartable } from './container-image.ts';
import { containersFolder, createContainerFiles, homeOf } from './container-files.ts';
import { followContainers } from './container-log.ts';
import { createContainerPorts } from './container-ports.ts';
import { createEngine, type EngineOptions } from './engine-cli.ts';
import { keysLeft } from './last-words.ts';
import { createLiveness } from './liveness.ts';
import { createReadiness } from './readiness.ts';

export type ContainerDriverOptions = EngineOptions & {
  /** For every container: `--network host`, limits, an `--init`. */
  readonly runFlags: readonly string[];
  /** Data folder: OPSTREAM_DATA. */
  readonly data: string;
  readonly prefix: string;
  /** The engine keeps that much of what a container prints. Default 64 MiB. */
  readonly maxLogBytes?: number;
  /** How often `/healthz` is asked. Default 10 s. */
  readonly livenessPeriodMs?: number;
  readonly log: Log;
};

const DEFAULT_LOG_BYTES = 64 * 1024 * 1024;
const START_MS = 120_000;
const STOP_EXTRA_MS = 30_000;
const LIMBO_MS = 60_000;
const OTHERS_START_MS = 20_000;
const LOOKS_FOR_OTHERS = 5;
const LOOK_AGAIN_MS = 300;
/** After the engine could not be used it is not tried before that. */
const UNAVAILABLE_MS = 10_000;
/** Where there was no container and none was started here, somebody else has hardly started one. */
const EMPTY_MS = 30_000;
const RUNTIME_MISSING = [126, 127] as const;

export const createContainerDriver = (options: ContainerDriverOptions): ComputeDriver => {
  const { prefix, runFlags, log, maxLogBytes = DEFAULT_LOG_BYTES } = options;
  const home = homeOf(options.data);
  const engine = createEngine(options);
  const files = createContainerFiles(containersFolder(options.data, prefix));
  const readiness = createReadiness(() => Date.now());
  const liveness = createLiveness(options.livenessPeriodMs);
  const listeners = new Set<() => void>();
  const isOnHost = isHostNetwork(runFlags);
  const inventory = createContainerInventory(engine, prefix, home);
  const { nameOf, isCurrent, assertEngine, all, containersOf, currentOf, remove, retire, tidy } = inventory;
  const givenPorts = createContainerPorts({ isOnHost, containers: all });
  const starting = new Set<string>();
  /** What `list` says without asking the engine: asking it each time would cost more than the rest of a round. */
  let pending: { readonly fault?: Fault; readonly untilMs: number } | undefined;

  const hostPort = (container: ContainerFacts, port: number): number | undefined =>
    isOnHost ? port : (container.published.get(port) ?? (container.published.size === 0 ? port : undefined));

  const endOf = ({ instance: id, exitCode, wasOutOfMemory }: ContainerFacts): Partial<InstanceState> => ({
    exitCode,
    ...(wasOutOfMemory ? { exitSignal: 'SIGKILL', isOutOfMemory: true } : {}),
    ...(exitCode === 0 ? {} : keysLeft(files.atWork(id))),
  });

  const stateOf = async (container: ContainerFacts): Promise<InstanceState> => {
    const { instance: id, phase, containerId: handle, ports } = container;
    const startedMs = container.startedMs || container.createdMs;
    const addresses = Object.fromEntries(
      Object.entries(ports).flatMap(([name, port]) => {
        const host = hostPort(container, port);
        return host === undefined ? [] : [[name, `127.0.0.1:${host}`]];
      }),
    );
    const base = { id, startedMs, handle, addresses };
    // Made and never started: its start was cut off, or is under way.
    const isLimbo = phase === 'created' && !starting.has(id) && Date.now() - container.createdMs > LIMBO_MS;
    if (phase === 'exited' || isLimbo) {
      return { ...base, state: 'exited', isReady: false, ...(isLimbo ? {} : endOf(container)) };
    }
    if (phase === 'created') return { ...base, state: 'starting', isReady: false };
    const metricPort = ports['metrics'] === undefined ? undefined : hostPort(container, ports['metrics']);
    const isReady = await readiness.of({ id, startedMs, metricPort });
    const failedChecks = liveness.of({ id, startedMs, metricPort }, isReady);
    return { ...base, state: isReady ? 'running' : 'starting', isReady, ...(failedChecks > 0 ? { failedChecks } : {}) };
  };

  const pull = createImagePull({ engine, files, inventory, log });

  const launch = async (spec: InstanceSpec, hostPorts: ReadonlyMap<number, number>): Promise<ContainerFacts> => {
    const { id } = spec;
    const name = nameOf(id);
    const { ports, metricPort } = await givenPorts.give(spec);
    const variables = {
      ...spec.environment,
      OPSTREAM_INSTANCE: id,
      DATAOS_SECRET_DIR: SECRETS_MOUNT,
      [AT_WORK_VARIABLE]: AT_WORK_MOUNT,
      ...(metricPort === undefined ? {} : { METRIC_PORT: String(metricPort) }),
      ...Object.fromEntries(
        spec.ports.map(({ name: port }) => [
          `OPSTREAM_PORT_${port.toUpperCase().replaceAll('-', '_')}`,
          String(ports[port]),
        ]),
      ),
    };
    const { fileText, handedOn } = splitVariables(variables);
    const secretsFolder = files.writeSecrets(id, spec.files);
    const atWorkFile = files.makeAtWork(id);
    const { result, isOurs } = await files.withFile(id, 'variables', fileText, async (envFile) => {
      const idFile = `${envFile}.container`;
      const parts = { spec, prefix, home, name, runFlags, ports, hostPorts, envFile, idFile };
      const args = runArguments({ ...parts, handedOn: Object.keys(handedOn), secretsFolder, atWorkFile, maxLogBytes });
      const ran = await engine.run(args, { timeoutMs: START_MS, environment: handedOn });
      return { result: ran, isOurs: existsSync(idFile) };
    });
    // When it was not made for the name being taken, another runtime of this machine is at it.
    const container = isOurs ? await currentOf(id) : await startedByOther(id);
    if (container !== undefined && container.phase !== 'created') return container;
    if (container !== undefined && isOurs) await remove(container);
    await assertEngine(result);
    // It may be for the ports: they can be taken since that look, or in a way that cannot be seen from here.
    if (hostPorts.size > 0) return launch(spec, new Map());
    const isProgramMissing = RUNTIME_MISSING.some((code) => code === result.code);
    const program = spec.command[0] ?? 'what the image starts';
    const what = isProgramMissing
      ? `${program} cannot be run in image ${spec.image}`
      : `the engine does not start image ${spec.image}`;
    throw notStartable(what, result);
  };

  /** What somebody else is starting, when that is done; undefined: there is nothing, `created`: it takes too long. */
  const startedByOther = async (id: string): Promise<ContainerFacts | undefined> => {
    const untilMs = Date.now() + OTHERS_START_MS;
    for (let looks = 1; ; looks += 1) {
      const found = await currentOf(id);
      const isComing = found?.phase === 'created' || (found === undefined && looks <= LOOKS_FOR_OTHERS);
      if (!isComing || Date.now() > untilMs) return found;
      await pause(LOOK_AGAIN_MS);
    }
  };

  /** What has the instance's name at the moment. */
  const settled = async (id: string): Promise<ContainerFacts | undefined> => {
    const found = await currentOf(id);
    const isComing = found?.phase === 'created' && Date.now() - found.createdMs < LIMBO_MS;
    return isComing ? startedByOther(id) : found;
  };

  /** Another runtime on this folder that believes to lead may be starting it. */
  const lock = async (id: string): Promise<() => void> => {
    const untilMs = Date.now() + OTHERS_START_MS;
    for (;;) {
      try {
        return files.lock(id);
      } catch (error) {
        if (!isFault(error, 'CONFIG_INVALID')) throw error;
        if (Date.now() > untilMs)
          throw new Fault('COMPUTE_UNAVAILABLE', `${id} is being started by another runtime`, { cause: error });
        await pause(LOOK_AGAIN_MS);
      }
    }
  };

  const startOne = async (spec: InstanceSpec): Promise<InstanceState> => {
    const { id } = spec;
    const unlock = await lock(id);
    try {
      const before = await settled(id);
      if (before?.phase === 'running') return await stateOf(before);
      if (before !== undefined) await retire(before);
      return await stateOf(await launch(spec, await givenPorts.publish(spec)));
    } catch (error) {
      files.remove(id);
      throw error;
    } finally {
      unlock();
    }
  };

  // One start after the other: on the host's network two would find the same port free.
  let turn: Promise<unknown> = Promise.resolve();

  /** Removes what is left of the instance, waiting for who is at it. */
  const stop = async (id: string, graceMs: number): Promise<void> => {
    const container = await currentOf(id);
    if (container === undefined) {
      files.remove(id);
      return;
    }
    if (container.phase === 'running') {
      const graceS = Math.ceil(graceMs / 1000);
      await engine.run(['stop', '-t', String(graceS), container.containerId], { timeoutMs: graceMs + STOP_EXTRA_MS });
      let left = await currentOf(id);
      for (let tries = 0; left?.phase === 'running' && tries < 10; tries += 1) {
        await engine.run(['kill', '--signal', 'KILL', container.containerId]);
        await pause(200);
        left = await currentOf(id);
      }
      if (left?.phase === 'running')
        throw new Fault('COMPUTE_UNAVAILABLE', `${engine.program} does not stop the container ${container.name}`);
    }
    await retire({ ...container, phase: container.phase === 'created' ? 'created' : 'exited' });
    files.remove(id);
    readiness.forget(id);
    liveness.forget(id);
    log.debug({ instance: id, container: container.containerId }, 'container ended');
  };

  return {
    name: 'container',
    start: async (spec) => {
      starting.add(spec.id);
      pending = undefined;
      try {
        if ((await currentOf(spec.id))?.phase !== 'running') await pull(spec);
        const started = turn.then(() => startOne(spec));
        turn = started.catch(() => undefined);
        return await started;
      } finally {
        starting.delete(spec.id);
        pending = undefined;
      }
    },
    list: async () => {
      if (pending !== undefined && Date.now() < pending.untilMs) {
        if (pending.fault !== undefined) throw pending.fault;
        return [];
      }
      try {
        const found = await all();
        if (found.length === 0 && starting.size === 0) pending = { untilMs: Date.now() + EMPTY_MS };
        await tidy(found);
        const current = found.filter(isCurrent);
        const known = new Set([...current.map(({ instance }) => instance), ...starting]);
        files.removeAbandoned((id) => known.has(id));
        return await Promise.all(current.map(stateOf));
      } catch (error) {
        if (isFault(error)) pending = { fault: error, untilMs: Date.now() + UNAVAILABLE_MS };
        throw error;
      }
    },
    stop,
    onChange: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    followLog: (id, after, signal) =>
      followContainers(
        { engine, containersOf, onEnd: () => listeners.forEach((listener) => listener()) },
        id,
        after,
        signal,
      ),
  };
};

/** Ends every container of a prefix that was started from this data folder. Used when the instance as a whole ends. */
export const endContainers = async (options: ContainerDriverOptions, graceMs: number): Promise<void> => {
  // Without a folder there was never one; the engine need not be there then.
  if (!createContainerFiles(containersFolder(options.data, options.prefix)).has()) return;
  const driver = createContainerDriver(options);
  await Promise.all((await driver.list()).map(({ id }) => driver.stop(id, graceMs)));
};
