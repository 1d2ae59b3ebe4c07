// Outcomes of commands: one message per command id in OPSTREAM_OUTCOMES, republished live. A durable command always has one. A
// command answered by request has one only when nothing was stored for it (refused, or unchanged): then it is the only memory of the
// id; otherwise the event itself is. The first outcome of an id stays, unless it says that nothing was stored and something was.

import { encodeJson, decodeJson } from '../../core/decode.ts';
import { Fault, isFault } from '../../core/fault.ts';
import { isJsonObject } from '../../core/json.ts';
import { schemaUri } from '../../messages/envelope.ts';
import { OUTCOME_TYPE, type Receipt } from '../../messages/commands.ts';
import { NO_WORKSPACE } from '../../core/names.ts';
import { fnv1a, type Names } from '../../messages/subjects.ts';
import type { Appender, AppendMessage, StoredMessage } from '../ports/streams.ts';
import type { Clock } from '../ports/clock.ts';
import { fittingReceipt } from '../../messages/fitting-receipt.ts';

/** Leaves room for the envelope and headers in a message of the default size, and for the frame of the answer to `outcome`. */
const MAX_OUTCOME_BYTES = 1000 * 1024;

/** Of the command: who sent it, and what it belongs to. */
export type OutcomeOrigin = {
  readonly commandId: string;
  readonly correlationId: string;
  readonly causationId: string;
  readonly actor: string;
  readonly traceparent?: string;
  readonly tracestate?: string;
};

export type Outcomes = {
  /** Undefined: there is none. Faults: DOCUMENT_INVALID (there is one that cannot be read), those of the reader. */
  find(commandId: string): Promise<Receipt | undefined>;
  /**
   * The outcome that counts: `receipt`, or the one that another copy has recorded under this id before. When that one says that nothing was
   * stored and `receipt` names events, the two copies decided at the same moment, and the events are the truth: the outcome is written anew.
   * Faults as above.
   */
  record(request: OutcomeOrigin, receipt: Receipt): Promise<Receipt>;
};

/** The receipt in a stored outcome. */
export const receiptIn = (data: Uint8Array): Receipt | undefined => {
  const value = decodeJson(data);
  const receipt = isJsonObject(value) ? value['data'] : undefined;
  if (!isJsonObject(receipt)) return undefined;
  // One that was too large may come without its events.
  const { commandId, accepted, events = [], entity = {} } = receipt;
  const isReceipt = typeof commandId === 'string' && typeof accepted === 'boolean' && Array.isArray(events);
  return isReceipt && isJsonObject(entity) ? (receipt as unknown as Receipt) : undefined;
};

/** Faults: DOCUMENT_INVALID. What cannot be read is neither "none" nor another's answer. */
const mustRead = (commandId: string, data: Uint8Array): Receipt => {
  const receipt = receiptIn(data);
  if (receipt !== undefined) return receipt;
  throw new Fault(
    'DOCUMENT_INVALID',
    `what is stored as the outcome of command "${commandId}" cannot be read, so nobody knows whether it was carried out; look at the thing itself, and send the command under a new id`,
    { details: { commandId } },
  );
};

/**
 * Another outcome has another id: a server takes a second message under an id for a repeat, whatever it says, and acknowledges it as stored. The copy
 * that sent it would then answer with what nobody keeps.
 */
const messageIdOf = (outcomeId: string, data: Uint8Array): string => {
  const text = new TextDecoder().decode(data);
  return `${outcomeId}-${fnv1a(text).toString(36)}${fnv1a(`${text}.`).toString(36)}`;
};

const saysNothingStored = ({ events, leftOut }: Receipt): boolean => events.length === 0 && leftOut === undefined;

const isOutweighed = (kept: Receipt, receipt: Receipt): boolean =>
  saysNothingStored(kept) && !saysNothingStored(receipt);

export const createOutcomes = (options: {
  readonly names: Names;
  /** Sees everything that was ever acknowledged: a replica that is behind would have a command carried out twice. */
  readonly reader: { readLast(subject: string): Promise<Pick<StoredMessage, 'data' | 'sequence'> | undefined> };
  readonly appender: Appender;
  readonly clock: Clock;
}): Outcomes => {
  const { names, reader, appender, clock } = options;
  const find = async (commandId: string): Promise<Receipt | undefined> => {
    const message = await reader.readLast(names.outcome(commandId));
    return message === undefined ? undefined : mustRead(commandId, message.data);
  };
  /** Undefined: it is stored. Else the outcome that was there before. */
  const storedOrBefore = async (
    message: AppendMessage,
  ): Promise<Pick<StoredMessage, 'data' | 'sequence'> | undefined> => {
    try {
      await appender.append([message]);
      return undefined;
    } catch (error) {
      if (!isFault(error, 'JS_CONFLICT') && !isFault(error, 'JS_DUPLICATE')) throw error;
      const kept = await reader.readLast(message.subject);
      if (kept !== undefined) return kept;
      throw new Fault('STREAM_DAMAGED', `the outcome on ${message.subject} is stored and cannot be read`, {
        details: { extent: 'asked' },
      });
    }
  };

  return {
    find,

    record: async (request, receipt) => {
      const { commandId } = request;
      const entity = receipt.entity;
      const outcome = {
        specversion: '1.0',
        id: `outcome-${commandId}`,
        source: `/${names.prefix}/command-handler`,
        type: OUTCOME_TYPE,
        subject: entity === undefined ? NO_WORKSPACE : `${entity.kind}.${entity.workspace}.${entity.name}`,
        time: new Date(clock.nowMs()).toISOString(),
        datacontenttype: 'application/json',
        dataschema: schemaUri(OUTCOME_TYPE),
        correlationid: request.correlationId,
        causationid: request.causationId,
        commandid: commandId,
        actor: request.actor,
        ...(request.traceparent === undefined ? {} : { traceparent: request.traceparent }),
        ...(request.tracestate === undefined ? {} : { tracestate: request.tracestate }),
        generation: entity?.generation ?? 0,
        data: receipt,
      };
      const whole = encodeJson(outcome);
      const fits = whole.byteLength <= MAX_OUTCOME_BYTES;
      const subject = names.outcome(commandId);
      const data = fits ? whole : encodeJson({ ...outcome, data: fittingReceipt(receipt, MAX_OUTCOME_BYTES) });
      const id = messageIdOf(outcome.id, data);
      const before = await storedOrBefore({ subject, id, data, expectedLastSequence: 0 });
      if (before === undefined) return receipt;
      const kept = mustRead(commandId, before.data);
      if (!isOutweighed(kept, receipt)) return kept;
      const again = { subject, id: `${id}-stored`, data, expectedLastSequence: before.sequence };
      const other = await storedOrBefore(again);
      return other === undefined ? receipt : mustRead(commandId, other.data);
    },
  };
};
