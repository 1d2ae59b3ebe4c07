// All runs of one resource, from its stored events: who wanted each, when, and how it ended. Makes the same moves as the fold of the
// resource (domain/resource/run-lane.ts). What goes on now is told by the last status. Pure; called by the query-responder.

import {
  cancelRun,
  dropWaiting,
  endRun,
  goingOn,
  requestRun,
  type LaneMove,
  type RunLane,
} from '../domain/resource/run-lane.ts';
import type { Writable } from '../core/writable.ts';
import type { EntityStatus } from '../messages/entity.ts';
import type { ResourceEvent } from '../messages/events.ts';
import type { RunEnd, RunRequest } from '../messages/runs.ts';
import type { RunRow } from '../messages/queries.ts';

type Row = Writable<RunRow>;

const DELETED = 'the resource was deleted before it ended';
const RELEASED = 'the resource was released before it ended';
const MAX_MESSAGE_LENGTH = 500;

type RunEnded = Extract<ResourceEvent, { type: 'io.opstream.resource.run-ended.v1' }>['data'];

/** What a component said of the run. */
const fill = (row: Row, told: Pick<RunRow, 'startedAt' | 'finishedAt' | 'externalId' | 'message'>): void => {
  if (told.startedAt !== undefined) row.startedAt = told.startedAt;
  if (told.finishedAt !== undefined) row.finishedAt = told.finishedAt;
  if (told.externalId !== undefined) row.externalId = told.externalId;
  if (told.message !== undefined) row.message = told.message.slice(0, MAX_MESSAGE_LENGTH);
};

export const createRunList = () => {
  const rows = new Map<string, Row>();
  let lane: RunLane = {};
  let uid = '';
  let lastSequence = 0;

  const end = (id: string, how: RunEnd, time: string, message?: string): void => {
    const row = rows.get(id);
    if (row === undefined) return;
    row.state = how;
    row.finishedAt ??= time;
    if (message !== undefined) row.message ??= message;
  };

  const add = (run: RunRequest, cause: RunRow['cause'], event: ResourceEvent, sequence: number): void => {
    const row: Row = {
      id: run.id,
      number: run.number,
      uid,
      cause,
      requestedBy: event.actor,
      requestedAt: run.requestedAt,
      commandId: event.commandid,
      sequence,
      state: 'queued',
    };
    if (run.action !== undefined) row.action = run.action;
    rows.set(run.id, row);
  };

  const move = ({ lane: after, ended }: LaneMove, time: string): void => {
    lane = after;
    for (const { id, end: how } of ended) end(id, how, time);
  };

  const onEnded = (data: RunEnded, time: string): void => {
    const row = rows.get(data.runId);
    if (row !== undefined) fill(row, data);
    move(endRun(lane, data.runId, data.state), time);
  };

  const leave = (message: string, time: string): void => {
    move(dropWaiting(lane), time);
    const current = goingOn(lane);
    if (current !== undefined) end(current.id, 'cancelled', time, message);
    lane = {};
  };

  const absorb = (event: ResourceEvent, sequence: number): void => {
    const { time } = event;
    lastSequence = sequence;
    switch (event.type) {
      case 'io.opstream.resource.declared.v1': {
        const { run } = event.data;
        uid = event.data.uid;
        lane = {};
        if (run === undefined) return;
        add(run, 'declared', event, sequence);
        return move(requestRun(lane, run, undefined), time);
      }
      case 'io.opstream.resource.changed.v1': {
        const { run, ifRunning, skippedRun } = event.data;
        if (skippedRun !== undefined) {
          add(skippedRun, 'spec', event, sequence);
          end(skippedRun.id, 'skipped', time);
        }
        if (run === undefined) return;
        add(run, 'spec', event, sequence);
        return move(requestRun(lane, run, ifRunning), time);
      }
      case 'io.opstream.resource.run-requested.v1':
        add(event.data.run, 'run', event, sequence);
        return move(requestRun(lane, event.data.run, event.data.ifRunning), time);
      case 'io.opstream.resource.cancel-requested.v1':
        return move(cancelRun(lane, event.data.runId, event.data.all === true), time);
      case 'io.opstream.resource.run-ended.v1':
        return onEnded(event.data, time);
      case 'io.opstream.resource.deletion-requested.v1':
        return move(dropWaiting(lane), time);
      case 'io.opstream.resource.deleted.v1':
        return leave(DELETED, time);
      case 'io.opstream.resource.released.v1':
        return leave(RELEASED, time);
      default:
        return undefined;
    }
  };

  /** The run that goes on, as its component last reported it. */
  const withStatus = (status: EntityStatus | undefined): void => {
    const current = goingOn(lane);
    const row = current === undefined ? undefined : rows.get(current.id);
    if (current === undefined || row === undefined) return;
    row.state = 'pending';
    if (current.cancelRequested) row.cancelRequested = true;
    const told = status?.uid === uid ? status.run : undefined;
    const run = told?.id === current.id ? told : undefined;
    if (run === undefined) return;
    // Its end counts when it is an event: the next run begins with that.
    row.state = run.state === 'pending' ? 'pending' : 'inprogress';
    fill(row, run);
  };

  return {
    /** One event of the resource, in the order of the stream. */
    absorb,
    /** The newest run first. Nothing may be absorbed afterwards. */
    rows: (status: EntityStatus | undefined): readonly RunRow[] => {
      withStatus(status);
      return [...rows.values()].reverse();
    },
    get sequence(): number {
      return lastSequence;
    },
  };
};
