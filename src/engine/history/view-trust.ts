// Whether the views can be believed, asked before the query-responder says something of them. A view that is further than its stream (newer
// buckets were restored beside an older stream) shows what never happened and will miss what comes; a document that is not there although its
// events are is a loss, and no "there is none". Both are faults: the client is told to come again, and what has to be done.

import { Fault } from '../../core/fault.ts';
import { operatorRef, refKey, type Names, type Ref } from '../../messages/subjects.ts';
import { REBUILD_HINT } from '../../messages/view-documents.ts';
import type { OwnEvents } from '../../messages/own-events.ts';
import type { DomainEvent } from '../../messages/events.ts';
import type { Clock } from '../ports/clock.ts';
import type { StreamReader } from '../ports/streams.ts';

/** A view that has moved on since the end of its stream was last asked for is believed for so long. */
const ASK_AFTER_MS = 1000;

const endsThing = ({ type }: DomainEvent): boolean => /\.(?:deleted|released)\.v1$/.test(type);

/** The last event of ours on a subject. The history is read only when the last message was set aside. */
const lastOwnEvent = async (
  reader: Pick<StreamReader, 'readLast' | 'readSubject'>,
  own: OwnEvents,
  subject: string,
): Promise<{ readonly event: DomainEvent; readonly sequence: number } | undefined> => {
  const last = await reader.readLast(subject);
  if (last === undefined) return undefined;
  const first = own.event(last);
  if ('event' in first) return { event: first.event, sequence: last.sequence };
  for (const message of (await reader.readSubject(subject)).toReversed()) {
    const given = own.event(message);
    if ('event' in given) return { event: given.event, sequence: message.sequence };
  }
  return undefined;
};

export const viewAhead = (bucket: string, stream: string, position: number, end: number): Fault =>
  new Fault(
    'VIEW_DAMAGED',
    `the view in ${bucket} is at ${stream} #${position}, and the stream ends at #${end}: one of them was restored without the other; ${REBUILD_HINT}`,
    { details: { bucket, stream, position, end } },
  );

export const createViewTrust = (options: {
  readonly names: Names;
  readonly events: StreamReader;
  readonly statuses: Pick<StreamReader, 'lastSequence'>;
  /** How far the view in a bucket has a stream. */
  readonly mirror: { position(bucket: string, stream: string): number };
  readonly clock: Clock;
  readonly own: OwnEvents;
}) => {
  const { names, mirror, clock, own } = options;
  const ends = new Map([
    [names.streams.events, { reader: options.events, end: 0, askedMs: 0, isDoubted: true }],
    [names.streams.status, { reader: options.statuses, end: 0, askedMs: 0, isDoubted: true }],
  ]);

  return {
    /** Faults: VIEW_DAMAGED when the view in `bucket` is further than a stream that it is made of. */
    check: async (bucket: string): Promise<void> => {
      for (const [stream, known] of ends) {
        const position = mirror.position(bucket, stream);
        if (position <= known.end) continue;
        if (!known.isDoubted && clock.nowMs() - known.askedMs < ASK_AFTER_MS) continue;
        known.askedMs = clock.nowMs();
        known.end = await known.reader.lastSequence();
        known.isDoubted = position > known.end;
        if (known.isDoubted) throw viewAhead(bucket, stream, position, known.end);
      }
    },

    /**
     * That there is no such thing, when its document is not there in a view that is at `position`; `behind`: there is, and its event is
     * beyond that. Faults: VIEW_DAMAGED when its events say that it has to be there.
     */
    confirmAbsent: async (ref: Ref, position: number): Promise<'absent' | 'behind'> => {
      const key = ref.kind === 'operator' ? operatorRef(ref.name) : ref;
      const last = await lastOwnEvent(options.events, own, names.event(key));
      if (last === undefined || endsThing(last.event)) return 'absent';
      if (last.sequence > position) return 'behind';
      throw new Fault(
        'VIEW_DAMAGED',
        `the view has no document of ${refKey(key)}, and event #${last.sequence} says that it is there; ${REBUILD_HINT}`,
        { details: { sequence: last.sequence } },
      );
    },
  };
};
