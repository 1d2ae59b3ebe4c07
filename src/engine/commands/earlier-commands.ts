// What one command stored on an aggregate long ago, found in the stream: for ids that the aggregate no longer has in memory and that its Bloom
// filters take for perhaps seen. Called by aggregates.ts; reads the stretches that the filters name, and nothing of it is folded.

import { includesBytes } from '../../core/bytes.ts';
import type { OwnEvents } from '../../messages/own-events.ts';
import { leftBehindIn } from '../../messages/left-behind.ts';
import type { DomainEvent } from '../../messages/events.ts';
import type { Applied } from './applied.ts';
import type { StreamReader } from '../ports/streams.ts';
import type { Stretch } from '../history/seen-ids.ts';

const PAGE = 2000;

/** With the event of a command that is not the first one on that aggregate. */
export const appliedWith = (
  before: Applied | undefined,
  event: DomainEvent,
  subject: string,
  sequence: number,
): Applied => {
  const leftBehind = leftBehindIn(event.data);
  const stored = { id: event.id, type: event.type, subject, sequence };
  return {
    events: [...(before?.events ?? []), stored],
    generation: event.generation,
    ...(leftBehind === undefined ? {} : { leftBehind }),
  };
};

/** Undefined: the filters were wrong, the command has stored nothing on this aggregate. Faults: those of the stream. */
export const findApplied = async (
  reader: StreamReader,
  own: OwnEvents,
  about: { readonly subject: string; readonly commandId: string },
  stretches: readonly Stretch[],
): Promise<Applied | undefined> => {
  const { subject, commandId } = about;
  // As JSON writes it; what only looks like it is told apart when it is decoded.
  const needle = Buffer.from(JSON.stringify(commandId));
  for (const { from, to } of stretches) {
    let applied: Applied | undefined;
    for (let next = from; next <= to;) {
      const messages = await reader.readSubject(subject, { fromSequence: next, limit: PAGE });
      for (const message of messages) {
        if (message.sequence > to || !includesBytes(message.data, needle)) continue;
        const found = own.event(message);
        if ('event' in found && found.event.commandid === commandId)
          applied = appliedWith(applied, found.event, subject, message.sequence);
      }
      const last = messages.at(-1);
      if (last === undefined || messages.length < PAGE) break;
      next = last.sequence + 1;
    }
    if (applied !== undefined) return applied;
  }
  return undefined;
};
