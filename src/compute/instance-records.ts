// What the process driver knows of its instances, on disk: one folder each, `<data>/components/<prefix>/<id>/`, with record.json, the two
// outputs and, while it runs, the files with secrets. A runtime that comes after a killed one reads who runs from here. Records hold
// no environment, no arguments and no secrets.

import { existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { decodeJson } from '../core/decode.ts';
import { isJsonObject } from '../core/json.ts';
import { SERVER_IMAGE } from '../engine/own-server/ports.ts';
import { endGroup, isSameProcess, killGroupOf } from './os-process.ts';
import { makeFolder } from './make-folder.ts';

export type InstanceRecord = {
  readonly id: string;
  readonly image: string | undefined;
  readonly program: string;
  readonly pid: number;
  /** When the process began, as `birthOf` tells it: a number alone may be somebody else's by now. */
  readonly birth: string;
  readonly startedMs: number;
  readonly metricPort?: number;
  readonly addresses: Readonly<Record<string, string>>;
  /** Bytes of each output that were cut off its file. */
  readonly cut: { readonly stdout: number; readonly stderr: number };
  /** Where its error output begins, in bytes, counted with those that were cut: before it is that of earlier processes. */
  readonly stderrFrom?: number;
  readonly ended?: { readonly atMs: number; readonly code?: number; readonly signal?: string };
  /** It was stopped, or its end was taken note of: nobody is told of it any more, only its outputs are kept for a while. */
  readonly removedMs?: number;
};

const RECORD = 'record.json';
const SECRETS = 'secrets';

export const recordFolder = (root: string, id: string): string => join(root, id);
export const secretsFolder = (root: string, id: string): string => join(root, id, SECRETS);
export const outputFile = (root: string, id: string, output: 'stdout' | 'stderr'): string =>
  join(root, id, `${output}.log`);

/** Where a component made with the SDK keeps what it works on. */
export const atWorkFile = (root: string, id: string): string => join(root, id, 'at-work');

export const readRecord = (root: string, id: string): InstanceRecord | undefined => {
  const path = join(recordFolder(root, id), RECORD);
  try {
    const value = decodeJson(readFileSync(path));
    // Written by this program alone, whole or not at all.
    return isJsonObject(value) && typeof value['pid'] === 'number' ? (value as unknown as InstanceRecord) : undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
};

export const writeRecord = (root: string, record: InstanceRecord): void => {
  const folder = recordFolder(root, record.id);
  makeFolder(folder, 0o700);
  const path = join(folder, RECORD);
  writeFileSync(`${path}.new`, JSON.stringify(record), { mode: 0o600 });
  renameSync(`${path}.new`, path);
};

export const allRecords = (root: string): readonly InstanceRecord[] => {
  if (!existsSync(root)) return [];
  const ids = readdirSync(root, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return ids.flatMap(({ name }) => readRecord(root, name) ?? []);
};

export const isRunning = ({ pid, birth, ended }: InstanceRecord): boolean =>
  ended === undefined && isSameProcess(pid, birth);

export const removeSecrets = (root: string, id: string): void =>
  rmSync(secretsFolder(root, id), { recursive: true, force: true });

/** SIGTERM, then SIGKILL; its secrets are removed, its outputs stay. */
export const endInstance = async (root: string, record: InstanceRecord, graceMs: number): Promise<void> => {
  if (record.ended === undefined) await endGroup(record.pid, record.birth, graceMs);
  removeSecrets(root, record.id);
  const latest = readRecord(root, record.id) ?? record;
  if (latest.pid === record.pid) writeRecord(root, { ...latest, removedMs: Date.now() });
};

const rootsIn = (data: string): readonly string[] => {
  const folder = join(data, 'components');
  return existsSync(folder) ? readdirSync(folder).map((prefix) => join(folder, prefix)) : [];
};

/** The folder of an instance's components. */
export const componentsFolder = (data: string, prefix: string): string => join(data, 'components', prefix);

/** Every component that runs on a data folder as a process. */
export const runningComponents = (data: string): readonly InstanceRecord[] =>
  rootsIn(data).flatMap((root) => allRecords(root).filter(isRunning));

/** Ends every component that runs on a data folder, whoever started it. Used when the instance as a whole ends. */
export const endComponents = async (data: string, graceMs = 10_000): Promise<void> => {
  const all = rootsIn(data).flatMap((root) =>
    allRecords(root)
      .filter(({ removedMs }) => removedMs === undefined)
      .map((record) => ({ root, record })),
  );
  // A component that stops wants to let go of its lease, on its operator's own server.
  for (const isServers of [false, true]) {
    const now = all.filter(({ record }) => (record.image === SERVER_IMAGE) === isServers);
    await Promise.all(now.map(({ root, record }) => endInstance(root, record, graceMs)));
  }
};

/** The same without grace and without waiting: for a program that must exit now. */
export const killComponents = (data: string): void => {
  for (const root of rootsIn(data)) {
    for (const record of allRecords(root)) {
      if (isRunning(record)) killGroupOf(record.pid);
      removeSecrets(root, record.id);
    }
  }
};
