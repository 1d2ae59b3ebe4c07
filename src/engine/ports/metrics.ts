// Counting and timing. program/metrics.ts implements it.

import type { MetricDefinition } from '../../messages/metric-catalogue.ts';

export interface Counter {
  /** Default 1; never negative. */
  add(count?: number): void;
}

export interface Histogram {
  /** In the unit that the metric's name ends in: seconds. */
  observe(value: number): void;
}

export interface Gauge {
  set(value: number): void;
}

/**
 * What is counted and timed, by name (messages/metric-catalogue.ts). `labels` are the values in the order of the definition; the same values
 * give the same series. Hot paths ask for a series once and keep it: adding to it costs nanoseconds. Values must be from a small set; a
 * metric that has too many series counts the rest under `other`. A metric that the program does not expose counts nowhere.
 */
export interface Metrics {
  /** For measuring how long something takes: fractions count, and it never goes back. No time of day. */
  nowMs(): number;
  counter(definition: MetricDefinition, ...labels: readonly string[]): Counter;
  histogram(definition: MetricDefinition, ...labels: readonly string[]): Histogram;
  gauge(definition: MetricDefinition, ...labels: readonly string[]): Gauge;
  /** A gauge that is read at each scrape; a new reading of the same series replaces the old one. */
  reading(definition: MetricDefinition, read: () => number, ...labels: readonly string[]): void;
}
