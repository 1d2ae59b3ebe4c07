// OPSTREAM_STATUS -> `status.<workspace>.<name>` (entities) and `status.<name>` (operators): what was last observed. A status event
// carries the whole observed state, so the document is the last one; the status `deleted` removes it. Nothing here depends on
// OPSTREAM_EVENTS: two streams have no order between them, and a view that needed one could not be rebuilt equal.

import { NO_WORKSPACE } from '../core/names.ts';
import { createOwnEvents, type OwnEvents } from '../messages/own-events.ts';
import { viewKeys, type StatusRef } from '../messages/subjects.ts';
import type { ProjectionOf, Step, ViewDocument, ViewMessage } from './projection.ts';

/** A decoded event is nobody else's: its data becomes the document as it is, without the fence. */
const asDocument = (
  status: { fence?: number; updatedAt?: string; sequence?: number },
  updatedAt: string,
  sequence: number,
): ViewDocument => {
  delete status.fence;
  status.updatedAt = updatedAt;
  status.sequence = sequence;
  return status as ViewDocument;
};

const stepOf =
  (own: OwnEvents) =>
  (_previous: ViewDocument | undefined, message: ViewMessage): Step => {
    const decoded = own.status(message);
    if ('problem' in decoded) return { kind: 'poison', reason: decoded.problem };
    const { time, data } = decoded.event;
    if (data.status === 'deleted') return { kind: 'document', document: undefined };
    return { kind: 'document', document: asDocument(data, time, message.sequence) };
  };

const keyWhen =
  (
    parse: (subject: string) => StatusRef | undefined,
    isWanted: (ref: StatusRef) => boolean,
    key: (ref: StatusRef) => string,
  ) =>
  (subject: string): string | undefined => {
    const ref = parse(subject);
    return ref !== undefined && isWanted(ref) ? key(ref) : undefined;
  };

export const entityStatuses: ProjectionOf = (names, own = createOwnEvents(names)) => ({
  name: 'entity-statuses',
  stream: names.streams.status,
  bucket: names.buckets.entities,
  filters: [names.statusFilter],
  keyFilter: 'status.>',
  keyOf: keyWhen(
    names.parseStatus,
    ({ workspace }) => workspace !== NO_WORKSPACE,
    ({ workspace, name }) => viewKeys.entityStatus(workspace, name),
  ),
  strangeSubject: own.strangeSubject,
  step: stepOf(own),
});

export const operatorStatuses: ProjectionOf = (names, own = createOwnEvents(names)) => ({
  name: 'operator-statuses',
  stream: names.streams.status,
  bucket: names.buckets.operators,
  filters: [names.operatorStatusFilter],
  keyFilter: 'status.>',
  keyOf: keyWhen(
    names.parseStatus,
    ({ workspace }) => workspace === NO_WORKSPACE,
    ({ name }) => viewKeys.operatorStatus(name),
  ),
  step: stepOf(own),
});
