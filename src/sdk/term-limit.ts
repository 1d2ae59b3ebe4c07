// How long a term may still read and store: what waits for a store or for the server when the limit is reached ends with a Fault, and nothing
// begins after it. So what the SDK waits for never keeps a reconcile longer than a term waits for its reconciles, whatever the server, or a
// store of the author's, does. Called by term.ts, which reaches the limit a little after the term has ended.
//
// The stores get `signal` when they are opened, for what a Fault to the caller does not end: a write that is tried again in the background.

import { Fault } from '../core/fault.ts';
import type { EntityStatusStore, EntityStore } from './types.ts';

export type TermLimit = {
  /** Aborts when the limit is reached. */
  readonly signal: AbortSignal;
  reach(): void;
  /** As `work` ends, or LEASE_LOST at the limit. */
  bound<T>(work: () => Promise<T>): Promise<T>;
  /** Resolves when `work` has ended, however it did, or at the limit. */
  wait(work: () => Promise<unknown>): Promise<void>;
  entities(store: EntityStore): EntityStore;
  statuses(store: EntityStatusStore): EntityStatusStore;
};

const reached = (): Fault =>
  new Fault('LEASE_LOST', 'this term of leadership is over: nothing is read or stored for it any more');

export const createTermLimit = (): TermLimit => {
  const limit = new AbortController();
  const { signal } = limit;
  // One set instead of a listener for each call: a term lasts for days, and answers thousands of calls a second.
  const waiting = new Set<(fault: Fault) => void>();

  const bound = <T>(work: () => Promise<T>): Promise<T> => {
    if (signal.aborted) return Promise.reject(reached());
    return new Promise((resolve, reject) => {
      waiting.add(reject);
      work().then(
        (value) => {
          waiting.delete(reject);
          resolve(value);
        },
        (error: unknown) => {
          waiting.delete(reject);
          reject(error as Error);
        },
      );
    });
  };

  return {
    signal,
    bound,

    reach: () => {
      limit.abort();
      for (const reject of waiting) reject(reached());
      waiting.clear();
    },

    wait: (work) =>
      bound(work).then(
        () => undefined,
        () => undefined,
      ),

    entities: (store) => ({
      get: (key) => bound(() => store.get(key)),
      put: (entity, provenance, onAccepted) => bound(() => store.put(entity, provenance, onAccepted)),
      provenance: (key) => bound(async () => store.provenance?.(key)),
      delete: (key, sequence) => bound(() => store.delete(key, sequence)),
      list: async function* () {
        const all = store.list()[Symbol.asyncIterator]();
        for (let next = await bound(() => all.next()); next.done !== true; next = await bound(() => all.next()))
          yield next.value;
      },
    }),

    statuses: (store) => ({
      get: (key, operator) => bound(() => store.get(key, operator)),
      storedAtMs: (key, operator) => bound(async () => store.storedAtMs?.(key, operator)),
      put: (status, fence, provenance) => bound(() => store.put(status, fence, provenance)),
    }),
  };
};
