// What a metric is, and which programs there are. The metrics themselves are in metric-catalogue.ts.

export const programs = ['command-handler', 'projector', 'query-responder', 'operator-runtime', 'component'] as const;
export type Program = (typeof programs)[number];

export type MetricDefinition = {
  readonly name: string;
  readonly kind: 'counter' | 'gauge' | 'histogram';
  readonly labels: readonly string[];
  readonly programs: readonly Program[];
  readonly help: string;
};
