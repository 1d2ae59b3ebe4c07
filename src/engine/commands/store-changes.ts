// Stores what a command has decided, as one append, and folds it into the aggregates that it was decided on. Called by execute-command.ts.

import { encodeJson } from '../../core/decode.ts';
import type { EntityIdentity, Receipt, ReceiptEvent } from '../../messages/commands.ts';
import { absorb, generationOf } from './aggregates.ts';
import type { CommandMeter } from './command-meter.ts';
import type { CommandRequest } from './command-request.ts';
import type { Appender, AppendMessage } from '../ports/streams.ts';
import { acceptance, identityOf, leftBehindBy, type Change } from './receipts.ts';

/** No operator at all has changed since: that includes the ones that are written. */
export type OperatorCondition = { readonly expectedLastSequence: number; readonly expectedSubject: string };

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

const receiptFor = (
  request: CommandRequest,
  changes: readonly Change[],
  sequences: readonly number[],
  meter: CommandMeter,
): Receipt => {
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
    entities.push(identityOf(aggregate.ref, generationOf(aggregate) || before));
  }
  return acceptance(request, entities, stored, leftBehindBy(changes));
};

export const createChangeStore =
  (appender: Appender, meter: CommandMeter) =>
  /** Faults: those of the appender; nothing is folded then. */
  async (request: CommandRequest, changes: readonly Change[], operators?: OperatorCondition): Promise<Receipt> => {
    const messages = messagesOf(changes, operators);
    if (messages.length === 0) return receiptFor(request, changes, [], meter);
    const startedMs = meter.nowMs();
    const sequences = await appender.append(messages);
    meter.stored(startedMs);
    return receiptFor(request, changes, sequences, meter);
  };
