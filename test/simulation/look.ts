// What the streams of a simulated server say, folded afresh.

import { takeIn } from '../../src/domain/take-in.ts';
import { initialOperatorState, type OperatorState } from '../../src/domain/operator/state.ts';
import { initialResourceState, type ResourceState } from '../../src/domain/resource/state.ts';
import type { Entity, EntityStatus } from '../../src/messages/entity.ts';
import type { DomainEvent } from '../../src/messages/events.ts';
import { createOwnEvents, type OwnEvent, type OwnEvents, type OwnStatus } from '../../src/messages/own-events.ts';
import { refKey, type Ref } from '../../src/messages/subjects.ts';
import type { KeptMessage } from '../../src/testing/index.ts';
import type { World } from './cast.ts';

export type KnownEvent = { readonly event: DomainEvent; readonly ref: Ref; readonly message: KeptMessage };

type Looked = Pick<World, 'server' | 'names'>;

/** Each message is decoded once: a history looks at all of them again and again. */
const events = new WeakMap<KeptMessage, OwnEvent>();
const statuses = new WeakMap<KeptMessage, OwnStatus>();
const eventOf = (own: OwnEvents, message: KeptMessage): OwnEvent => {
  const known = events.get(message) ?? own.event(message);
  events.set(message, known);
  return known;
};
const statusOf = (own: OwnEvents, message: KeptMessage): OwnStatus => {
  const known = statuses.get(message) ?? own.status(message);
  statuses.set(message, known);
  return known;
};

const eventsStream = ({ server, names }: Looked) => server.stream(names.streams.events);

export const eventsIn = (world: Looked): readonly KnownEvent[] => {
  const own = createOwnEvents(world.names);
  return eventsStream(world)
    .read(1, undefined)
    .flatMap((message) => {
      const taken = eventOf(own, message);
      return 'problem' in taken ? [] : [{ ...taken, message }];
    });
};

export type Folded = {
  readonly ref: Ref;
  readonly entity: Entity | undefined;
  readonly operator: OperatorState['operator'];
};

export type Fold = { readonly things: readonly Folded[]; readonly problems: readonly string[] };

type State = { readonly ref: Ref; operator: OperatorState; resource: ResourceState };

/** All things, from the first event up to `upTo` in the order of all streams. */
export const fold = (world: Looked, upTo = Number.POSITIVE_INFINITY): Fold => {
  const own = createOwnEvents(world.names);
  const states = new Map<string, State>();
  const problems: string[] = [];
  for (const message of eventsStream(world).read(1, undefined)) {
    if (message.order >= upTo) break;
    const event = eventOf(own, message);
    if ('problem' in event) {
      problems.push(`#${message.sequence}: ${event.problem}`);
      continue;
    }
    const { ref } = event;
    const state = states.get(refKey(ref)) ?? { ref, operator: initialOperatorState, resource: initialResourceState };
    states.set(refKey(ref), state);
    const kind = ref.kind === 'operator' ? 'operator' : 'resource';
    const taken = takeIn(kind, event, state[kind], message.sequence);
    if ('problem' in taken) problems.push(`#${message.sequence} ${refKey(ref)}: ${taken.problem}`);
    else Object.assign(state, { [kind]: taken.state });
  }
  return {
    problems,
    things: [...states.values()].map(({ ref, operator, resource }) => ({
      ...{ ref, entity: resource.entity, operator: operator.operator },
    })),
  };
};

export const resourcesOf = (world: Looked): readonly Folded[] =>
  fold(world).things.filter(({ ref }) => ref.kind === 'resource');

export type KnownStatus = { readonly status: EntityStatus; readonly message: KeptMessage };

/** Of resources, in the order of their stream. */
export const statusesIn = ({ server, names }: Looked): readonly KnownStatus[] => {
  const own = createOwnEvents(names);
  return server
    .stream(names.streams.status)
    .read(1, undefined)
    .flatMap((message) => {
      const taken = statusOf(own, message);
      if ('problem' in taken || !('uid' in taken.event.data)) return [];
      return [{ status: taken.event.data, message }];
    });
};
