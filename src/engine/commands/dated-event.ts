// An event as it is stored: what was decided, with an id, a time and where it came from.

import { schemaUri } from '../../messages/envelope.ts';
import type { DomainEvent, NewEvent } from '../../messages/events.ts';
import { refKey, type Ref } from '../../messages/subjects.ts';
import type { CommandRequest } from './command-request.ts';

export type EventOrigin = {
  readonly id: string;
  readonly time: string;
  readonly source: string;
  readonly ref: Ref;
  readonly request: Pick<CommandRequest, 'commandId' | 'correlationId' | 'causationId' | 'actor' | 'tracestate'>;
  /** Of the command, or of the trace that it begins. */
  readonly traceparent: string | undefined;
};

export const datedEvent = (
  event: NewEvent,
  { id, time, source, ref, request, traceparent }: EventOrigin,
): DomainEvent => {
  const dated: Record<string, unknown> = {
    specversion: '1.0',
    id,
    source,
    type: event.type,
    subject: refKey(ref),
    time,
    datacontenttype: 'application/json',
    dataschema: schemaUri(event.type),
    correlationid: request.correlationId,
    causationid: request.causationId,
    commandid: request.commandId,
    actor: request.actor,
  };
  if (traceparent !== undefined) dated['traceparent'] = traceparent;
  if (request.tracestate !== undefined) dated['tracestate'] = request.tracestate;
  dated['generation'] = event.generation;
  dated['data'] = event.data;
  return dated as unknown as DomainEvent;
};
