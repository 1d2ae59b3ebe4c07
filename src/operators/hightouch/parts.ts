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
import type { CallContext, Hightouch } from './client.ts';
import type { Ensure, Known } from './ensure.ts';
import type { Ledger } from './ledger.ts';
import type { RunRecord } from './run-record.ts';
import type { HightouchSettings } from './settings.ts';

export type Parts = {
  readonly settings: HightouchSettings;
  readonly api: Hightouch;
  readonly ledger: Ledger;
  readonly ensure: Ensure;
  now(): number;
  report(update: StatusUpdate): Promise<void>;
};

export type Work = {
  readonly entity: Entity;
  readonly record: RunRecord | undefined;
  /** What is at Hightouch for it, as last reported. */
  readonly known: Known;
  readonly context: ReconcileContext;
  readonly call: CallContext;
};

/** How long the other resources get to say which runs and syncs are theirs, when a process has just begun to lead. */
const OTHERS_KNOWN_AFTER_MS = 10_000;
export const othersKnownMs = ({ ledger, settings }: Parts): number =>
  ledger.sinceMs + Math.min(OTHERS_KNOWN_AFTER_MS, settings.searchGraceMs / 2);

/** Looked at again as soon as may be. */
export const AT_ONCE = { requeueAfterMs: 1 } as const;

export const timestamp = (timeMs: number): string => new Date(timeMs).toISOString();

type RunReport = {
  readonly status: LifecycleStatus;
  readonly properties: JsonObject;
  readonly conditions: readonly ReportedCondition[];
  readonly change?: ExternalChange;
};

/** The status of a resource with a run. The run's message is the status' message. */
export const runUpdate = (entity: Entity, run: ObservedRun, report: RunReport): StatusUpdate => ({
  key: entity.key,
  ...report,
  run,
  runtime: run.state,
  ...(run.externalId === undefined ? {} : { externalId: run.externalId }),
  ...(run.message === undefined ? {} : { message: run.message }),
});
