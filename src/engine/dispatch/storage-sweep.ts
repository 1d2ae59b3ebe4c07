// Removes the streams and buckets of operators that are gone, once they are empty: after the event `deleted`, since components may run until
// then, and only when nobody can still use them. Nothing is remembered but pauses: whoever leads finds what is to be removed in the
// operators' events, so a killed runtime leaves nothing undone. Called by the operator-runtime that leads.

import { isFault } from '../../core/fault.ts';
import type { OperatorDirectory, GoneOperator } from '../history/operator-directory.ts';
import { reasonToStay, storageKey, storageOf, type StoragePlace } from '../history/operator-storage.ts';
import type { Clock } from '../ports/clock.ts';
import type { KeyValueStore } from '../ports/buckets.ts';
import type { Log } from '../ports/log.ts';
import type { OperatorStorage } from '../ports/storage.ts';
import type { OperatorDocument } from '../../messages/queries.ts';

export type StorageSweepOptions = {
  readonly prefix: string;
  readonly directory: Pick<OperatorDirectory, 'all' | 'gone'>;
  readonly storage: OperatorStorage;
  /** Of components. */
  readonly leases: Pick<KeyValueStore, 'get'>;
  /** Whether its components run here, as far as this runtime can see. */
  instancesOf(operator: OperatorDocument): 'none' | 'some' | 'unknown';
  /** What it has is on a server of its own, and goes with that. */
  hasOwnServer(operator: OperatorDocument): boolean;
  /** Brings the directory up to all that is stored now. */
  refresh(): Promise<void>;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
};

export type StorageSweep = {
  /** Until the signal aborts. */
  run(): Promise<void>;
  /** Resolves when that stream is not being removed. Whoever makes a stream of an operator that the directory has awaits it first. */
  settled(stream: string): Promise<void>;
};

const TICK_MS = 2000;
const FIRST_PAUSE_MS = 2000;
const MAX_PAUSE_MS = 600_000;

/** One stream or bucket, and the operators that had it. */
type Case = { readonly place: StoragePlace; readonly owners: readonly GoneOperator[] };
/** `isConfirmed`: the last look found that it can be removed. One look may fall between the end of an instance and the next start. */
type Known = { readonly owners: string; dueMs: number; pauseMs: number; isConfirmed: boolean; isDone: boolean };

const ownersKey = ({ owners }: Case): string => owners.map(({ last }) => last.uid).join(' ');

export const createStorageSweep = (options: StorageSweepOptions): StorageSweep => {
  const { prefix, directory, storage, clock, log, signal } = options;
  const known = new Map<string, Known>();
  const removing = new Map<string, Promise<void>>();

  const casesNow = (): ReadonlyMap<string, Case> => {
    const claimed = new Set(directory.all().flatMap((one) => storageOf(one, prefix).map(storageKey)));
    const cases = new Map<string, Case>();
    for (const owner of directory.gone()) {
      if (options.hasOwnServer(owner.last)) continue;
      for (const place of owner.storage) {
        const key = storageKey(place);
        if (!claimed.has(key)) cases.set(key, { place, owners: [...(cases.get(key)?.owners ?? []), owner] });
      }
    }
    return cases;
  };

  /** Faults: the leases cannot be read. */
  const mayRun = async ({ owners }: Case): Promise<boolean> => {
    if (owners.some(({ last }) => options.instancesOf(last) !== 'none')) return true;
    for (const lease of new Set(owners.flatMap(({ leases }) => leases)))
      if ((await options.leases.get(lease)) !== undefined) return true;
    return false;
  };

  /** Faults: it cannot be told. */
  const judge = async (one: Case): Promise<'absent' | 'stays' | 'removable'> => {
    if (await mayRun(one)) return 'stays';
    const facts = await storage.look(one.place);
    if (facts === undefined) return 'absent';
    const mayGo = reasonToStay(facts, new Set(one.place.subjects)) === undefined && !facts.isUsed;
    return mayGo ? 'removable' : 'stays';
  };

  /** True: it is gone. Everything is looked at again, since an operator may have been registered meanwhile. */
  const remove = async (key: string): Promise<boolean> => {
    await options.refresh();
    const one = casesNow().get(key);
    if (one === undefined || signal.aborted) return false;
    const verdict = await judge(one);
    if (verdict !== 'removable') return verdict === 'absent';
    await options.refresh();
    if (!casesNow().has(key) || signal.aborted) return false;
    const { kind, name } = one.place;
    const removal = storage.remove({ kind, name });
    removing.set(
      key,
      removal.catch(() => undefined),
    );
    try {
      await removal;
    } finally {
      removing.delete(key);
    }
    const operators = one.owners.map(({ last }) => last.name);
    log.info({ kind, name, operators }, 'empty storage of a deleted operator removed');
    return true;
  };

  const attend = async (key: string, one: Case, state: Known): Promise<void> => {
    try {
      const verdict = await judge(one);
      if (verdict === 'absent') state.isDone = true;
      else if (verdict === 'stays') state.isConfirmed = false;
      else if (!state.isConfirmed) {
        state.isConfirmed = true;
        state.dueMs = clock.nowMs() + FIRST_PAUSE_MS;
        return;
      } else state.isDone = await remove(key);
    } catch (error) {
      state.isConfirmed = false;
      const { kind, name } = one.place;
      if (!signal.aborted)
        log[isFault(error) ? 'warn' : 'error']({ kind, name, err: error }, 'storage of a deleted operator not removed');
    }
    state.dueMs = clock.nowMs() + state.pauseMs;
    state.pauseMs = Math.min(MAX_PAUSE_MS, state.pauseMs * 2);
  };

  const round = async (): Promise<void> => {
    const cases = casesNow();
    for (const key of known.keys()) if (!cases.has(key)) known.delete(key);
    for (const [key, one] of cases) {
      if (signal.aborted) return;
      const owners = ownersKey(one);
      const before = known.get(key);
      const fresh = { owners, dueMs: 0, pauseMs: FIRST_PAUSE_MS, isConfirmed: false, isDone: false };
      const state = before?.owners === owners ? before : fresh;
      known.set(key, state);
      if (!state.isDone && clock.nowMs() >= state.dueMs) await attend(key, one, state);
    }
  };

  return {
    run: async () => {
      while (!signal.aborted) {
        await round();
        await clock.sleep(TICK_MS, signal);
      }
    },
    settled: async (stream) => removing.get(storageKey({ kind: 'stream', name: stream })),
  };
};
