// What the supervisor needs, and what it offers. Implemented by supervisor.ts, composed by processes/common/supervision.ts.

import type { OperatorDocument } from '../../messages/queries.ts';
import type { OperatorDirectory } from '../history/operator-directory.ts';
import type { Clock } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';
import type { Metrics } from '../ports/metrics.ts';
import type { ComponentsReport } from './component-report.ts';
import type { Recall } from './component-history.ts';
import type { ObservedInstance, SupervisionSettings } from './decide.ts';
import type { InstancesOf } from './last-look.ts';
import type { LeaseWatch } from './lease-watch.ts';
import type { Planner } from './planner.ts';
import type { ComputeDriver, InstanceSpec } from './ports.ts';

export type SupervisorOptions = {
  readonly directory: Pick<OperatorDirectory, 'get' | 'all'>;
  readonly planner: Planner;
  readonly drivers: readonly ComputeDriver[];
  readonly settings: SupervisionSettings;
  readonly clock: Clock;
  random(): number;
  readonly log: Log;
  readonly signal: AbortSignal;
  /** Default: nothing is counted. */
  readonly metrics?: Metrics;
  /** Default: there was no operator-runtime before. */
  readonly recall?: Recall;
  /** What is to be said of an operator's components has changed: see `reportOf`. */
  onReport(operator: string): void;
  /** Default: nobody looks at leases. */
  readonly leases?: LeaseWatch;
  /** What is wanted of a component, whenever it was looked at anew. */
  onPlanned?(desired: readonly InstanceSpec[]): void;
  /** What runs, after each round. */
  onObserved?(instances: readonly ObservedInstance[]): void;
};

export type Supervisor = {
  /** Until the signal aborts. Instances are left running: whoever leads next adopts them. */
  run(): Promise<void>;
  wake(): void;
  /** Undefined: not looked at since this generation. */
  reportOf(operator: OperatorDocument): ComponentsReport | undefined;
  /** As the last round saw it. */
  readonly instancesOf: InstancesOf;
  /** Resolves when the first round is over. */
  readonly looked: Promise<void>;
};
