// Whether the stream already holds an append that was refused as a conflict or a duplicate: it may be an earlier attempt whose answer was
// lost. Asked of the leader, because a direct get may be a moment behind.

import type { AppendMessage } from '../engine/ports/streams.ts';
import type { JetStreamConnection } from './connection.ts';
import { readFromLeader } from './leader-read.ts';

/** The sequence of its first message, or undefined when it is not (or no longer) there. An append is atomic: one id tells for all. */
export const findOwnAppend = async (
  connection: Pick<JetStreamConnection, 'slots'>,
  stream: string,
  messages: readonly AppendMessage[],
): Promise<number | undefined> => {
  const index = messages.findIndex(({ expectedLastSequence }) => expectedLastSequence !== undefined);
  const checked = messages[index];
  if (checked?.expectedLastSequence !== undefined) {
    // Whatever was written since: ours can only be the first message on its subject after the expected one.
    const query = { seq: checked.expectedLastSequence + 1, next_by_subj: checked.subject };
    const next = await readFromLeader(connection, stream, query);
    return next?.header('Nats-Msg-Id') === checked.id ? next.sequence - index : undefined;
  }
  const lastIndex = messages.length - 1;
  const last = messages[lastIndex];
  if (last === undefined) return undefined;
  const stored = await readFromLeader(connection, stream, { last_by_subj: last.subject });
  return stored?.header('Nats-Msg-Id') === last.id ? stored.sequence - lastIndex : undefined;
};
