// What a component counts, in the words of its parts, onto the series of messages/metric-catalogue.ts. Also the text that its METRIC_PORT
// serves is of these.

import { noMetrics } from '../engine/ports/no-metrics.ts';
import type { Counter, Metrics } from '../engine/ports/metrics.ts';
import { metricCatalogue } from '../messages/metric-catalogue.ts';
import type { ExternalCall } from './traced-fetch.ts';

export type CommandOutcome = 'kept' | 'ignored' | 'retried' | 'dead';
export type QueryOutcome = 'answered' | 'refused' | 'failed';
export type ReconcileOutcome = 'succeeded' | 'failed' | 'terminal' | 'conflict' | 'hung';
type GaugeName = 'keysWaiting' | 'keysWorking' | 'keysDelayed' | 'isLeader';

export interface ComponentMetrics {
  command(outcome: CommandOutcome): void;
  query(outcome: QueryOutcome): void;
  reconciled(outcome: ReconcileOutcome): void;
  /** What `reconcileTook` wants. */
  nowMs(): number;
  reconcileTook(startedMs: number): void;
  statusWritten(): void;
  externalCall(call: ExternalCall): void;
  /** Read at each scrape; a new one of the same name replaces the old one. */
  gauge(name: GaugeName, read: () => number): void;
}

const counters = <TOutcome extends string>(
  outcomes: readonly TOutcome[],
  make: (outcome: TOutcome) => Counter,
): Readonly<Record<TOutcome, Counter>> =>
  Object.fromEntries(outcomes.map((outcome) => [outcome, make(outcome)])) as Record<TOutcome, Counter>;

export const createComponentMetrics = (metrics: Metrics = noMetrics): ComponentMetrics => {
  const known = metricCatalogue;
  const commands = counters<CommandOutcome>(['kept', 'ignored', 'retried', 'dead'], (result) =>
    metrics.counter(known.componentCommands, result),
  );
  const queries = counters<QueryOutcome>(['answered', 'refused', 'failed'], (result) =>
    metrics.counter(known.componentQueries, result),
  );
  const reconciles = counters<ReconcileOutcome>(['succeeded', 'failed', 'terminal', 'conflict', 'hung'], (result) =>
    metrics.counter(known.reconciles, result),
  );
  const statuses = metrics.counter(known.statusesWritten);
  const duration = metrics.histogram(known.reconcileDuration);
  return {
    command: (outcome) => commands[outcome].add(),
    query: (outcome) => queries[outcome].add(),
    reconciled: (outcome) => reconciles[outcome].add(),
    nowMs: () => metrics.nowMs(),
    reconcileTook: (startedMs) => duration.observe((metrics.nowMs() - startedMs) / 1000),
    statusWritten: () => statuses.add(),
    externalCall: ({ target, method, status, durationMs }) => {
      metrics.counter(known.externalCalls, target, method, status).add();
      metrics.histogram(known.externalCallDuration, target, method).observe(durationMs / 1000);
    },
    gauge: (name, read) => metrics.reading(known[name], read),
  };
};
