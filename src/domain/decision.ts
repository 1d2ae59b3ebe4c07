// What a decider returns, and what it is given besides the command and the state. Deciders read no clock and make no ids: both
// come in here, made once per command by the engine.

import type { NewEvent } from '../messages/events.ts';
import type { Result } from '../core/result.ts';

/** No events: everything was already as asked. */
export type Decision<TEvent extends NewEvent = NewEvent> = Result<readonly TEvent[]>;

export type DecisionContext = {
  /** RFC 3339, UTC. */
  readonly time: string;
  /** The id that the first event of this decision will have; it names a run or a new incarnation. */
  readonly eventId: string;
};
