// What its caller may call off by a signal: one listener for each signal, however many writes wait under it. Called by appender.ts and
// key-value-store.ts.

import { calledOff } from './faults.ts';

export type CallOffs<T> = {
  add(signal: AbortSignal, item: T): void;
  remove(signal: AbortSignal, item: T): void;
};

/** `onCalledOff` gets everything that is there when a signal aborts. */
export const createCallOffs = <T>(onCalledOff: (items: readonly T[]) => void): CallOffs<T> => {
  const waiting = new WeakMap<AbortSignal, Set<T>>();
  const waitingFor = (signal: AbortSignal): Set<T> => {
    const known = waiting.get(signal);
    if (known !== undefined) return known;
    const items = new Set<T>();
    waiting.set(signal, items);
    const callOff = (): void => {
      const all = [...items];
      items.clear();
      onCalledOff(all);
    };
    signal.addEventListener('abort', callOff, { once: true });
    return items;
  };
  return {
    add: (signal, item) => {
      waitingFor(signal).add(item);
    },
    remove: (signal, item) => {
      waiting.get(signal)?.delete(item);
    },
  };
};

/** Rejects with NATS_TIMEOUT as soon as `signal` aborts; `work` then ends by itself, and who does it begins nothing more. */
export const unlessCalledOff = <T>(
  signal: AbortSignal | undefined,
  what: string,
  work: () => Promise<T>,
): Promise<T> => {
  if (signal === undefined) return work();
  if (signal.aborted) return Promise.reject(calledOff(what));
  return new Promise((resolve, reject) => {
    const callOff = (): void => reject(calledOff(what));
    signal.addEventListener('abort', callOff, { once: true });
    work()
      .then(resolve, reject)
      .finally(() => signal.removeEventListener('abort', callOff));
  });
};
