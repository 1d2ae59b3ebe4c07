// Which syncs each resource uses, and when it was last compared with what it describes. Lost with the process: each resource says it again at its
// first look of a term.

import type { EntityKey } from '../../sdk/index.ts';

export type Uses = {
  /** Syncs that a resource uses, as ids and slugs. */
  use(key: EntityKey, syncs: readonly string[]): void;
  /** The resource is gone, and uses no sync. */
  forget(key: EntityKey): void;
  othersUsing(key: EntityKey, syncs: readonly string[]): readonly EntityKey[];
  /** Comparisons of what was there before this process are spread over the interval. */
  isDriftCheckDue(key: EntityKey, intervalMs: number, nowMs: number): boolean;
  driftChecked(key: EntityKey, nowMs: number): void;
};

export const createUses = (random: () => number = Math.random): Uses => {
  const uses = new Map<EntityKey, readonly string[]>();
  const checkedMs = new Map<EntityKey, number>();
  return {
    use: (key, syncs) => uses.set(key, syncs),
    forget: (key) => {
      uses.delete(key);
      checkedMs.delete(key);
    },
    othersUsing: (key, syncs) =>
      [...uses].flatMap(([other, used]) => (other !== key && used.some((one) => syncs.includes(one)) ? [other] : [])),
    isDriftCheckDue: (key, intervalMs, nowMs) => {
      const lastMs = checkedMs.get(key) ?? nowMs - random() * intervalMs;
      checkedMs.set(key, lastMs);
      return nowMs - lastMs >= intervalMs;
    },
    driftChecked: (key, nowMs) => checkedMs.set(key, nowMs),
  };
};
