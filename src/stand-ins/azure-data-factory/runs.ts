// Pipeline runs. A run stores when it was started and cancelled and how it was scripted; its state is computed from the
// clock whenever somebody looks. Nothing ticks: a run nobody looks at costs nothing, and a test may own the clock.

import { randomUUID } from 'node:crypto';
import type { JsonObject } from './errors.ts';
import type { ActivityPlan, Outcome } from './pipelines.ts';
import { azureTimestamp } from './timestamps.ts';

export type RunStatus = 'Queued' | 'InProgress' | 'Succeeded' | 'Failed' | 'Canceling' | 'Cancelled';

export type Run = {
  readonly runId: string;
  readonly runGroupId: string;
  readonly factoryName: string;
  readonly pipelineName: string;
  readonly parameters: Readonly<Record<string, string>>;
  readonly createdAtMs: number;
  readonly queuedMs: number;
  readonly runMs: number;
  readonly cancelMs: number;
  readonly outcome: Outcome;
  /** The activities this run gets to, in order; the last one decides the outcome. */
  readonly activities: readonly ActivityPlan[];
  readonly failureMessage: string;
  readonly cancelledAtMs?: number;
  readonly recoveryOf?: string;
  readonly invokedById: string;
  readonly finerDigits: string;
  readonly clientRequestId: string | undefined;
};

export type Progress = {
  readonly status: RunStatus;
  readonly startMs: number | undefined;
  readonly endMs: number | undefined;
  readonly lastUpdatedMs: number;
  readonly message: string;
};

export type Slot = { readonly activity: ActivityPlan; readonly startMs: number; readonly endMs: number | undefined };

/** When each activity runs, had nobody cancelled. The run time is shared out evenly. */
export const scheduleOf = (run: Run): readonly Slot[] => {
  const startMs = run.createdAtMs + run.queuedMs;
  const count = run.activities.length;
  const boundary = (index: number): number => startMs + Math.round((run.runMs * index) / count);
  return run.activities.map((activity, index) => ({
    activity,
    startMs: boundary(index),
    endMs: run.outcome === 'Never' && index === count - 1 ? undefined : boundary(index + 1),
  }));
};

const failureOf = (run: Run): string => {
  const failing = run.activities.at(-1);
  return failing === undefined
    ? run.failureMessage
    : `Operation on target ${failing.name} failed: ${run.failureMessage}`;
};

export const progressOf = (run: Run, nowMs: number): Progress => {
  const dueStartMs = run.createdAtMs + run.queuedMs;
  const dueEndMs = run.outcome === 'Never' ? undefined : dueStartMs + run.runMs;
  if (run.cancelledAtMs !== undefined) {
    const startMs = run.cancelledAtMs < dueStartMs ? undefined : dueStartMs;
    const goneMs = run.cancelledAtMs + run.cancelMs;
    if (nowMs < goneMs) {
      return { status: 'Canceling', startMs, endMs: undefined, lastUpdatedMs: run.cancelledAtMs, message: '' };
    }
    return { status: 'Cancelled', startMs, endMs: goneMs, lastUpdatedMs: goneMs, message: 'Cancelled by the caller.' };
  }
  if (nowMs < dueStartMs) {
    return { status: 'Queued', startMs: undefined, endMs: undefined, lastUpdatedMs: run.createdAtMs, message: '' };
  }
  if (dueEndMs === undefined || nowMs < dueEndMs) {
    const lastUpdatedMs = Math.max(
      dueStartMs,
      ...scheduleOf(run).map((slot) => (slot.startMs <= nowMs ? slot.startMs : 0)),
    );
    return { status: 'InProgress', startMs: dueStartMs, endMs: undefined, lastUpdatedMs, message: '' };
  }
  const failed = run.outcome === 'Failed';
  return {
    status: failed ? 'Failed' : 'Succeeded',
    startMs: dueStartMs,
    endMs: dueEndMs,
    lastUpdatedMs: dueEndMs,
    message: failed ? failureOf(run) : '',
  };
};

export class RunStore {
  readonly #now: () => number;
  readonly #runs = new Map<string, Run>();
  /** The latest run of each recovery group. */
  readonly #latest = new Map<string, string>();

  readonly #unseenMs: number;

  constructor(now: () => number, unseenMs = 0) {
    this.#now = now;
    this.#unseenMs = unseenMs;
  }

  /** By the clock of runs. */
  nowMs(): number {
    return this.#now();
  }

  start(
    scripted: Omit<Run, 'runId' | 'runGroupId' | 'createdAtMs' | 'invokedById'> & { readonly runGroupId?: string },
  ): Run {
    const runId = randomUUID();
    const run: Run = {
      ...scripted,
      runId,
      runGroupId: scripted.runGroupId ?? runId,
      createdAtMs: this.#now(),
      invokedById: randomUUID().replaceAll('-', ''),
    };
    this.#runs.set(runId, run);
    this.#latest.set(run.runGroupId, runId);
    return run;
  }

  get(factoryName: string, runId: string): Run | undefined {
    const run = this.#runs.get(runId.toLowerCase());
    return run?.factoryName === factoryName && this.#isSeen(run) ? run : undefined;
  }

  #isSeen({ createdAtMs }: Run): boolean {
    return this.#now() >= createdAtMs + this.#unseenMs;
  }

  /** In the order they were started; those of a factory as far as they are to be seen already. */
  all(factoryName?: string): readonly Run[] {
    const runs = [...this.#runs.values()];
    return factoryName === undefined
      ? runs
      : runs.filter((run) => run.factoryName === factoryName && this.#isSeen(run));
  }

  progress(run: Run): Progress {
    return progressOf(run, this.#now());
  }

  /** Returns the status that stands in the way when the run is finished; a second cancel changes nothing. */
  cancel(run: Run): RunStatus | undefined {
    const { status } = this.progress(run);
    if (status === 'Succeeded' || status === 'Failed' || status === 'Cancelled') return status;
    if (status !== 'Canceling') this.#runs.set(run.runId, { ...run, cancelledAtMs: this.#now() });
    return undefined;
  }

  isLatest(run: Run): boolean {
    return this.#latest.get(run.runGroupId) === run.runId;
  }

  /** The PipelineRun as the API shows it. */
  view(run: Run): JsonObject {
    const progress = this.progress(run);
    const time = (timeMs: number | undefined): string | null =>
      timeMs === undefined ? null : azureTimestamp(timeMs, run.finerDigits);
    const finished = progress.startMs !== undefined && progress.endMs !== undefined;
    return {
      runId: run.runId,
      runGroupId: run.runGroupId,
      isLatest: this.isLatest(run),
      pipelineName: run.pipelineName,
      parameters: run.parameters,
      runDimensions: {},
      invokedBy: { id: run.invokedById, name: 'Manual', invokedByType: 'Manual' },
      runStart: time(progress.startMs),
      runEnd: time(progress.endMs),
      durationInMs: finished ? (progress.endMs ?? 0) - (progress.startMs ?? 0) : null,
      status: progress.status,
      message: progress.message,
      lastUpdated: time(progress.lastUpdatedMs),
      annotations: [],
    };
  }
}
