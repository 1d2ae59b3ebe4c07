// Answers the query `runs`: every run of one resource with its end, read from the stream itself. So it is never behind what was accepted, and
// no run is missing while the resource's events are kept, which is for ever.

import { reject } from '../../core/rejection.ts';
import { err, ok, type Result } from '../../core/result.ts';
import { STATUS_TYPE, type EntityStatus } from '../../messages/entity.ts';
import type { ResourceEvent } from '../../messages/events.ts';
import { createOwnEvents, type OwnEvents } from '../../messages/own-events.ts';
import { DEFAULT_PAGE_SIZE, type RunsAnswer, type RunsQuery } from '../../messages/queries.ts';
import { resourceRef, type Names } from '../../messages/subjects.ts';
import { createRunList } from '../../views/run-list.ts';
import { lastOwnStatus } from '../history/last-own-status.ts';
import type { StreamReader } from '../ports/streams.ts';

export type RunsOptions = {
  readonly names: Names;
  /** Of OPSTREAM_EVENTS. */
  readonly events: StreamReader;
  /** Of OPSTREAM_STATUS. */
  readonly statuses: StreamReader;
  /** Default: those of `names`. */
  readonly own?: OwnEvents;
};

/** Errors: NOT_FOUND when there never was such a resource. */
export const createRunsAnswer = ({ names, events, statuses, own = createOwnEvents(names) }: RunsOptions) => {
  const lastStatus = async (operator: string, workspace: string, name: string): Promise<EntityStatus | undefined> => {
    const { event } = await lastOwnStatus(statuses, own, names.status({ operator, workspace, name }));
    return event?.type === STATUS_TYPE ? event.data : undefined;
  };

  return async ({
    workspace,
    name,
    runId,
    limit = DEFAULT_PAGE_SIZE,
    before,
  }: RunsQuery): Promise<Result<RunsAnswer>> => {
    const list = createRunList();
    let operator: string | undefined;
    for (const message of await events.readSubject(names.event(resourceRef(workspace, name)))) {
      const decoded = own.event(message);
      if ('problem' in decoded) continue;
      const event = decoded.event as ResourceEvent;
      if (event.type === 'io.opstream.resource.declared.v1') operator = event.data.manifest.resource.operator;
      list.absorb(event, message.sequence);
    }
    if (operator === undefined) {
      return err(
        reject('NOT_FOUND', `there is no resource "${name}" in workspace "${workspace}", and there never was`),
      );
    }
    const all = list.rows(await lastStatus(operator, workspace, name));
    const wanted = all.filter(
      (row) => (runId === undefined || row.id === runId) && (before === undefined || row.sequence < before),
    );
    const items = wanted.slice(0, limit);
    const last = items.at(-1);
    return ok({
      items,
      sequence: list.sequence,
      ...(wanted.length > items.length && last !== undefined ? { next: last.sequence } : {}),
    });
  };
};
