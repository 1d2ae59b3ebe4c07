// Which runs have changed, asked once for all runs of a factory instead of once for each: "what was updated since" answers with few rows,
// however many runs are under way. Called by reconciler.ts at each look. Nothing runs by itself here: the first look of an interval
// asks and the others wait for that answer, so all ends with the reconciles. It only ever spares a look at a run: who is not sure that
// a run is as it was when it was last read is told to read it. Azure may list a change late and without telling; therefore
// each run is read anyway after some looks, further apart the more runs there are (Azure allows a thousand queries a minute).

import { isFault, type Fault, type JsonObject } from '../../sdk/index.ts';
import { apiStatusOf } from './api-fault.ts';
import type { DataFactory, Factory } from './client.ts';
import type { Work } from './run-record.ts';
import type { AdfSettings } from './settings.ts';

/** Fewer runs than this are read one by one: that is as cheap, and exact. */
const WATCHED_FROM = 5;
const FULL_LOOK_EVERY = 6;
const FULL_LOOKS_PER_SECOND = 5;
/** A query that goes back further answers with too much. */
const MAX_GAP_MS = 300_000;
const AFTER_REFUSAL_MS = 600_000;
const AFTER_OVERRUN_MS = 30_000;
const FORGOTTEN_AFTER_MS = 3_600_000;

/** A run as it was when it was read, and its activities with it. Memory only: what is not here is read. */
type Seen = {
  readonly lastUpdatedMs: number;
  readonly status: unknown;
  /** Of the resource as it was reported on. */
  readonly sequence: number;
  /** Before the reading began, by our clock. */
  readonly readMs: number;
  looks: number;
  isChanged: boolean;
};

type Round = {
  readonly startedMs: number;
  readonly done: Promise<boolean>;
  readonly signal: AbortSignal;
  isOver: boolean;
};

type Watch = {
  readonly factory: Factory;
  readonly runs: Map<string, Seen>;
  round?: Round;
  /** All changes since then were seen, up to the beginning of the last query that was answered. */
  coveredFromMs: number;
  answeredMs: number;
  closedUntilMs: number;
  sweptMs: number;
};

export interface RunWatch {
  /** The run as it was just read. `readMs`: before that began. Whether that is what it was the last time, reported for the same sequence. */
  sawAgain(factory: Factory, adfRunId: string, run: JsonObject, sequence: number, readMs: number): boolean;
  /**
   * True: there is nothing to read or report, the run is as `sawAgain` was told. Asks the factory, unless that was just done. Faults: a
   * pause after 429, and the end of the reconcile. Whatever else fails, the answer is false for a while.
   */
  isUnchanged(work: Work, factory: Factory, adfRunId: string): Promise<boolean>;
  forget(factory: Factory, adfRunId: string): void;
}

export type RunWatchParts = { readonly settings: AdfSettings; readonly api: DataFactory; now(): number };

const keyOf = ({ resourceGroupName, factoryName }: Factory): string =>
  `${resourceGroupName}/${factoryName}`.toLowerCase();

const lastUpdatedOf = (run: JsonObject): number => Date.parse(String(run['lastUpdated']));

// Without a time, nobody can tell: NaN is never equal.
const isSame = (seen: Seen, run: JsonObject): boolean =>
  seen.lastUpdatedMs === lastUpdatedOf(run) && seen.status === run['status'];

/** Who may read a run may not be allowed to list them. */
const isRefusal = (error: Fault): boolean => error.retry === 'never' && apiStatusOf(error) !== undefined;

/** Reading them one by one would not be allowed either. */
const isThrottle = ({ retry }: Fault): boolean => typeof retry === 'object' && retry.scope === 'operator';

export const createRunWatch = ({ settings, api, now }: RunWatchParts): RunWatch => {
  const { pollIntervalMs } = settings;
  const freshForMs = pollIntervalMs / 2;
  const watches = new Map<string, Watch>();

  const watchOf = (factory: Factory): Watch => {
    const key = keyOf(factory);
    let watch = watches.get(key);
    if (watch === undefined) {
      const { resourceGroupName, factoryName } = factory;
      const never = { coveredFromMs: Infinity, answeredMs: -Infinity, closedUntilMs: -Infinity, sweptMs: now() };
      watch = { factory: { resourceGroupName, factoryName }, runs: new Map(), ...never };
      watches.set(key, watch);
    }
    return watch;
  };

  const looksBetweenReads = ({ runs }: Watch): number =>
    Math.max(FULL_LOOK_EVERY, Math.ceil(runs.size / FULL_LOOKS_PER_SECOND / (pollIntervalMs / 1000)));

  const isDueForReading = (watch: Watch, seen: Seen): boolean => seen.looks >= looksBetweenReads(watch);

  /** Runs of resources that were released, say, are never looked at again. */
  const sweep = (watch: Watch, nowMs: number): void => {
    if (nowMs - watch.sweptMs < FORGOTTEN_AFTER_MS) return;
    watch.sweptMs = nowMs;
    const mostLooks = looksBetweenReads(watch);
    const oldestMs = nowMs - Math.max(FORGOTTEN_AFTER_MS, 2 * mostLooks * pollIntervalMs);
    for (const [id, { readMs }] of watch.runs) if (readMs < oldestMs) watch.runs.delete(id);
  };

  const ask = async (watch: Watch, startedMs: number, { call, context }: Work): Promise<boolean> => {
    const isContinued = startedMs - watch.answeredMs <= MAX_GAP_MS;
    const fromMs = isContinued ? watch.answeredMs : startedMs - 2 * pollIntervalMs;
    sweep(watch, startedMs);
    try {
      const rows = await api.updatedRuns(watch.factory, fromMs, call);
      if (rows === undefined) {
        watch.closedUntilMs = startedMs + AFTER_OVERRUN_MS;
        return false;
      }
      for (const row of rows) {
        const seen = watch.runs.get(String(row['runId']));
        // A row may show less than what was read since: only what is later than that, or different, is a change.
        if (seen !== undefined && !isSame(seen, row)) seen.isChanged = true;
      }
      if (!isContinued) watch.coveredFromMs = fromMs;
      watch.answeredMs = startedMs;
      return true;
    } catch (error) {
      if (!isFault(error) || isThrottle(error) || call.signal.aborted) throw error;
      const forMs = isRefusal(error) ? AFTER_REFUSAL_MS : pollIntervalMs;
      watch.closedUntilMs = startedMs + forMs;
      const facts = { ...watch.factory, forMs, err: error };
      context.log.warn(facts, 'runs of a factory cannot be listed, each is read on its own for a while');
      return false;
    }
  };

  const answered = async (watch: Watch, work: Work): Promise<boolean> => {
    const nowMs = now();
    if (nowMs < watch.closedUntilMs) return false;
    // One at a time: a query of many pages may take longer than an interval.
    if (watch.round === undefined || (watch.round.isOver && nowMs - watch.round.startedMs >= freshForMs)) {
      const done = ask(watch, nowMs, work);
      const mine: Round = { startedMs: nowMs, done, signal: work.call.signal, isOver: false };
      watch.round = mine;
      void done
        .catch(() => {
          if (watch.round === mine) delete watch.round;
        })
        .finally(() => {
          mine.isOver = true;
        });
    }
    const { round } = watch;
    try {
      return await round.done;
    } catch (error) {
      // It was the one who asked that was to stop.
      if (round.signal.aborted && !work.call.signal.aborted) return false;
      throw error;
    }
  };

  return {
    sawAgain: (factory, adfRunId, run, sequence, readMs) => {
      const { runs } = watchOf(factory);
      const before = runs.get(adfRunId);
      const isAsBefore = before?.sequence === sequence && isSame(before, run);
      const isEnough = isAsBefore && !isDueForReading(watchOf(factory), before);
      // Spread: thousands that began together are not all read together.
      const spread = Math.floor((Math.random() * (looksBetweenReads(watchOf(factory)) - FULL_LOOK_EVERY)) / 2);
      const looks = isEnough ? before.looks + 1 : 1 + spread;
      const { status } = run;
      runs.set(adfRunId, {
        ...{ lastUpdatedMs: lastUpdatedOf(run), status, sequence, readMs, looks, isChanged: false },
      });
      return isEnough;
    },
    isUnchanged: async (work, factory, adfRunId) => {
      const watch = watchOf(factory);
      const seen = watch.runs.get(adfRunId);
      if (watch.runs.size < WATCHED_FROM || seen === undefined || seen.isChanged) return false;
      if (seen.sequence !== work.entity.sequence || isDueForReading(watch, seen)) return false;
      if (!(await answered(watch, work))) return false;
      if (seen.isChanged || seen.readMs < watch.coveredFromMs || watch.runs.get(adfRunId) !== seen) return false;
      seen.looks += 1;
      return true;
    },
    forget: (factory, adfRunId) => {
      watchOf(factory).runs.delete(adfRunId);
    },
  };
};
