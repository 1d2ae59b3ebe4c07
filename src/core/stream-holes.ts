// A stream that never loses a message has no hole. A message that cannot be read, or was removed, leaves one, and what is missing is not what never was.

import { Fault, isFault } from './fault.ts';

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

/** As above, where only what was asked for cannot be read; the rest of the stream can be believed. */
export const unreadableIn = (stream: string, what: string): Fault => streamDamaged(stream, what, { extent: 'asked' });

/** What is damaged is what was asked for. Who asks for something else goes on; a hole in a stream that must have none concerns everybody. */
export const isOfOneThing = (error: unknown): boolean =>
  isFault(error, 'VIEW_DAMAGED') || (isFault(error, 'STREAM_DAMAGED') && error.details['extent'] === 'asked');

export const holeIn = (stream: string, from: number, to: number): Fault =>
  streamDamaged(stream, `it lacks ${from === to ? `#${from}` : `#${from} to #${to}`}`, { from, to });

/** The sequence of the last of `batch`, which follows `before` without a hole. Faults: STREAM_DAMAGED. */
export const mustFollow = (stream: string, before: number, batch: readonly { readonly sequence: number }[]): number => {
  let last = before;
  for (const { sequence } of batch) {
    if (sequence !== last + 1) throw holeIn(stream, last + 1, sequence - 1);
    last = sequence;
  }
  return last;
};

/** What the server has found that it cannot read. */
export const lossIn = ({ msgs, bytes = 0 }: NonNullable<StreamState['lost']>): string => {
  const [from] = msgs ?? [];
  return from === undefined
    ? `the server cannot read ${bytes} bytes of it`
    : `the server cannot read ${msgs?.length ?? 1} messages from #${from} on`;
};

/** What is missing of a stream from which nothing may ever be; undefined: nothing is. */
export const holeInState = (state: StreamState): string | undefined => {
  const { messages = 0, first_seq: first = 0, last_seq: last = 0 } = state;
  if (state.lost !== undefined && state.lost !== null) return lossIn(state.lost);
  const isWhole = last === 0 || (messages === last && first === 1);
  return isWhole ? undefined : `${last - messages} of ${last} messages are missing`;
};

/** As the server has it; only what bears on which messages may be missing. */
type Limits = Readonly<Record<string, unknown>>;

/** Messages go from the middle of the stream by themselves, so that what is missing there tells nothing. */
export const removesInside = (config: Limits): boolean =>
  (config['retention'] ?? 'limits') !== 'limits' ||
  (typeof config['max_msgs_per_subject'] === 'number' && config['max_msgs_per_subject'] > 0) ||
  config['allow_rollup_hdrs'] === true ||
  config['allow_msg_ttl'] === true;

/** What is missing of a stream though its limits, which take from its beginning, do not explain it; undefined: nothing that could be told. */
export const unexplainedIn = (config: Limits, state: StreamState): string | undefined => {
  if (state.lost !== undefined && state.lost !== null) return lossIn(state.lost);
  const { messages = 0, first_seq: first = 0, last_seq: last = 0 } = state;
  const missing = messages === 0 ? 0 : last - first + 1 - messages;
  return missing > 0 && !removesInside(config)
    ? `${missing} of ${last - first + 1} messages behind #${first} are missing`
    : undefined;
};
