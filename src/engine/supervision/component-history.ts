// What is remembered of a component's replicas, as its status keeps it: the next operator-runtime that leads goes on with the back-off and the
// counts, so that a crash loop is not hidden by a change of leader. Called by the report, and by the supervisor when it begins.

import { isFault } from '../../core/fault.ts';
import type { ComponentStatus, ReplicaHistory } from '../../messages/entity.ts';
import type { Names } from '../../messages/subjects.ts';
import { lastOperatorStatus } from '../history/last-operator-status.ts';
import type { Log } from '../ports/log.ts';
import type { StreamReader } from '../ports/streams.ts';
import type { ComponentHistory, SlotHistory } from './decide.ts';

const timeText = (ms: number): string => new Date(ms).toISOString();
const timeOf = (text: string | undefined, absent: number): number => {
  const ms = Date.parse(text ?? '');
  return Number.isNaN(ms) ? absent : ms;
};

const stored = (replica: number, slot: SlotHistory): ReplicaHistory => ({
  ...{ replica, revision: slot.revision, wantedSince: timeText(slot.wantedSinceMs) },
  ...{ starts: slot.starts, restarts: slot.restarts, failures: slot.failures },
  ...(slot.nextStartMs > 0 ? { nextStart: timeText(slot.nextStartMs) } : {}),
  ...(slot.countedStartMs >= 0 ? { failedStart: timeText(slot.countedStartMs) } : {}),
  ...(slot.lastFailure === undefined ? {} : { lastFailure: slot.lastFailure }),
  ...(slot.parts === undefined ? {} : { parts: slot.parts }),
  ...(slot.rolledFor === undefined ? {} : { rolledFor: slot.rolledFor }),
});

/** Of the replicas that have any, or whose change was not begun by this runtime. */
export const storedHistory = (history: ComponentHistory): readonly ReplicaHistory[] =>
  [...history]
    .filter(
      ([, { starts, restarts, failures, rolledFor }]) => starts + restarts + failures > 0 || rolledFor !== undefined,
    )
    .sort(([left], [right]) => left - right)
    .map(([replica, slot]) => stored(replica, slot));

export const recalledHistory = (replicas: readonly ReplicaHistory[]): ComponentHistory =>
  new Map(
    replicas.map(({ replica, revision, wantedSince, starts, restarts, failures, ...rest }) => [
      replica,
      {
        ...{ revision, starts, restarts, failures, wantedSinceMs: timeOf(wantedSince, 0) },
        ...{ nextStartMs: timeOf(rest.nextStart, 0), countedStartMs: timeOf(rest.failedStart, -1) },
        ...(rest.lastFailure === undefined ? {} : { lastFailure: rest.lastFailure }),
        ...(rest.parts === undefined ? {} : { parts: rest.parts }),
        ...(rest.rolledFor === undefined ? {} : { rolledFor: rest.rolledFor }),
      },
    ]),
  );

/** What an earlier operator-runtime said of an operator's components last; nothing when that cannot be read. */
export type Recall = (operator: string) => Promise<readonly ComponentStatus[]>;

export const createRecall =
  (options: { readonly names: Names; readonly statusReader: StreamReader; readonly log: Log }): Recall =>
  async (operator) => {
    try {
      const { status } = await lastOperatorStatus(options.statusReader, options.names, operator);
      return status?.status === 'deleted' ? [] : (status?.components ?? []);
    } catch (error) {
      if (!isFault(error)) throw error;
      options.log.warn({ operator, err: error }, 'restarts of components not recalled');
      return [];
    }
  };
