// What a component counts, as Prometheus text. Small on purpose: a few counters, one histogram, gauges read when asked.

const BUCKETS_MS = [1, 5, 10, 50, 100, 500, 1000, 5000, 30_000, 60_000] as const;

export type CommandOutcome = 'kept' | 'ignored' | 'retried' | 'dead';
export type ReconcileOutcome = 'succeeded' | 'failed' | 'terminal' | 'conflict';

export interface ComponentMetrics {
  command(outcome: CommandOutcome): void;
  query(outcome: 'answered' | 'refused' | 'failed'): void;
  reconciled(outcome: ReconcileOutcome): void;
  reconcileTook(durationMs: number): void;
  statusWritten(): void;
  /** Read at each scrape; a new one of the same name replaces the old one. */
  gauge(name: string, help: string, read: () => number): void;
  render(): string;
}

export const createComponentMetrics = (): ComponentMetrics => {
  const counters = new Map<string, number>();
  const gauges = new Map<string, { readonly help: string; read(): number }>();
  const histogram = BUCKETS_MS.map(() => 0);
  let took = { count: 0, sumMs: 0 };

  const count = (name: string, outcome?: string): void => {
    const series = `opstream_component_${name}_total${outcome === undefined ? '' : `{outcome="${outcome}"}`}`;
    counters.set(series, (counters.get(series) ?? 0) + 1);
  };

  const renderHistogram = (): readonly string[] => {
    const name = 'opstream_component_reconcile_duration_seconds';
    return [
      `# TYPE ${name} histogram`,
      ...BUCKETS_MS.map((boundMs, index) => `${name}_bucket{le="${boundMs / 1000}"} ${histogram[index] ?? 0}`),
      `${name}_bucket{le="+Inf"} ${took.count}`,
      `${name}_sum ${took.sumMs / 1000}`,
      `${name}_count ${took.count}`,
    ];
  };

  return {
    command: (outcome) => count('commands', outcome),
    query: (outcome) => count('queries', outcome),
    reconciled: (outcome) => count('reconciles', outcome),
    statusWritten: () => count('statuses_written'),
    reconcileTook: (durationMs) => {
      took = { count: took.count + 1, sumMs: took.sumMs + durationMs };
      BUCKETS_MS.forEach((boundMs, index) => {
        if (durationMs <= boundMs) histogram[index] = (histogram[index] ?? 0) + 1;
      });
    },
    gauge: (name, help, read) => {
      gauges.set(`opstream_component_${name}`, { help, read });
    },
    render: () => {
      const lines: string[] = [];
      let family = '';
      for (const [series, value] of [...counters].sort(([a], [b]) => (a < b ? -1 : 1))) {
        const name = series.replace(/\{.*$/, '');
        if (name !== family) lines.push(`# TYPE ${name} counter`);
        family = name;
        lines.push(`${series} ${value}`);
      }
      for (const [name, { help, read }] of gauges) {
        lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} gauge`, `${name} ${read()}`);
      }
      return `${[...lines, ...renderHistogram()].join('\n')}\n`;
    },
  };
};
