// A bounded memory of what was used lately: two maps, of which the older one is dropped whole when the younger one is full. An
// ordered map that loses its oldest key for each new one spends more time on the holes than on the keys.

export type Generations<T> = {
  get(key: string): T | undefined;
  set(key: string, value: T): void;
  delete(key: string): void;
};

/** Keeps at least the `limit / 2` values used last, and at most `limit`. */
export const createGenerations = <T>(limit: number): Generations<T> => {
  const half = Math.max(1, Math.floor(limit / 2));
  let young = new Map<string, T>();
  let old = new Map<string, T>();

  const set = (key: string, value: T): void => {
    young.set(key, value);
    if (young.size < half) return;
    old = young;
    young = new Map();
  };

  return {
    get: (key) => {
      const value = young.get(key);
      if (value !== undefined) return value;
      const before = old.get(key);
      if (before !== undefined) set(key, before);
      return before;
    },
    set,
    delete: (key) => {
      young.delete(key);
      old.delete(key);
    },
  };
};
