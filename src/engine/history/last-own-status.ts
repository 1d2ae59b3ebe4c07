// The last status on a subject that is one of ours. What was set aside behind it counts only for the sequence that an append has to expect.

import type { OwnEvents } from '../../messages/own-events.ts';
import type { OperatorStatusEvent, StatusEvent } from '../../messages/entity.ts';
import type { StoredMessage, StreamReader } from '../ports/streams.ts';

export type LastStatus = {
  /** Of the last message on the subject, whatever it is; 0: there is none. */
  readonly sequence: number;
  /** Undefined: nothing was reported yet. */
  readonly event: StatusEvent | OperatorStatusEvent | undefined;
  /** Where `event` lies. */
  readonly message: StoredMessage | undefined;
};

/** The history is read only when the last message was set aside. */
export const lastOwnStatus = async (
  reader: Pick<StreamReader, 'readLast' | 'readSubject'>,
  own: OwnEvents,
  subject: string,
): Promise<LastStatus> => {
  const last = await reader.readLast(subject);
  if (last === undefined) return { sequence: 0, event: undefined, message: undefined };
  const { sequence } = last;
  const first = own.status(last);
  if ('event' in first) return { sequence, event: first.event, message: last };
  for (const message of (await reader.readSubject(subject)).toReversed()) {
    const status = own.status(message);
    if ('event' in status) return { sequence, event: status.event, message };
  }
  return { sequence, event: undefined, message: undefined };
};
