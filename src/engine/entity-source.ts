// Desired state of resources as the operator-runtime needs it: the whole entity after an event. Folds the events that pass by, and reads
// an aggregate's history when it has not seen its beginning. Bounded memory.

import { decodeEventOf, foldOrProblem } from '../messages/stored-event.ts';
import { evolveResource } from '../domain/resource/evolve.ts';
import { initialResourceState, type ResourceState } from '../domain/resource/state.ts';
import type { ResourceEvent } from '../messages/events.ts';
import { createGenerations } from './generations.ts';
import type { StoredMessage, StreamReader } from './ports.ts';

type Known = { state: ResourceState; sequence: number };

export type EntityAfter = {
  readonly before: ResourceState;
  readonly after: ResourceState;
  readonly event: ResourceEvent;
};

export const createEntitySource = (reader: StreamReader, maxCached = 10_000) => {
  const known = createGenerations<Known>(maxCached);

  const readUpTo = async (subject: string, sequence: number): Promise<Known> => {
    const entry: Known = { state: initialResourceState, sequence: 0 };
    for (const message of await reader.readSubject(subject)) {
      if (message.sequence >= sequence) break;
      const decoded = decodeEventOf('resource', message.data);
      if ('event' in decoded) {
        const event = decoded.event as ResourceEvent;
        const after = foldOrProblem(() => evolveResource(entry.state, event, message.sequence));
        if ('folded' in after) entry.state = after.folded;
      }
      entry.sequence = message.sequence;
    }
    return entry;
  };

  return {
    /** State before and after one event; undefined when the message is not an event of a resource, or a damaged one. */
    after: async (message: StoredMessage): Promise<EntityAfter | undefined> => {
      const decoded = decodeEventOf('resource', message.data);
      if ('problem' in decoded) return undefined;
      const event = decoded.event as ResourceEvent;
      const startsAnew = event.type === 'io.opstream.resource.declared.v1';
      const cached = known.get(message.subject);
      const base =
        cached ??
        (startsAnew ? { state: initialResourceState, sequence: 0 } : await readUpTo(message.subject, message.sequence));
      const before = base.state;
      const isKnown = base.sequence >= message.sequence;
      const next = foldOrProblem(() => (isKnown ? before : evolveResource(before, event, message.sequence)));
      if ('problem' in next) return undefined;
      const state = next.folded;
      if (state.entity === undefined) known.delete(message.subject);
      else known.set(message.subject, { state, sequence: Math.max(base.sequence, message.sequence) });
      return { before, after: state, event };
    },
  };
};
