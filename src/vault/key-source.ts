// Where a process has its keys from: a variable, or a file that is read again when it changes, so that a key can be added without a restart.

import { readFileSync, statSync } from 'node:fs';
import { Fault } from '../core/fault.ts';
import { EMPTY_RING, parseKeyRing, type KeyRing } from './key-ring.ts';

export type KeySource = {
  /** Faults: CONFIG_INVALID (cannot be read, may be read by others, is no key ring). */
  ring(): KeyRing;
};

export type KeySettings = { readonly keys: string | undefined; readonly keysFile: string | undefined };

/** A file is looked at again after this time. */
const MAX_AGE_MS = 1000;
const OTHERS = 0o077;

const reasonOf = (error: unknown): string => {
  const { code } = (typeof error === 'object' && error !== null ? error : {}) as { readonly code?: unknown };
  return code === 'ENOENT'
    ? 'there is no such file'
    : `it cannot be read (${typeof code === 'string' ? code : 'unknown'})`;
};

const fileSource = (path: string, nowMs: () => number): KeySource => {
  const where = `OPSTREAM_SECRET_KEYS_FILE ${path}`;
  let known: { readonly ring: KeyRing; readonly version: string } | undefined;
  let checkedMs = Number.NEGATIVE_INFINITY;

  const read = (): KeyRing => {
    const { mtimeMs, size, ino, mode } = statSync(path);
    if ((mode & OTHERS) !== 0) {
      const message = `${where}: others than its owner may read it; \`chmod 600\` it`;
      throw new Fault('CONFIG_INVALID', message, { retry: 'never' });
    }
    const version = `${mtimeMs} ${size} ${ino}`;
    if (known?.version !== version) known = { ring: parseKeyRing(readFileSync(path, 'utf8'), where), version };
    return known.ring;
  };

  return {
    ring: () => {
      if (known !== undefined && nowMs() - checkedMs < MAX_AGE_MS) return known.ring;
      try {
        const ring = read();
        checkedMs = nowMs();
        return ring;
      } catch (error) {
        if (error instanceof Fault) throw error;
        throw new Fault('CONFIG_INVALID', `${where}: ${reasonOf(error)}`, { retry: 'never' });
      }
    },
  };
};

/** What is given is read at once, so that a mistake in it stops the process at its start. Faults: CONFIG_INVALID. */
export const openKeySource = (
  { keys, keysFile }: KeySettings,
  nowMs: () => number = () => performance.now(),
): KeySource => {
  if (keys !== undefined && keysFile !== undefined) {
    const message = 'expected one of OPSTREAM_SECRET_KEYS and OPSTREAM_SECRET_KEYS_FILE, found both';
    throw new Fault('CONFIG_INVALID', message, { retry: 'never' });
  }
  if (keysFile !== undefined) {
    const source = fileSource(keysFile, nowMs);
    source.ring();
    return source;
  }
  const ring = keys === undefined ? EMPTY_RING : parseKeyRing(keys, 'OPSTREAM_SECRET_KEYS');
  return { ring: () => ring };
};
