// A message as a consumer delivers it: where it is in the stream, and how many are behind it. Called by the follower's consumer, once for each message
// of a replay.

import type { Msg } from 'nats';
import type { StoredMessage } from '../engine/ports/streams.ts';
import { headerReader } from './message-headers.ts';

const NANOS = 1_000_000;
const ACK_PREFIX = '$JS.ACK.';
const DOT = 46;
const ZERO = 48;
/** Scratch of parsePosition; tokens beyond its end are dropped. */
const tokens = new Float64Array(16);

/** Position of a delivery, from its ack subject: `$JS.ACK.<stream>.<consumer>.<delivered>.<sequence>.<consumer sequence>.<time>.<pending>`; the
 * newer form has `<domain>.<account>` before the stream, and a random token at the end. */
export type Position = {
  readonly sequence: number;
  readonly delivery: number;
  readonly timeMs: number;
  readonly pending: number;
};

export const parsePosition = (reply: string): Position | undefined => {
  if (!reply.startsWith(ACK_PREFIX)) return undefined;
  // Once per message of a replay: no split, no closure. Tokens that are no numbers leave nonsense that nobody reads.
  let count = 0;
  let value = 0;
  for (let index = 0; index < reply.length; index += 1) {
    const code = reply.charCodeAt(index);
    if (code === DOT) {
      tokens[count] = value;
      count += 1;
      value = 0;
    } else value = value * 10 + code - ZERO;
  }
  tokens[count] = value;
  count += 1;
  if (count < 9) return undefined;
  const first = count >= 11 ? 7 : 5;
  return {
    sequence: tokens[first] ?? 0,
    delivery: tokens[first + 1] ?? 0,
    timeMs: (tokens[first + 2] ?? 0) / NANOS,
    pending: tokens[first + 3] ?? 0,
  };
};

export const toStored = (message: Msg, position: Position): StoredMessage => ({
  sequence: position.sequence,
  subject: message.subject,
  data: message.data,
  timeMs: position.timeMs,
  header: headerReader(message),
});
