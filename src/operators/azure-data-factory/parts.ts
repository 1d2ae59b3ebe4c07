// What the steps of a reconcile share: the parts they work with, the resource they work on, and how a run is reported.

import type {
  Entity,
  ExternalChange,
  JsonObject,
  LifecycleStatus,
  ObservedRun,
  ReconcileContext,
  ReportedCondition,
  StatusUpdate,
} from '../../sdk/index.ts';
import type { CallContext, DataFactory } from './client.ts';
import type { Ledger } from './ledger.ts';
import type { RunRecord } from './run-record.ts';
import { conditionsOf } from './run-status.ts';
import type { AdfSettings } from './settings.ts';

export type Parts = {
  readonly settings: AdfSettings;
  readonly api: DataFactory;
  readonly ledger: Ledger;
  now(): number;
  report(update: StatusUpdate): Promise<void>;
};

export type Work = {
  readonly entity: Entity;
  readonly record: RunRecord | undefined;
  readonly context: ReconcileContext;
  readonly call: CallContext;
};

/** Looked at again as soon as may be. */
export const AT_ONCE = { requeueAfterMs: 1 } as const;

export const timestamp = (timeMs: number): string => new Date(timeMs).toISOString();

type RunReport = {
  readonly status: LifecycleStatus;
  readonly properties: JsonObject;
  /** Default: those that follow from the run. */
  readonly conditions?: readonly ReportedCondition[];
  readonly change?: ExternalChange;
};

/** The status of a resource with a run. The run's message is the status' message. */
export const runUpdate = (
  entity: Entity,
  run: ObservedRun,
  { status, properties, conditions, change }: RunReport,
): StatusUpdate => ({
  key: entity.key,
  ...{ status, run, properties },
  runtime: run.state,
  conditions: conditions ?? conditionsOf(run),
  ...(change === undefined ? {} : { change }),
  ...(run.externalId === undefined ? {} : { externalId: run.externalId }),
  ...(run.message === undefined ? {} : { message: run.message }),
});

/** `error` when the run could not even be started; a run that failed was well looked after. */
export const lifecycleOf = ({ state, externalId }: ObservedRun): LifecycleStatus => {
  if (externalId !== undefined) return 'active';
  return state === 'failed' ? 'error' : state === 'pending' ? 'pending' : 'active';
};
