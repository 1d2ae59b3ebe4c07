// What one command stored on an aggregate long ago, found in the stream: for ids that the aggregate no longer has in memory and that its Bloom
// filters take for perhaps seen. Called by aggregates.ts and gather.ts; reads the stretches that the filters name, and nothing of it is folded.

import { includesBytes } from '../../core/bytes.ts';
import type { OwnEvents } from '../../messages/own-events.ts';
import type { ReceiptEvent } from '../../messages/commands.ts';
import { leftBehindIn, type LeftBehind } from '../../messages/left-behind.ts';
import type { DomainEvent } from '../../messages/events.ts';
import type { StreamReader } from '../ports/streams.ts';
import type { SeenIds, Stretch } from '../history/seen-ids.ts';

const PAGE = 2000;

/** What one command stored on one aggregate: enough to answer it again. */
export type Applied = {
  readonly events: readonly ReceiptEvent[];
  readonly generation: number;
  readonly leftBehind?: LeftBehind;
};

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
const findApplied = async (
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

/** What an aggregate remembers of commands: by id, and by filters of those of long ago. */
type Remembering = {
  readonly subject: string;
  readonly commands: Map<string, Applied>;
  readonly earlier: SeenIds | undefined;
};

const NOWHERE: readonly Stretch[] = [];

/** Where the command may have stored something on it long ago. */
const stretchesOf = ({ earlier, commands }: Remembering, commandId: string): readonly Stretch[] =>
  earlier === undefined || commands.has(commandId) ? NOWHERE : earlier.find(commandId);

/** Whether the command may have stored something on one of them that is in memory no more. */
export const mayBeForgotten = (loaded: readonly Remembering[], commandId: string): boolean =>
  loaded.some((one) => stretchesOf(one, commandId).length > 0);

/** Looks for what the command has stored on them long ago, and puts it into their `commands`. Faults: those of the stream. */
export const recallEarlier = async (
  reader: StreamReader,
  own: OwnEvents,
  loaded: readonly Remembering[],
  commandId: string,
): Promise<void> => {
  const look = async (one: Remembering): Promise<void> => {
    const stretches = stretchesOf(one, commandId);
    if (stretches.length === 0) return;
    const applied = await findApplied(reader, own, { subject: one.subject, commandId }, stretches);
    if (applied !== undefined) one.commands.set(commandId, applied);
  };
  await Promise.all(loaded.map(look));
};
