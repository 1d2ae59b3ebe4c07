// Sync runs on a clock: what a run looks like follows from when it began, never from a timer. One run of a sync is under way at a time; a
// trigger meanwhile queues one more, and triggers beyond that are answered with the one that waits.

export const outcomes = ['success', 'warning', 'failed', 'cancelled', 'interrupted'] as const;

/** What the next runs of a sync do; `outcome` may be a word that the API does not know. */
export type Script = {
  readonly outcome: string;
  readonly error: string | null;
  readonly runMs?: number | undefined;
  readonly queuedMs?: number | undefined;
  /** Shown while it runs in place of querying, processing, reporting. */
  readonly runningStatus?: string | undefined;
  readonly rows: number;
  readonly failedRows: number;
};

export type Run = {
  readonly id: number;
  readonly syncId: number;
  readonly createdMs: number;
  readonly startMs: number;
  readonly endMs: number;
  readonly script: Script;
  readonly flags: { readonly fullResync: boolean; readonly resetCDC: boolean; readonly clearAndFill: boolean };
  /** How many triggers were answered with it. */
  triggers: number;
};

export type RunView = Readonly<Record<string, unknown>> & { readonly status: string };

const timeOf = (timeMs: number): string => new Date(timeMs).toISOString();
const phases = ['querying', 'processing', 'reporting'] as const;
const counts = (addedCount: number) => ({ addedCount, changedCount: 0, removedCount: 0 });

export const plainScript: Script = { outcome: 'success', error: null, rows: 773, failedRows: 0 };

export class RunStore {
  readonly #now: () => number;
  readonly #durations: { readonly queuedMs: number; readonly runMs: number; readonly unseenMs?: number };
  readonly #runs: Run[] = [];
  #lastId = 6133;

  constructor(
    now: () => number,
    durations: { readonly queuedMs: number; readonly runMs: number; readonly unseenMs?: number },
  ) {
    this.#now = now;
    this.#durations = durations;
  }

  trigger(syncId: number, script: Script, flags: Run['flags']): Run {
    const nowMs = this.#now();
    const unfinished = this.ofSync(syncId).filter((run) => run.endMs > nowMs);
    const waiting = unfinished.find((run) => run.startMs > nowMs);
    if (waiting !== undefined) {
      waiting.triggers += 1;
      return waiting;
    }
    const freeMs = Math.max(nowMs, ...unfinished.map((run) => run.endMs));
    const startMs = freeMs + (script.queuedMs ?? this.#durations.queuedMs);
    this.#lastId += 1;
    const endMs = startMs + (script.runMs ?? this.#durations.runMs);
    const run: Run = { id: this.#lastId, syncId, createdMs: nowMs, startMs, endMs, script, flags, triggers: 1 };
    this.#runs.push(run);
    return run;
  }

  all(): readonly Run[] {
    return this.#runs;
  }

  ofSync(syncId: number): readonly Run[] {
    return this.#runs.filter((run) => run.syncId === syncId);
  }

  /** As far as lists show them already. */
  listed(syncId: number): readonly Run[] {
    const { unseenMs = 0 } = this.#durations;
    return this.ofSync(syncId).filter(({ createdMs }) => this.#now() >= createdMs + unseenMs);
  }

  view(run: Run): RunView {
    const { id, createdMs, startMs, endMs, script } = run;
    const nowMs = this.#now();
    const times = { id, createdAt: timeOf(createdMs) };
    if (nowMs < startMs)
      return {
        ...times,
        ...{ startedAt: null, finishedAt: null, querySize: null, status: 'queued', completionRatio: 0, error: null },
        ...{ plannedRows: counts(0), successfulRows: counts(0), failedRows: counts(0) },
      };
    const begun = { ...times, startedAt: timeOf(startMs), querySize: script.rows, plannedRows: counts(script.rows) };
    if (nowMs < endMs) {
      const part = (nowMs - startMs) / (endMs - startMs);
      return {
        ...{ ...begun, finishedAt: null, error: null, failedRows: counts(0) },
        status: script.runningStatus ?? phases[Math.floor(part * phases.length)] ?? 'reporting',
        completionRatio: Math.round(part * 100) / 100,
        successfulRows: counts(Math.floor(script.rows * part)),
      };
    }
    // What did not succeed stopped half way.
    const completionRatio = ['failed', 'interrupted', 'cancelled'].includes(script.outcome) ? 0.5 : 1;
    const done = Math.floor(script.rows * completionRatio);
    return {
      ...{ ...begun, finishedAt: timeOf(endMs), status: script.outcome, completionRatio, error: script.error },
      successfulRows: counts(Math.max(0, done - script.failedRows)),
      failedRows: counts(script.failedRows),
    };
  }
}
