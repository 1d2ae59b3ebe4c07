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
  readonly #durations: { readonly queuedMs: number; readonly runMs: number };
  readonly #runs: Run[] = [];
  #lastId = 6133;

  constructor(now: () => number, durations: { readonly queuedMs: number; readonly runMs: number }) {
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

  view(run: Run): RunView {
    const { id, createdMs, startMs, endMs, script } = run;
    const nowMs = this.#now();
    const isQueued = nowMs < startMs;
    const hasEnded = nowMs >= endMs;
    const part = hasEnded ? 1 : isQueued ? 0 : (nowMs - startMs) / (endMs - startMs);
    const running = script.runningStatus ?? phases[Math.floor(part * phases.length)] ?? 'reporting';
    const hasFailed = ['failed', 'interrupted', 'cancelled'].includes(script.outcome);
    const done = Math.floor(script.rows * (hasEnded && hasFailed ? 0.5 : part));
    const failed = hasEnded ? script.failedRows : 0;
    return {
      id,
      createdAt: timeOf(createdMs),
      startedAt: isQueued ? null : timeOf(startMs),
      finishedAt: hasEnded ? timeOf(endMs) : null,
      querySize: isQueued ? null : script.rows,
      status: isQueued ? 'queued' : hasEnded ? script.outcome : running,
      completionRatio: hasEnded && !hasFailed ? 1 : Math.round((hasEnded ? 0.5 : part) * 100) / 100,
      plannedRows: counts(isQueued ? 0 : script.rows),
      successfulRows: counts(Math.max(0, done - failed)),
      failedRows: counts(failed),
      error: hasEnded ? script.error : null,
    };
  }
}
