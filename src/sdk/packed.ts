// What the stores remember, as the text that the server has, and decoded only what is in use: decoded, ten thousand entities with their
// statuses take five times the memory, and the garbage collector looks at all of it. Text and not bytes: many small byte arrays take
// twice their length, and a poll would have to turn them into text first.

import { createRecent } from './recent.ts';

const DECODED = { count: 512, weight: 2 * 1024 * 1024 } as const;
/** Half of it is sure to be kept (recent.ts). */
const PACKED = { count: 48_000, weight: 64 * 1024 * 1024 } as const;
const OVERHEAD = 100;

/** JSON that was read or written without a problem, and where the server has it. */
export type StoredText = { readonly text: string; readonly sequence: number; readonly timeMs: number };

export type Packed<TValue> = {
  get(key: string): TValue | undefined;
  /** Without the text the value is forgotten sooner. */
  set(key: string, value: TValue, stored?: StoredText): void;
  delete(key: string): void;
  clear(): void;
};

/** `unpack` gets what `set` was given with a value, and makes an equal value of it. */
export const createPacked = <TValue>(unpack: (stored: StoredText) => TValue): Packed<TValue> => {
  const decoded = createRecent<TValue>(DECODED);
  const packed = createRecent<StoredText>(PACKED);
  return {
    get: (key) => {
      const known = decoded.get(key);
      if (known !== undefined) return known;
      const stored = packed.get(key);
      if (stored === undefined) return undefined;
      const value = unpack(stored);
      decoded.set(key, value, stored.text.length);
      return value;
    },
    set: (key, value, stored) => {
      decoded.set(key, value, stored?.text.length ?? OVERHEAD);
      if (stored === undefined) packed.delete(key);
      else packed.set(key, stored, stored.text.length + OVERHEAD);
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
