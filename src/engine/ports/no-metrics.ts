// Metrics that nobody reads: for tests, and for loops that are run without a program around them.

import type { Metrics } from './metrics.ts';

const NOWHERE = { add: (): void => {}, observe: (): void => {}, set: (): void => {} };

export const noMetrics: Metrics = {
  nowMs: () => 0,
  counter: () => NOWHERE,
  histogram: () => NOWHERE,
  gauge: () => NOWHERE,
  reading: () => {},
};
