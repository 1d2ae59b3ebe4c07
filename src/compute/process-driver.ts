// The driver `process`: instances are processes of this machine. Each leads a process group of its own and does not notice when the runtime
// ends, however it ends; the next runtime on the same data folder finds it by its record. A shell holds the program back until the
// record is written: a runtime that is killed in between leaves nothing behind, since the shell then reads no word to go on.
// The environment is what the spec says, PATH, HOME and TMPDIR: nothing else of the runtime's.

import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, fstatSync, openSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { Fault, isFault } from '../core/fault.ts';
import type { Log } from '../engine/ports/log.ts';
import type { ComputeDriver, InstanceSpec, InstanceState } from '../engine/supervision/ports.ts';
import { AT_WORK_VARIABLE } from '../messages/at-work.ts';
import { lockFolder } from './folder-lock.ts';
import { freePort } from './free-ports.ts';
import * as records from './instance-records.ts';
import type { InstanceRecord } from './instance-records.ts';
import { resolveProgram, type LocalImages } from './local-images.ts';
import { followLogFiles } from './log-file.ts';
import { birthOf, killGroupOf } from './os-process.ts';
import { lastWords } from './last-words.ts';
import { createLiveness } from './liveness.ts';
import { createReadiness } from './readiness.ts';
import { makeFolder } from './make-folder.ts';

export type ProcessDriverOptions = {
  /** Data folder: OPSTREAM_DATA. */
  readonly data: string;
  readonly prefix: string;
  /** PATH, HOME and TMPDIR are taken from it. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly builtInImages: LocalImages;
  /** OPSTREAM_LOCAL_IMAGES. */
  readonly localImagesPath?: string;
  /** An output file that is longer is cut. Default 64 MiB. */
  readonly maxLogBytes?: number;
  /** How often `/healthz` is asked. Default 10 s. */
  readonly livenessPeriodMs?: number;
  readonly log: Log;
};

const KEPT_VARIABLES = ['PATH', 'HOME', 'TMPDIR'] as const;
const HELD_BACK = 'read -r go && exec "$@" </dev/null';
const KEEP_REMOVED_MS = 3_600_000;
const DEFAULT_LOG_BYTES = 64 * 1024 * 1024;
const START_LOCK = 'starting.pid';

const notStartable = (message: string, cause?: unknown): Fault =>
  new Fault('COMPONENT_NOT_STARTABLE', message, cause === undefined ? {} : { cause });

export const createProcessDriver = (options: ProcessDriverOptions): ComputeDriver => {
  const { log, environment, maxLogBytes = DEFAULT_LOG_BYTES } = options;
  const root = records.componentsFolder(resolve(options.data), options.prefix);
  const readiness = createReadiness(() => Date.now());
  const liveness = createLiveness(options.livenessPeriodMs);
  const listeners = new Set<() => void>();
  /** Children of this process that it has not heard the end of: until then their exit code is not known. */
  const unheard = new Set<number>();
  const tell = (): void => listeners.forEach((listener) => listener());

  /** How it ended, and what it left to be said about that. */
  const endOf = ({ id, ended, stderrFrom = 0, cut }: InstanceRecord): Partial<InstanceState> => {
    const stderr = { path: records.outputFile(root, id, 'stderr'), from: stderrFrom - cut.stderr };
    return {
      ...(ended?.code === undefined ? {} : { exitCode: ended.code }),
      ...(ended?.signal === undefined ? {} : { exitSignal: ended.signal }),
      ...(ended?.code === 0 ? {} : lastWords({ atWork: records.atWorkFile(root, id), stderr })),
    };
  };

  const stateOf = async (record: InstanceRecord): Promise<InstanceState> => {
    const { id, startedMs, pid, addresses, metricPort, ended } = record;
    const base = { id, startedMs, handle: String(pid), addresses };
    const isEnding = ended === undefined && unheard.has(pid) && !records.isRunning(record);
    if (isEnding) return { ...base, state: 'running', isReady: false };
    if (!records.isRunning(record)) {
      return { ...base, state: 'exited', isReady: false, ...endOf(record) };
    }
    const isReady = await readiness.of({ id, startedMs, metricPort });
    const failedChecks = liveness.of({ id, startedMs, metricPort }, isReady);
    return { ...base, state: isReady ? 'running' : 'starting', isReady, ...(failedChecks > 0 ? { failedChecks } : {}) };
  };

  /** What is still there of instances that are gone, and too much of the outputs of those that run. */
  const tidy = (record: InstanceRecord): void => {
    const { id, removedMs } = record;
    if (removedMs !== undefined) {
      const isOld = Date.now() - removedMs > KEEP_REMOVED_MS;
      if (isOld) rmSync(records.recordFolder(root, id), { recursive: true, force: true });
      return;
    }
    for (const output of ['stdout', 'stderr'] as const) {
      const path = records.outputFile(root, id, output);
      const { size } = statSync(path, { throwIfNoEntry: false }) ?? { size: 0 };
      if (size <= maxLogBytes) continue;
      truncateSync(path, 0);
      const latest = records.readRecord(root, id) ?? record;
      records.writeRecord(root, { ...latest, cut: { ...latest.cut, [output]: latest.cut[output] + size } });
    }
  };

  const takenPorts = (): ReadonlySet<number> =>
    new Set(
      records
        .allRecords(root)
        .filter(records.isRunning)
        .flatMap(({ addresses, metricPort }) => [
          ...Object.values(addresses).map((address) => Number(address.split(':').at(-1))),
          ...(metricPort === undefined ? [] : [metricPort]),
        ]),
    );

  /** By what the manifest says. */
  const givePorts = async (spec: InstanceSpec): Promise<ReadonlyMap<number, number>> => {
    const metric = Number(spec.environment['METRIC_PORT'] ?? NaN);
    const wanted = new Set([...(Number.isInteger(metric) ? [metric] : []), ...spec.ports.map((one) => one.targetPort)]);
    const taken = new Set(takenPorts());
    const given = new Map<number, number>();
    for (const port of wanted) {
      const free = await freePort(port, taken);
      if (free === undefined) throw new Fault('COMPUTE_UNAVAILABLE', `no free port for ${spec.component}`);
      taken.add(free);
      given.set(port, free);
    }
    return given;
  };

  const writeSecrets = (spec: InstanceSpec): string => {
    const folder = records.secretsFolder(root, spec.id);
    records.removeSecrets(root, spec.id);
    makeFolder(folder, 0o700);
    for (const { name, content } of spec.files) {
      // A name with a slash would be written somewhere else.
      if (basename(name) !== name || name === '..' || name === '.')
        throw notStartable(`a secret's file cannot be called ${name}`);
      writeFileSync(join(folder, name), content, { mode: 0o600 });
    }
    return folder;
  };

  const spawned = (child: ChildProcess, path: string): Promise<void> =>
    new Promise((done, fail) => {
      child.once('spawn', done);
      child.once('error', (error: NodeJS.ErrnoException) =>
        fail(notStartable(`the operating system does not start ${path} (${error.code ?? 'unknown'})`, error)),
      );
    });

  const onExit = (id: string, pid: number, code: number | null, signal: string | null): void => {
    unheard.delete(pid);
    // A group may outlive its leader.
    killGroupOf(pid);
    const record = records.readRecord(root, id);
    if (record?.pid === pid && record.ended === undefined) {
      const ended = { atMs: Date.now(), ...(code === null ? {} : { code }), ...(signal === null ? {} : { signal }) };
      records.writeRecord(root, { ...record, ended });
    }
    tell();
  };

  const launch = async (spec: InstanceSpec, cut: InstanceRecord['cut']): Promise<InstanceRecord> => {
    const program = resolveProgram({
      image: spec.image,
      command: spec.command,
      builtIn: options.builtInImages,
      tablePath: options.localImagesPath,
      searchPath: environment['PATH'] ?? '',
    });
    const given = await givePorts(spec);
    const metric = spec.environment['METRIC_PORT'];
    const metricPort = metric === undefined ? undefined : given.get(Number(metric));
    const named = spec.ports.map(({ name, targetPort }) => [name, given.get(targetPort) ?? targetPort] as const);
    const isNamed = named.some(([, port]) => port === metricPort);
    const ports = metricPort === undefined || isNamed ? named : [...named, ['metrics', metricPort] as const];
    const variables = {
      ...Object.fromEntries(
        KEPT_VARIABLES.flatMap((name) => (environment[name] === undefined ? [] : [[name, environment[name]]])),
      ),
      ...program.environment,
      ...spec.environment,
      OPSTREAM_INSTANCE: spec.id,
      [AT_WORK_VARIABLE]: records.atWorkFile(root, spec.id),
      DATAOS_SECRET_DIR: writeSecrets(spec),
      ...(metricPort === undefined ? {} : { METRIC_PORT: String(metricPort) }),
      ...Object.fromEntries(
        named.map(([name, port]) => [`OPSTREAM_PORT_${name.toUpperCase().replaceAll('-', '_')}`, String(port)]),
      ),
    };
    rmSync(records.atWorkFile(root, spec.id), { force: true });
    const [out, error] = (['stdout', 'stderr'] as const).map((output) =>
      openSync(records.outputFile(root, spec.id, output), 'a', 0o600),
    ) as [number, number];
    const words = [program.path, ...program.command.slice(1), ...spec.arguments];
    const { size: written } = fstatSync(error);
    let child: ChildProcess;
    try {
      child = spawn('/bin/sh', ['-c', HELD_BACK, 'sh', ...words], {
        stdio: ['pipe', out, error],
        env: variables,
        detached: true,
      });
      await spawned(child, program.path);
    } finally {
      closeSync(out);
      closeSync(error);
    }
    const { pid = 0 } = child;
    unheard.add(pid);
    child.once('exit', (code, signal) => onExit(spec.id, pid, code, signal));
    const record: InstanceRecord = {
      ...{ id: spec.id, image: spec.image, program: program.path, pid, birth: birthOf(pid), startedMs: Date.now() },
      ...(metricPort === undefined ? {} : { metricPort }),
      addresses: Object.fromEntries(ports.map(([name, port]) => [name, `127.0.0.1:${port}`])),
      cut,
      stderrFrom: cut.stderr + written,
    };
    records.writeRecord(root, record);
    child.stdin?.on('error', () => undefined);
    child.stdin?.end('go\n');
    child.unref();
    return record;
  };

  const startOne = async (spec: InstanceSpec): Promise<InstanceState> => {
    const folder = records.recordFolder(root, spec.id);
    try {
      makeFolder(folder, 0o700);
      // Another runtime of this machine that believes to lead may be at it.
      const unlock = lockFolder(folder, START_LOCK);
      try {
        const before = records.readRecord(root, spec.id);
        const isThere = before !== undefined && before.removedMs === undefined && records.isRunning(before);
        if (isThere) return await stateOf(before);
        try {
          return await stateOf(await launch(spec, before?.cut ?? { stdout: 0, stderr: 0 }));
        } catch (error) {
          records.removeSecrets(root, spec.id);
          throw error;
        }
      } finally {
        unlock();
      }
    } catch (error) {
      if (isFault(error, 'CONFIG_INVALID'))
        throw new Fault('COMPUTE_UNAVAILABLE', `${spec.id} is being started by another runtime`);
      if (isFault(error)) throw error;
      const { code } = error as NodeJS.ErrnoException;
      if (code === undefined) throw error;
      throw new Fault('COMPUTE_UNAVAILABLE', `the folder ${folder} cannot be used (${code})`, { cause: error });
    }
  };

  // One start after the other: two would find the same port free.
  let starting: Promise<unknown> = Promise.resolve();
  return {
    name: 'process',
    start: (spec) => {
      const started = starting.then(() => startOne(spec));
      starting = started.catch(() => undefined);
      return started;
    },
    list: async () => {
      const all = records.allRecords(root);
      const listed = all.filter(({ removedMs }) => removedMs === undefined);
      for (const record of all) tidy(record);
      return Promise.all(listed.map(stateOf));
    },
    stop: async (id, graceMs) => {
      const record = records.readRecord(root, id);
      if (record === undefined || record.removedMs !== undefined) return;
      await records.endInstance(root, record, graceMs);
      readiness.forget(id);
      liveness.forget(id);
      log.debug({ instance: id, pid: record.pid }, 'process ended');
    },
    onChange: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    followLog: (id, after, signal) => followLogFiles(root, id, after, signal),
  };
};
