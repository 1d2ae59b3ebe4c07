// Metrics that a test looks at: what was counted, by `name` or `name{label,label}`.

import type { Metrics } from '../engine/ports/metrics.ts';

export type KeptMetrics = Metrics & { value(name: string, ...labels: readonly string[]): number };

const keyOf = (name: string, labels: readonly string[]): string =>
  labels.length === 0 ? name : `${name}{${labels.join(',')}}`;

export const keptMetrics = (nowMs: () => number = () => 0): KeptMetrics => {
  const values = new Map<string, () => number>();
  const counted = (name: string, labels: readonly string[]) => {
    const key = keyOf(name, labels);
    let sum = values.get(key)?.() ?? 0;
    values.set(key, () => sum);
    return (change: (before: number) => number): void => {
      sum = change(values.get(key)?.() ?? 0);
      values.set(key, () => sum);
    };
  };
  return {
    nowMs,
    counter: ({ name }, ...labels) => {
      const change = counted(name, labels);
      return { add: (count = 1) => change((before) => before + count) };
    },
    histogram: ({ name }, ...labels) => {
      const change = counted(name, labels);
      return { observe: () => change((before) => before + 1) };
    },
    gauge: ({ name }, ...labels) => {
      const change = counted(name, labels);
      return { set: (value) => change(() => value) };
    },
    reading: ({ name }, read, ...labels) => {
      values.set(keyOf(name, labels), read);
    },
    value: (name, ...labels) => values.get(keyOf(name, labels))?.() ?? 0,
  };
};
