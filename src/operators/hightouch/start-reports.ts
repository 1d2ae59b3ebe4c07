// What is said of a run that is to be started, and how it is recorded: the intent, its confirmation, that it was given up. Called by start-run.ts.

import { notReady, reconciling, stalled, type JsonObject, type ReconcileResult } from '../../sdk/index.ts';
import type { Id } from './ids.ts';
import { AT_ONCE, runUpdate, timestamp, type Parts, type Work } from './parts.ts';
import { recordProperties, settledIntent, type Intent } from './run-record.ts';
import { conditionsOf } from './run-status.ts';

export const waiting = (reason: string, message: string) => [notReady(reason, message), reconciling(reason, message)];

export const createStartReports = ({ settings, ledger, now, report }: Parts) => {
  const sayWaiting = ({ entity }: Work, runId: string, properties: JsonObject, reason: string, message: string) =>
    report(
      runUpdate(
        entity,
        { id: runId, state: 'pending' },
        { status: 'pending', properties, conditions: waiting(reason, message) },
      ),
    );

  const confirm = async ({ entity, known }: Work, intent: Intent, externalRunId: Id): Promise<ReconcileResult> => {
    ledger.claim(externalRunId, entity.key);
    ledger.keepAnswer(intent.runId, externalRunId);
    const run = { id: intent.runId, state: 'pending', externalId: externalRunId } as const;
    const properties = recordProperties(known, settledIntent(intent));
    await report(runUpdate(entity, run, { status: 'active', properties, conditions: conditionsOf(run) }));
    ledger.settle(intent.runId);
    return { requeueAfterMs: Math.min(settings.pollIntervalMs, 1000) };
  };

  /** The run is given up, and it takes a change or a new run to try again. */
  const giveUp = async (
    { entity, known }: Work,
    runId: string,
    reason: 'StartRefused' | 'StartUnconfirmed',
    message: string,
  ): Promise<ReconcileResult> => {
    ledger.settle(runId);
    const run = { id: runId, state: 'failed', finishedAt: timestamp(now()), message } as const;
    const conditions = [notReady(reason, message), stalled(reason, message)];
    await report(
      runUpdate(entity, run, { status: 'error', properties: recordProperties(known, undefined), conditions }),
    );
    return {};
  };

  const refuse = (work: Work, runId: string, message: string): Promise<ReconcileResult> =>
    giveUp(work, runId, 'StartRefused', message);

  /** Ends a run that was never started. */
  const callOff = async ({ entity, known }: Work, runId: string): Promise<ReconcileResult> => {
    ledger.settle(runId);
    const run = {
      id: runId,
      state: 'cancelled',
      finishedAt: timestamp(now()),
      message: 'called off before it was started',
    } as const;
    await report(
      runUpdate(entity, run, {
        status: 'active',
        properties: recordProperties(known, undefined),
        conditions: conditionsOf(run),
      }),
    );
    return AT_ONCE;
  };

  /** The trigger certainly started nothing: the next try need not look for anything. */
  const retract = async (
    work: Work,
    intent: Intent,
    reason = 'StartDelayed',
    message = 'the sync run is not started yet',
  ): Promise<void> => {
    const properties = recordProperties(work.known, { ...settledIntent(intent), isWithdrawn: true });
    await sayWaiting(work, intent.runId, properties, reason, message);
    ledger.settle(intent.runId);
  };

  return { sayWaiting, confirm, giveUp, refuse, callOff, retract };
};
