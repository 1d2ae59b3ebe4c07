// The Metrics port by prom-client. Series of counters are plain numbers that are handed over when somebody scrapes: the command-handler
// adds to several for each command, and looking a series up by its labels would cost more than the counting.

import { collectDefaultMetrics, Counter, Gauge, Registry } from 'prom-client';
import type { JsonObject } from '../core/json.ts';
import type { Metrics } from '../engine/ports/metrics.ts';
import type { MetricDefinition } from '../messages/metric-catalogue.ts';
import { CountedHistogram } from './counted-histogram.ts';

const BUCKETS_SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
/** Labels come from small sets; should one not, memory and the scraper are worth more than telling the rest apart. */
const MAX_SERIES = 200;
const REST = 'other';

export type MetricRegistry = Metrics & {
  /** The text that Prometheus reads. */
  expose(): Promise<string>;
  /** Counters and gauges as `name{label="value"}` and value, without those of the process. */
  values(): Promise<JsonObject>;
  readonly contentType: string;
};

type Labels = Record<string, string>;
/** A series by its label values; at most MAX_SERIES of them and the rest. */
const createSeries = <T>(definition: MetricDefinition, make: (labels: Labels) => T) => {
  const known = new Map<string, T>();
  const toLabels = (values: readonly string[]): Labels =>
    Object.fromEntries(definition.labels.map((label, index) => [label, values[index] ?? '']));
  const of = (values: readonly string[]): T => {
    if (values.length !== definition.labels.length) {
      throw new TypeError(`${definition.name} has the labels ${definition.labels.join(', ')}; found ${values.length}`);
    }
    const key = values.join('\n');
    const found = known.get(key);
    if (found !== undefined) return found;
    const rest = definition.labels.map(() => REST);
    if (known.size >= MAX_SERIES && key !== rest.join('\n')) return of(rest);
    const made = make(toLabels(values));
    known.set(key, made);
    return made;
  };
  return { of, all: () => known.values() };
};

const registerCounter = (registry: Registry, definition: MetricDefinition) => {
  const series = createSeries(definition, (labels) => {
    const one = {
      labels,
      pending: 0,
      add: (count = 1): void => {
        one.pending += count;
      },
    };
    // Shown from now on, also at zero: a rate needs the value before the first event.
    counter.inc(labels, 0);
    return one;
  });
  const counter = new Counter({
    name: definition.name,
    help: definition.help,
    labelNames: definition.labels,
    registers: [registry],
    collect: () => {
      for (const one of series.all()) {
        if (one.pending === 0) continue;
        counter.inc(one.labels, one.pending);
        one.pending = 0;
      }
    },
  });
  return series;
};

const registerHistogram = (registry: Registry, definition: MetricDefinition) => {
  const histogram = new CountedHistogram(definition, BUCKETS_SECONDS, registry);
  return createSeries(definition, (labels) => histogram.seriesOf(labels));
};

const registerGauge = (registry: Registry, definition: MetricDefinition) => {
  const series = createSeries(definition, (labels) => {
    const one = {
      labels,
      read: (): number => 0,
      set: (value: number): void => {
        one.read = () => value;
      },
    };
    return one;
  });
  const gauge = new Gauge({
    name: definition.name,
    help: definition.help,
    labelNames: definition.labels,
    registers: [registry],
    collect: () => {
      for (const { labels, read } of series.all()) gauge.set(labels, read());
    },
  });
  return series;
};

const IGNORED = { add: () => {}, observe: () => {}, set: () => {} };

const inBraces = (labels: Readonly<Partial<Record<string, string | number>>>): string => {
  const pairs = Object.entries(labels).map(([label, value]) => `${label}=${JSON.stringify(String(value))}`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
};

/** Of prom-client: gauges with a name that says counter. The same numbers are in the gauges without `_total`, by kind. */
const GAUGES_CALLED_TOTAL = ['handles', 'requests', 'resources'].map((what) => `nodejs_active_${what}_total`);

/** `withProcess`: also memory, CPU and the event loop of this process. Default false. */
export const createMetrics = (
  definitions: readonly MetricDefinition[],
  options: { readonly withProcess?: boolean } = {},
): MetricRegistry => {
  const registry = new Registry();
  if (options.withProcess === true) {
    collectDefaultMetrics({ register: registry });
    for (const name of GAUGES_CALLED_TOTAL) registry.removeSingleMetric(name);
  }
  const of = <T>(kind: MetricDefinition['kind'], register: (definition: MetricDefinition) => T) =>
    new Map(definitions.filter((one) => one.kind === kind).map((one) => [one.name, register(one)]));
  const counters = of('counter', (one) => registerCounter(registry, one));
  const histograms = of('histogram', (one) => registerHistogram(registry, one));
  const gauges = of('gauge', (one) => registerGauge(registry, one));

  return {
    nowMs: () => performance.now(),
    counter: ({ name }, ...labels) => counters.get(name)?.of(labels) ?? IGNORED,
    histogram: ({ name }, ...labels) => histograms.get(name)?.of(labels) ?? IGNORED,
    gauge: ({ name }, ...labels) => gauges.get(name)?.of(labels) ?? IGNORED,
    reading: ({ name }, read, ...labels) => {
      const one = gauges.get(name)?.of(labels);
      if (one !== undefined) one.read = read;
    },
    expose: () => registry.metrics(),
    values: async () => {
      const names = [...counters.keys(), ...gauges.keys()];
      const all = await Promise.all(names.flatMap((name) => registry.getSingleMetric(name)?.get() ?? []));
      const pairs = all.flatMap((metric) =>
        metric.values.map(({ labels, value }) => [`${metric.name}${inBraces(labels)}`, value] as const),
      );
      return Object.fromEntries(pairs);
    },
    contentType: registry.contentType,
  };
};
