// The one order in which everything happens in a simulated history: works that are due at a time, of the same time in an order that the seed decides.
// After each work everything that follows from it without waiting runs to its end, so a history is the same each time.

import { setImmediate as turn } from 'node:timers/promises';
import type { Random } from '../../scripts/chaos/random.ts';

type Work = { readonly dueMs: number; readonly tie: number; readonly run: () => void; isCancelled: boolean };

export type Schedule = {
  nowMs(): number;
  /** Not before now. The answer takes it back. */
  at(dueMs: number, run: () => void): () => void;
  /** Until that time, or until `isOver` says so. */
  runUntil(endMs: number, isOver?: () => boolean): Promise<void>;
  readonly steps: number;
};

const isBefore = (left: Work, right: Work): boolean =>
  left.dueMs < right.dueMs || (left.dueMs === right.dueMs && left.tie < right.tie);

export const createSchedule = (startMs: number, random: Random): Schedule => {
  const heap: Work[] = [];
  let nowMs = startMs;
  let steps = 0;

  const swap = (left: number, right: number): void => {
    [heap[left], heap[right]] = [heap[right] as Work, heap[left] as Work];
  };
  const push = (work: Work): void => {
    heap.push(work);
    for (let at = heap.length - 1; at > 0;) {
      const parent = (at - 1) >> 1;
      if (!isBefore(heap[at] as Work, heap[parent] as Work)) break;
      swap(at, parent);
      at = parent;
    }
  };
  const pop = (): Work | undefined => {
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || first === last) return first;
    heap[0] = last;
    for (let at = 0; ;) {
      const [left, right] = [2 * at + 1, 2 * at + 2];
      let least = at;
      if (left < heap.length && isBefore(heap[left] as Work, heap[least] as Work)) least = left;
      if (right < heap.length && isBefore(heap[right] as Work, heap[least] as Work)) least = right;
      if (least === at) return first;
      swap(at, least);
      at = least;
    }
  };

  return {
    nowMs: () => nowMs,
    at: (dueMs, run) => {
      const work: Work = { dueMs: Math.max(nowMs, Math.ceil(dueMs)), tie: random.next(), run, isCancelled: false };
      push(work);
      return () => {
        work.isCancelled = true;
      };
    },
    runUntil: async (endMs, isOver = () => false) => {
      while (!isOver()) {
        const next = heap[0];
        if (next === undefined || next.dueMs > endMs) break;
        pop();
        if (next.isCancelled) continue;
        nowMs = next.dueMs;
        steps += 1;
        next.run();
        await turn();
      }
      if (!isOver()) nowMs = Math.max(nowMs, endMs);
    },
    get steps() {
      return steps;
    },
  };
};
