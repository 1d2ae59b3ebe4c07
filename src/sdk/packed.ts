// What the stores remember, as the bytes that the server has, and decoded only what is in use: decoded, ten thousand entities with their
// statuses take five times the memory, and the garbage collector looks at all of it.

import type { StoredMessage } from '../engine/ports.ts';
import { createRecent } from './recent.ts';

const DECODED = { count: 512, weight: 2 * 1024 * 1024 } as const;
/** Half of it is sure to be kept (recent.ts). */
const PACKED = { count: 48_000, weight: 64 * 1024 * 1024 } as const;
const OVERHEAD = 150;

export type Bytes = Pick<StoredMessage, 'data' | 'sequence' | 'timeMs'>;

export type Packed<TValue> = {
  get(key: string): TValue | undefined;
  /** `bytes` are copied. Without them the value is forgotten sooner. */
  set(key: string, value: TValue, bytes?: Bytes): void;
  delete(key: string): void;
  clear(): void;
};

export const createPacked = <TValue>(decode: (bytes: Bytes) => TValue | undefined): Packed<TValue> => {
  const decoded = createRecent<TValue>(DECODED);
  const packed = createRecent<Bytes>(PACKED);
  return {
    get: (key) => {
      const known = decoded.get(key);
      if (known !== undefined) return known;
      const bytes = packed.get(key);
      const value = bytes === undefined ? undefined : decode(bytes);
      if (bytes !== undefined && value !== undefined) decoded.set(key, value, bytes.data.length);
      return value;
    },
    set: (key, value, bytes) => {
      decoded.set(key, value, bytes?.data.length ?? OVERHEAD);
      if (bytes === undefined) packed.delete(key);
      else {
        const { data, sequence, timeMs } = bytes;
        packed.set(key, { data: new Uint8Array(data), sequence, timeMs }, data.length + OVERHEAD);
      }
    },
    delete: (key) => {
      decoded.delete(key);
      packed.delete(key);
    },
    clear: () => {
      decoded.clear();
      packed.clear();
    },
  };
};
