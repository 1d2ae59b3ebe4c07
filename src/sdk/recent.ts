// A bounded memory of what was used lately, by number and by weight (bytes): behind the stores' caches, so that a component with
// 100,000 entities keeps the busy ones decoded and reads the others when it needs them. Two generations instead of an exact order:
// when the newer one is half of the limit, the older one is forgotten whole. Dropping single entries from the front of a large Map
// costs more than what it saves.

export type Recent<TValue> = {
  get(key: string): TValue | undefined;
  set(key: string, value: TValue, weight: number): void;
  delete(key: string): void;
  clear(): void;
  readonly size: number;
};

type Item<TValue> = { readonly value: TValue; readonly weight: number };

export const createRecent = <TValue>(limits: { readonly count: number; readonly weight: number }): Recent<TValue> => {
  let newer = new Map<string, Item<TValue>>();
  let older = new Map<string, Item<TValue>>();
  let newerWeight = 0;

  const keep = (key: string, item: Item<TValue>): void => {
    newerWeight += item.weight - (newer.get(key)?.weight ?? 0);
    newer.set(key, item);
    if (newer.size * 2 <= limits.count && newerWeight * 2 <= limits.weight) return;
    older = newer;
    newer = new Map();
    newerWeight = 0;
  };

  return {
    get: (key) => {
      const recent = newer.get(key);
      if (recent !== undefined) return recent.value;
      const item = older.get(key);
      if (item === undefined) return undefined;
      older.delete(key);
      keep(key, item);
      return item.value;
    },
    set: (key, value, weight) => {
      older.delete(key);
      keep(key, { value, weight });
    },
    delete: (key) => {
      newerWeight -= newer.get(key)?.weight ?? 0;
      newer.delete(key);
      older.delete(key);
    },
    clear: () => {
      newer = new Map();
      older = new Map();
      newerWeight = 0;
    },
    get size() {
      return newer.size + older.size;
    },
  };
};
