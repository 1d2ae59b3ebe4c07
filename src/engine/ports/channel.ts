// The channel between operator-runtime and a component, as the loops need to see it.

/** Where the stream of a channel stands, and how far the component has taken the commands on one of its subjects. */
export type ChannelPosition = {
  /** Of what it still holds; the next one to come when it holds nothing. */
  readonly firstSequence: number;
  readonly lastSequence: number;
  /** Everything up to here was acknowledged; of several consumers the one that is furthest. Undefined: none acknowledges. */
  readonly takenTo?: number;
};
