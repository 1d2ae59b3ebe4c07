// A stream that never loses a message has no hole. A message that cannot be read, or was removed, leaves one, and what is missing is not what never was.

import { Fault } from '../core/fault.ts';

/** As the server tells it. `lost`: what it could not read when it started; it forgets that with its next start. */
export type StreamState = {
  readonly messages?: number;
  readonly first_seq?: number;
  readonly last_seq?: number;
  readonly lost?: { readonly msgs?: readonly number[] | null; readonly bytes?: number } | null;
  /** Messages by subject, as the index has it: also those that cannot be read. */
  readonly subjects?: Readonly<Record<string, number>> | null;
};

/** `what`: a sentence without its end. */
export const streamDamaged = (stream: string, what: string, details: Readonly<Record<string, unknown>> = {}): Fault =>
  new Fault('STREAM_DAMAGED', `${stream}: ${what}, and nothing may be removed from it; restore it from a backup`, {
    details: { stream, ...details },
  });

export const holeIn = (stream: string, from: number, to: number): Fault =>
  streamDamaged(stream, `it lacks ${from === to ? `#${from}` : `#${from} to #${to}`}`, { from, to });

/** What is missing of a stream from which nothing may ever be; undefined: nothing is. */
export const holeInState = ({
  messages = 0,
  first_seq: first = 0,
  last_seq: last = 0,
  lost,
}: StreamState): string | undefined => {
  const [from] = lost?.msgs ?? [];
  if (from !== undefined) return `the server cannot read ${lost?.msgs?.length ?? 0} messages from #${from} on`;
  if (lost !== undefined && lost !== null) return `the server cannot read ${lost.bytes ?? 0} bytes of it`;
  if (last === 0 || (messages === last && first === 1)) return undefined;
  return `${last - messages} of ${last} messages are missing`;
};
