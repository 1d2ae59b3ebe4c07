// Counts what the supervisor does: starts, restarts, what could not be started, and the instances by state. Called by the supervisor.

import { metricCatalogue } from '../../messages/metric-catalogue.ts';
import { noMetrics } from '../ports/no-metrics.ts';
import type { Metrics } from '../ports/metrics.ts';
import { isAlive, type ComponentHistory, type ObservedInstance } from './decide.ts';
import { parseInstanceId } from './instance-id.ts';

const STATES = ['starting', 'ready', 'unhealthy', 'exited'] as const;

const stateOf = (one: ObservedInstance): (typeof STATES)[number] => {
  if (!isAlive(one)) return 'exited';
  if ((one.failedChecks ?? 0) > 0) return 'unhealthy';
  return one.isReady ? 'ready' : 'starting';
};

const restartsIn = (history: ComponentHistory): number =>
  [...history.values()].reduce((sum, { restarts }) => sum + restarts, 0);

export const createSupervisionMeter = (metrics: Metrics = noMetrics) => {
  const operators = new Set<string>();
  return {
    started: (operator: string): void => metrics.counter(metricCatalogue.supervisedStarts, operator).add(),
    notStarted: (operator: string, code: string): void =>
      metrics.counter(metricCatalogue.supervisedStartFailures, operator, code).add(),
    restarted: (operator: string, before: ComponentHistory, after: ComponentHistory): void => {
      const count = restartsIn(after) - restartsIn(before);
      if (count > 0) metrics.counter(metricCatalogue.supervisedRestarts, operator).add(count);
    },
    /** All of them; an operator that has none any more is at zero. */
    observed: (instances: readonly ObservedInstance[]): void => {
      const counts = new Map<string, number>();
      for (const one of instances) {
        const operator = parseInstanceId(one.id)?.operator;
        if (operator === undefined) continue;
        operators.add(operator);
        const key = `${operator} ${stateOf(one)}`;
        counts.set(key, (counts.get(key) ?? 0) + 1);
      }
      for (const operator of operators) {
        for (const state of STATES)
          metrics
            .gauge(metricCatalogue.supervisedInstances, operator, state)
            .set(counts.get(`${operator} ${state}`) ?? 0);
      }
    },
  };
};
