// Things with a due time, the earliest first: a binary heap whose entries know their place, so that one can be moved or taken
// out without a search. Behind the work line's one timer.

export type Due = {
  dueMs: number;
  /** Kept by the heap: index in it, -1 when not in it. */
  place: number;
};

export type DueHeap<TItem extends Due> = {
  readonly size: number;
  peek(): TItem | undefined;
  /** Adds the item, or moves it when it is there, to `dueMs`. */
  set(item: TItem, dueMs: number): void;
  remove(item: TItem): void;
};

export const createDueHeap = <TItem extends Due>(): DueHeap<TItem> => {
  const items: TItem[] = [];

  const put = (item: TItem, place: number): void => {
    items[place] = item;
    item.place = place;
  };

  const rise = (item: TItem, from: number): void => {
    let place = from;
    while (place > 0) {
      const above = (place - 1) >> 1;
      const parent = items[above];
      if (parent === undefined || parent.dueMs <= item.dueMs) break;
      put(parent, place);
      place = above;
    }
    put(item, place);
  };

  const sink = (item: TItem, from: number): void => {
    let place = from;
    for (;;) {
      let below = 2 * place + 1;
      let child = items[below];
      if (child === undefined) break;
      const other = items[below + 1];
      if (other !== undefined && other.dueMs < child.dueMs) {
        child = other;
        below += 1;
      }
      if (item.dueMs <= child.dueMs) break;
      put(child, place);
      place = below;
    }
    put(item, place);
  };

  return {
    get size() {
      return items.length;
    },
    peek: () => items[0],
    set: (item, dueMs) => {
      const earlier = item.place < 0 || dueMs < item.dueMs;
      item.dueMs = dueMs;
      if (earlier) rise(item, item.place < 0 ? items.length : item.place);
      else sink(item, item.place);
    },
    remove: (item) => {
      const { place } = item;
      if (place < 0) return;
      item.place = -1;
      const last = items.pop();
      if (last === undefined || last === item) return;
      rise(last, place);
      sink(last, last.place);
    },
  };
};
