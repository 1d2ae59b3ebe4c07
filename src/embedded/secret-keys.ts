// The key ring of an instance that `up` runs: a file beside its data, made at the first start. Who has both the data and this file can read the
// secrets; keep it elsewhere (OPSTREAM_SECRET_KEYS_FILE) where that matters.

import { randomBytes } from 'node:crypto';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

type Environment = Readonly<Record<string, string | undefined>>;

const FILE = 'secret-keys';
const SETTINGS = ['OPSTREAM_SECRET_KEYS', 'OPSTREAM_SECRET_KEYS_FILE'] as const;
/** Only these seal and open; the others do not get the keys. */
const HOLDERS: readonly string[] = ['command-handler', 'operator-runtime'];

const HEADER = [
  '# Keys that secrets are sealed with: <id>:<base64 of 32 bytes>, one a line. The first seals, all of them open.',
  '# To rotate: put a new line first (openssl rand -base64 32), run `opstream reseal`, then take the old line out.',
  '# Without this file the secrets that are stored cannot be read: keep a copy in a safe place.',
];

/** Path of the file, made if there is none. */
export const ensureKeyFile = (directory: string): string => {
  const path = join(directory, FILE);
  if (!existsSync(path)) {
    const key = `k1:${randomBytes(32).toString('base64')}`;
    writeFileSync(path, [...HEADER, key, ''].join('\n'), { mode: 0o600, flag: 'wx' });
  }
  return path;
};

/** The environment of one of the processes: with the key ring for who needs it, without for the others. */
export const environmentOf = (process: string, environment: Environment, keyFile: string | undefined): Environment => {
  const isHolder = HOLDERS.includes(process);
  const rest = Object.fromEntries(
    Object.entries(environment).filter(([name]) => isHolder || !SETTINGS.some((setting) => setting === name)),
  );
  return isHolder && keyFile !== undefined ? { ...rest, OPSTREAM_SECRET_KEYS_FILE: keyFile } : rest;
};

export const hasOwnKeys = (environment: Environment): boolean =>
  SETTINGS.some((name) => (environment[name] ?? '') !== '');
