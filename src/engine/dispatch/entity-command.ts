// The command to a component, made of a resource as it is wanted and of the event that said so last. Called by whoever sends one: the dispatch
// loop, the answer sweep.

import { COMMAND_TYPE, type Entity, type EntityCommand } from '../../messages/entity.ts';
import { schemaUri } from '../../messages/envelope.ts';
import type { ResourceEvent } from '../../messages/events.ts';
import type { Names } from '../../messages/subjects.ts';

const verbOf = (entity: Entity, event: ResourceEvent): EntityCommand['data']['command'] => {
  if (event.type === 'io.opstream.resource.released.v1') return 'release';
  return entity.deletionRequestedAt === undefined ? 'apply' : 'delete';
};

/** What components are told of a resource: not the runs that wait for their turn. */
export const asTold = (entity: Entity): Entity => {
  if (entity.waitingRuns === undefined) return entity;
  const { waitingRuns: _waiting, ...told } = entity;
  return told;
};

/** `id`: of the message, for the server's duplicate window. Default: the event's, so that a dispatch that is repeated stores nothing. */
export const entityCommandFor = (
  names: Names,
  entity: Entity,
  event: ResourceEvent,
  { fence, id = `${event.id}-command` }: { readonly fence: number; readonly id?: string },
): EntityCommand => {
  const command: Record<string, unknown> = {
    specversion: '1.0',
    id,
    source: `/${names.prefix}/operator-runtime`,
    type: COMMAND_TYPE,
    subject: event.subject,
    time: event.time,
    datacontenttype: 'application/json',
    dataschema: schemaUri(COMMAND_TYPE),
    correlationid: event.correlationid,
    causationid: event.id,
    commandid: event.commandid,
    actor: event.actor,
  };
  if (event.traceparent !== undefined) command['traceparent'] = event.traceparent;
  if (event.tracestate !== undefined) command['tracestate'] = event.tracestate;
  command['generation'] = entity.generation;
  command['data'] = { command: verbOf(entity, event), entity: asTold(entity), fence };
  return command as unknown as EntityCommand;
};
