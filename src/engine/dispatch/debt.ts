// When a command that was not answered is to be sent again. Pure. Called by the answer sweep.
//
// It is not sent again while it lies in the channel and the component has yet to take it: a component that is away for days must not find
// hundreds of copies. Otherwise at growing pauses, because a component may be at work on it for long.

import { type ChannelPosition } from '../ports/channel.ts';
export type Debt = {
  /** Of the last time that it was sent, as far as is known; at first: of when it was found. */
  readonly sinceMs: number;
  /** The command is at this sequence of the channel or before it, or nowhere. */
  readonly sentBy: number;
  /** How often it was sent again. */
  readonly tries: number;
};

export const NO_CHANNEL: ChannelPosition = { firstSequence: 1, lastSequence: 0 };

const MAX_PAUSE_MS = 3_600_000;
/** Nobody acknowledges on this channel, so nobody may be there; what is sent stays in the stream. */
const MAX_PAUSE_UNTAKEN_MS = 6 * 3_600_000;
/** It was taken, and to work on it may take a while. */
const TAKEN_FACTOR = 3;

/** `answerWaitMs`: how long an answer may take before it is asked whether there will be one. */
export const isDue = (
  { sinceMs, sentBy, tries }: Debt,
  { firstSequence, takenTo }: ChannelPosition,
  { nowMs, answerWaitMs }: { readonly nowMs: number; readonly answerWaitMs: number },
): boolean => {
  const isGone = firstSequence > sentBy;
  if (!isGone && takenTo !== undefined && takenTo < sentBy) return false;
  const firstPauseMs = isGone ? answerWaitMs : TAKEN_FACTOR * answerWaitMs;
  const maxPauseMs = !isGone && takenTo === undefined ? MAX_PAUSE_UNTAKEN_MS : MAX_PAUSE_MS;
  return nowMs - sinceMs >= Math.min(maxPauseMs, firstPauseMs * 2 ** tries);
};
