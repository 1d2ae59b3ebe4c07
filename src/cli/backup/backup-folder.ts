// The folder of a backup: `backup.json` says what is in it, and for each stream there are `<stream>.snapshot` (what the server sent) and
// `<stream>.digests` (what each message was, see digests.ts). `backup.json` is written last: a folder without it is no backup.

import {
  createReadStream,
  createWriteStream,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { finished } from 'node:stream/promises';
import { Fault } from '../../core/fault.ts';
import { decodeJson } from '../../core/decode.ts';
import { isJsonObject, type JsonObject } from '../../core/json.ts';

const INDEX = 'backup.json';
/** It holds sealed secrets, and everything else in the clear. */
const PRIVATE = 0o600;

export type BackedUpStream = {
  readonly name: string;
  /** The server's configuration and state of it, as the restore wants them back. */
  readonly config: JsonObject;
  readonly state: JsonObject;
  readonly messages: number;
};

export type BackupIndex = {
  readonly prefix: string;
  readonly takenAt: string;
  readonly streams: readonly BackedUpStream[];
};

const wrong = (text: string): Fault => new Fault('CONFIG_INVALID', text, { retry: 'never' });

export type Output = { write(chunk: Uint8Array | string): Promise<void>; end(): Promise<void> };

const outputTo = (path: string): Output => {
  const stream = createWriteStream(path, { mode: PRIVATE });
  const ended = finished(stream);
  ended.catch(() => undefined);
  return {
    write: async (chunk) => {
      if (!stream.write(chunk)) await Promise.race([once(stream, 'drain'), ended]);
    },
    end: async () => {
      stream.end();
      await ended;
    },
  };
};

/** Faults: CONFIG_INVALID when the folder holds something already, or cannot be made. */
export const newBackup = (folder: string) => {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw wrong(
      `${folder} cannot be made (${(error as NodeJS.ErrnoException).code ?? 'unknown'}); name another folder`,
    );
  }
  if (readdirSync(folder).length > 0) throw wrong(`${folder} is not empty; name a new folder`);
  return {
    snapshot: (stream: string): Output => outputTo(join(folder, `${stream}.snapshot`)),
    digests: (stream: string): Output => outputTo(join(folder, `${stream}.digests`)),
    finish: (index: BackupIndex): void =>
      writeFileSync(join(folder, INDEX), `${JSON.stringify(index, undefined, 2)}\n`, { mode: PRIVATE }),
  };
};

const isStream = (value: unknown): boolean =>
  isJsonObject(value) &&
  typeof value['name'] === 'string' &&
  isJsonObject(value['config']) &&
  isJsonObject(value['state']) &&
  typeof value['messages'] === 'number';

/** Faults: CONFIG_INVALID when the folder holds no backup, or only part of one. */
export const openBackup = (folder: string) => {
  const path = join(folder, INDEX);
  if (!existsSync(path))
    throw wrong(`${folder} holds no backup (no ${INDEX}); name the folder that \`opstream backup\` wrote to its end`);
  const value = decodeJson(readFileSync(path));
  if (
    !isJsonObject(value) ||
    typeof value['prefix'] !== 'string' ||
    !Array.isArray(value['streams']) ||
    !value['streams'].every(isStream)
  )
    throw wrong(`${path} is not what \`opstream backup\` writes`);
  const index = value as unknown as BackupIndex;
  for (const { name } of index.streams)
    for (const file of [`${name}.snapshot`, `${name}.digests`])
      if (!existsSync(join(folder, file)))
        throw wrong(`${folder} lacks ${file}; take the backup again, or copy all of it`);
  return {
    index,
    chunks: (stream: string): AsyncIterable<Uint8Array> => createReadStream(join(folder, `${stream}.snapshot`)),
    digests: (stream: string): AsyncIterable<string> =>
      createInterface({ input: createReadStream(join(folder, `${stream}.digests`)), crlfDelay: Infinity }),
  };
};
