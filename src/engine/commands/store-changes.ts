// Stores what a command has decided, as one append, and folds it into the aggregates that it was decided on: the only place where that happens.
// Called by execute-command.ts.

import { encodeJson } from '../../core/decode.ts';
import type { EntityIdentity, ReceiptEvent } from '../../messages/commands.ts';
import { absorb, generationOf, type Aggregate } from './aggregates.ts';
import type { CommandMeter } from './command-meter.ts';
import type { Appender, AppendMessage } from '../ports/streams.ts';
import { identityOf, type Change } from './receipts.ts';

/** No operator at all has changed since: that includes the ones that are written. */
export type OperatorCondition = { readonly expectedLastSequence: number; readonly expectedSubject: string };

export type Stored = { readonly entities: readonly EntityIdentity[]; readonly events: readonly ReceiptEvent[] };

/** Of a subject only the first message may carry an expected sequence. */
const messagesOf = (changes: readonly Change[], operators: OperatorCondition | undefined): AppendMessage[] => {
  const messages: AppendMessage[] = [];
  for (const { aggregate, events } of changes) {
    const { subject, lastSequence } = aggregate;
    const condition =
      operators !== undefined && aggregate.ref.kind === 'operator' ? operators : { expectedLastSequence: lastSequence };
    for (const event of events) {
      const { id } = event;
      const data = encodeJson(event);
      const isFirst = event === events[0];
      messages.push(isFirst ? Object.assign({ subject, id, data }, condition) : { subject, id, data });
    }
  }
  return messages;
};

export const createChangeStore = (options: {
  readonly appender: Appender;
  readonly meter: CommandMeter;
  /** The aggregate is in memory from now on. */
  keepNew(aggregate: Aggregate): void;
}) => {
  const { appender, meter, keepNew } = options;

  const taken = (changes: readonly Change[], sequences: readonly number[]): Stored => {
    const stored: ReceiptEvent[] = [];
    const entities: EntityIdentity[] = [];
    for (const { aggregate, events } of changes) {
      const before = generationOf(aggregate);
      for (const event of events) {
        const sequence = sequences[stored.length];
        if (sequence === undefined) throw new Error('an append answered with too few sequences');
        absorb(aggregate, event, sequence);
        meter.appended(event.type);
        stored.push({ id: event.id, type: event.type, subject: aggregate.subject, sequence });
      }
      if (events.length > 0) keepNew(aggregate);
      entities.push(identityOf(aggregate.ref, generationOf(aggregate) || before));
    }
    return { entities, events: stored };
  };

  /** Faults: those of the appender; nothing is folded then. */
  return async (changes: readonly Change[], operators?: OperatorCondition): Promise<Stored> => {
    const messages = messagesOf(changes, operators);
    if (messages.length === 0) return taken(changes, []);
    const startedMs = meter.nowMs();
    const sequences = await appender.append(messages);
    meter.stored(startedMs);
    return taken(changes, sequences);
  };
};
