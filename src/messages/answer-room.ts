// How much fits one answer. The server carries no message larger than its max_payload, and a client of it does not even hear of one: so
// whoever answers counts first, and puts what is too much on the next page. Called by the query-responder and the command doors.

import { reject, type Rejection } from '../core/rejection.ts';

/** What an answer holds beside its items: its braces, position and `next`. */
export const FRAME_BYTES = 1024;

/** Bytes of a value as it is sent. */
export const sizeOf = (value: unknown): number => Buffer.byteLength(JSON.stringify(value));

/** How many of `items`, from the first on, fit into `roomBytes` with the commas between them. */
export const countFitting = (items: readonly unknown[], roomBytes: number): number => {
  let usedBytes = 0;
  for (const [index, item] of items.entries()) {
    usedBytes += sizeOf(item) + 1;
    if (usedBytes > roomBytes) return index;
  }
  return items.length;
};

/** `instead`: where else it can be had. */
export const tooLarge = (what: string, foundBytes: number, roomBytes: number, instead: string): Rejection =>
  reject(
    'ANSWER_TOO_LARGE',
    `expected ${what} to fit one message (at most ${roomBytes} bytes here), found ${foundBytes} bytes; ${instead}`,
  );
