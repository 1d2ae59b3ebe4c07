// Desired state of resources as the operator-runtime needs it: the whole entity after an event. Folds the events that pass by, and reads
// an aggregate's history when it has not seen its beginning. Bounded memory.

import { beginsThing, takeIn } from '../../domain/take-in.ts';
import { initialResourceState, type ResourceState } from '../../domain/resource/state.ts';
import type { ResourceEvent } from '../../messages/events.ts';
import type { OwnEvents } from '../../messages/own-events.ts';
import type { Names } from '../../messages/subjects.ts';
import { createGenerations } from '../loops/recent-cache.ts';
import type { StoredMessage } from '../ports/streams.ts';
import type { History, Snapshots } from '../history/snapshots.ts';

type Known = { state: ResourceState; sequence: number };

export type EntityAfter = {
  readonly before: ResourceState;
  readonly after: ResourceState;
  readonly event: ResourceEvent;
};

export const createEntitySource = (
  names: Names,
  snapshots: Pick<Snapshots, 'read'>,
  own: OwnEvents,
  maxCached = 10_000,
) => {
  const known = createGenerations<Known>(maxCached);

  const readUpTo = async (subject: string, sequence: number): Promise<Known> => {
    const ref = names.parseEvent(subject);
    const history: History = ref === undefined ? { messages: [] } : await snapshots.read(ref, sequence);
    const { snapshot, messages } = history;
    const entry: Known = { state: snapshot?.resource ?? initialResourceState, sequence: snapshot?.sequence ?? 0 };
    for (const message of messages) {
      if (message.sequence >= sequence) break;
      const taken = takeIn('resource', own.event(message), entry.state, message.sequence);
      if ('state' in taken) entry.state = taken.state;
      entry.sequence = message.sequence;
    }
    return entry;
  };

  return {
    /** State before and after one event; or why it is set aside. */
    after: async (message: StoredMessage): Promise<EntityAfter | { readonly problem: string }> => {
      const given = own.event(message);
      if ('problem' in given) return given;
      const startsAnew = beginsThing(given.event);
      const cached = known.get(message.subject);
      const base =
        cached ??
        (startsAnew ? { state: initialResourceState, sequence: 0 } : await readUpTo(message.subject, message.sequence));
      const before = base.state;
      const isKnown = base.sequence >= message.sequence;
      const taken = isKnown
        ? { state: before, event: given.event as ResourceEvent }
        : takeIn('resource', given, before, message.sequence);
      if ('problem' in taken) return taken;
      const { state, event } = taken;
      if (state.entity === undefined) known.delete(message.subject);
      else known.set(message.subject, { state, sequence: Math.max(base.sequence, message.sequence) });
      return { before, after: state, event };
    },
  };
};
