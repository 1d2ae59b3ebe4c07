// Activity runs of a pipeline run, computed from the run and the clock as the run itself is. Only activities that have
// started exist. A Copy activity reports what a real one does: data and files read and written, duration, throughput.

import { createHash } from 'node:crypto';
import type { JsonObject } from './errors.ts';
import type { Row } from './run-filter.ts';
import { progressOf, scheduleOf, type Run, type Slot } from './runs.ts';
import { azureTimestamp } from './timestamps.ts';

type ActivityStatus = 'InProgress' | 'Succeeded' | 'Failed' | 'Cancelled';
type ActivityProgress = { readonly status: ActivityStatus; readonly endMs: number | undefined };

const copiedBytes = 142_000;

/** Stable across reads: the same activity of the same run always has the same id. */
const activityRunId = (run: Run, name: string): string => {
  const digest = createHash('sha256').update(`${run.runId}/${name}`).digest('hex');
  return `${digest.slice(0, 8)}-${digest.slice(8, 12)}-4${digest.slice(13, 16)}-8${digest.slice(17, 20)}-${digest.slice(20, 32)}`;
};

const progressOfSlot = (run: Run, slot: Slot, isLast: boolean, nowMs: number): ActivityProgress | undefined => {
  if (slot.startMs > nowMs) return undefined;
  if (run.cancelledAtMs !== undefined) {
    if (slot.startMs > run.cancelledAtMs) return undefined;
    if (slot.endMs === undefined || slot.endMs > run.cancelledAtMs) {
      const { status, endMs } = progressOf(run, nowMs);
      return status === 'Cancelled' ? { status: 'Cancelled', endMs } : { status: 'InProgress', endMs: undefined };
    }
  }
  if (slot.endMs === undefined || nowMs < slot.endMs) return { status: 'InProgress', endMs: undefined };
  return { status: isLast && run.outcome === 'Failed' ? 'Failed' : 'Succeeded', endMs: slot.endMs };
};

const copyOutput = (status: ActivityStatus, startMs: number, endMs: number, finerDigits: string): JsonObject => {
  const seconds = Math.max(1, Math.round((endMs - startMs) / 1_000));
  const succeeded = status === 'Succeeded';
  const bytes = succeeded ? copiedBytes : 0;
  return {
    dataRead: bytes,
    dataWritten: bytes,
    filesRead: succeeded ? 1 : 0,
    filesWritten: succeeded ? 1 : 0,
    copyDuration: seconds,
    throughput: Number((bytes / 1_024 / seconds).toFixed(3)),
    errors: [],
    effectiveIntegrationRuntime: 'DefaultIntegrationRuntime (East US)',
    usedDataIntegrationUnits: 4,
    usedParallelCopies: 1,
    executionDetails: [
      {
        source: { type: 'AzureBlobStorage' },
        sink: { type: 'AzureBlobStorage' },
        status,
        start: azureTimestamp(startMs, finerDigits),
        duration: seconds,
        usedDataIntegrationUnits: 4,
        usedParallelCopies: 1,
        detailedDurations: { queuingDuration: 0, transferDuration: seconds },
      },
    ],
  };
};

/** The activity runs that exist now, in the order they started, each with the fields a filter may ask about. */
export const activityRows = (run: Run, nowMs: number): readonly Row[] => {
  const schedule = scheduleOf(run);
  return schedule.flatMap((slot, index) => {
    const progress = progressOfSlot(run, slot, index === schedule.length - 1, nowMs);
    if (progress === undefined) return [];
    const { activity, startMs } = slot;
    const { status, endMs } = progress;
    const start = azureTimestamp(startMs, run.finerDigits);
    const end = endMs === undefined ? null : azureTimestamp(endMs, run.finerDigits);
    const made =
      activity.type === 'Copy' && endMs !== undefined ? copyOutput(status, startMs, endMs, run.finerDigits) : {};
    const failed = status === 'Failed';
    const view: JsonObject = {
      activityRunId: activityRunId(run, activity.name),
      activityName: activity.name,
      activityType: activity.type,
      pipelineName: run.pipelineName,
      pipelineRunId: run.runId,
      linkedServiceName: activity.linkedServiceName,
      status,
      activityRunStart: start,
      activityRunEnd: end,
      durationInMs: endMs === undefined ? null : endMs - startMs,
      input: activity.input,
      output: endMs === undefined ? {} : (activity.output ?? made),
      error: {
        errorCode: failed ? '2200' : '',
        message: failed ? run.failureMessage : '',
        failureType: failed ? 'UserError' : '',
        target: activity.name,
      },
      retryAttempt: null,
      userProperties: {},
    };
    return [
      {
        fields: {
          ActivityName: activity.name,
          ActivityType: activity.type,
          ActivityRunStart: start,
          ActivityRunEnd: end,
          Status: status,
        },
        lastUpdatedMs: endMs ?? startMs,
        view,
      },
    ];
  });
};
