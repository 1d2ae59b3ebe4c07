// The aggregates that a command-handler works on: loaded from OPSTREAM_EVENTS, kept in memory (bounded), and one command at a time
// each within this process. Other processes write too; the expected sequence of the append finds that out, and the aggregate is
// then loaded again.

import { takeIn } from '../domain/take-in.ts';
import { createOwnEvents, type OwnEvents } from '../messages/own-events.ts';
import { evolveOperator } from '../domain/operator/evolve.ts';
import { evolveResource } from '../domain/resource/evolve.ts';
import { initialOperatorState, type OperatorState } from '../domain/operator/state.ts';
import { initialResourceState, type ResourceState } from '../domain/resource/state.ts';
import { evolveSecret } from '../domain/secret/evolve.ts';
import { initialSecretState, type SecretState } from '../domain/secret/state.ts';
import { leftBehindIn, type LeftBehind } from '../messages/left-behind.ts';
import { refKey, type Names, type Ref } from '../messages/subjects.ts';
import type { DomainEvent, OperatorEvent, ResourceEvent, SecretEvent } from '../messages/events.ts';
import type { ReceiptEvent } from '../messages/commands.ts';
import { createGenerations } from './generations.ts';
import type { Clock, StoredMessage, StreamReader } from './ports.ts';

/** What one command stored on this aggregate: enough to answer it again. */
export type Applied = {
  readonly events: readonly ReceiptEvent[];
  readonly generation: number;
  readonly leftBehind?: LeftBehind;
};

export type Aggregate = {
  readonly ref: Ref;
  readonly subject: string;
  /**
   * OPSTREAM_EVENTS sequence of the last message on its subject, also of one that was set aside: the append expects that one. 0: there is
   * none.
   */
  lastSequence: number;
  operator: OperatorState;
  resource: ResourceState;
  secret: SecretState;
  /** By command id; for ever, because a command may be sent again after a month. */
  readonly commands: Map<string, Applied>;
  loadedAtMs: number;
};

export const generationOf = (aggregate: Aggregate): number => aggregate[aggregate.ref.kind].generation;

/** Folds one stored event into the aggregate, in place. */
export const absorb = (aggregate: Aggregate, event: DomainEvent, sequence: number): void => {
  const { kind } = aggregate.ref;
  if (kind === 'resource') aggregate.resource = evolveResource(aggregate.resource, event as ResourceEvent, sequence);
  else if (kind === 'operator')
    aggregate.operator = evolveOperator(aggregate.operator, event as OperatorEvent, sequence);
  else aggregate.secret = evolveSecret(aggregate.secret, event as SecretEvent, sequence);
  remember(aggregate, event, sequence);
};

/** The event is the last one, and its command was carried out. */
const remember = (aggregate: Aggregate, event: DomainEvent, sequence: number): void => {
  aggregate.lastSequence = sequence;
  const before = aggregate.commands.get(event.commandid)?.events ?? [];
  const leftBehind = leftBehindIn(event.data);
  const stored = { id: event.id, type: event.type, subject: aggregate.subject, sequence };
  aggregate.commands.set(event.commandid, {
    events: [...before, stored],
    generation: event.generation,
    ...(leftBehind === undefined ? {} : { leftBehind }),
  });
};

export type Aggregates = ReturnType<typeof createAggregates>;

export const createAggregates = (options: {
  readonly names: Names;
  readonly reader: StreamReader;
  readonly clock: Clock;
  /** Aggregates kept in memory. Default 10,000. */
  readonly maxCached?: number;
  /** Default: those of `names`. */
  readonly own?: OwnEvents;
}) => {
  const { names, reader, clock, maxCached = 10_000, own = createOwnEvents(names) } = options;
  const cache = createGenerations<Aggregate>(maxCached);
  const tails = new Map<string, Promise<void>>();

  const blank = (ref: Ref): Aggregate => ({
    ref,
    subject: names.event(ref),
    lastSequence: 0,
    operator: initialOperatorState,
    resource: initialResourceState,
    secret: initialSecretState,
    commands: new Map(),
    loadedAtMs: clock.nowMs(),
  });

  /** What is not ours is set aside; the projector tells it. */
  const take = (aggregate: Aggregate, message: StoredMessage): void => {
    const { sequence } = message;
    const { kind } = aggregate.ref;
    const taken = takeIn(kind, own.event(message), aggregate[kind], sequence);
    aggregate.lastSequence = sequence;
    if ('problem' in taken) return;
    Object.assign(aggregate, { [kind]: taken.state });
    remember(aggregate, taken.event, sequence);
  };

  const read = async (ref: Ref): Promise<Aggregate> => {
    const aggregate = blank(ref);
    for (const message of await reader.readSubject(aggregate.subject)) take(aggregate, message);
    return aggregate;
  };

  const keep = (aggregate: Aggregate): void => cache.set(refKey(aggregate.ref), aggregate);

  return {
    /** The aggregate as this process knows it; read from the stream when it is not in memory or older than `maxAgeMs`. */
    load: async (ref: Ref, maxAgeMs = Number.POSITIVE_INFINITY): Promise<Aggregate> => {
      const known = cache.get(refKey(ref));
      if (known !== undefined && clock.nowMs() - known.loadedAtMs <= maxAgeMs) return known;
      if (known !== undefined && (await reader.readLast(known.subject))?.sequence === known.lastSequence) {
        known.loadedAtMs = clock.nowMs();
        return known;
      }
      const aggregate = await read(ref);
      keep(aggregate);
      return aggregate;
    },

    /**
     * The aggregate as this process knows it, else one without events. Deciding on that is a guess: the append expects that there is
     * no event and is refused when there is one. Forget the aggregate when nothing was stored on it.
     */
    knownOrNew: (ref: Ref): Aggregate => {
      const known = cache.get(refKey(ref));
      if (known !== undefined) return known;
      const aggregate = blank(ref);
      keep(aggregate);
      return aggregate;
    },

    /** The aggregate if it is in memory and was confirmed within `maxAgeMs`. */
    known: (ref: Ref, maxAgeMs: number): Aggregate | undefined => {
      const known = cache.get(refKey(ref));
      return known !== undefined && clock.nowMs() - known.loadedAtMs <= maxAgeMs ? known : undefined;
    },

    forget: (ref: Ref): void => {
      cache.delete(refKey(ref));
    },

    /**
     * Runs `work` while no other command of this process works on any of `refs`. Waits in the order of the calls; locks are taken in
     * the order of their keys, so two calls cannot wait for each other.
     */
    exclusively: async <T>(refs: readonly Ref[], work: () => Promise<T>): Promise<T> => {
      const keys = refs.length === 1 ? refs.map(refKey) : [...new Set(refs.map(refKey))].sort();
      let release: () => void = () => undefined;
      const done = new Promise<void>((resolve) => {
        release = resolve;
      });
      const before = keys.map((key) => tails.get(key)).filter((tail) => tail !== undefined);
      const mine = before.length === 0 ? done : Promise.all(before).then(() => done);
      for (const key of keys) tails.set(key, mine);
      if (before.length > 0) await Promise.all(before);
      try {
        return await work();
      } finally {
        release();
        for (const key of keys) if (tails.get(key) === mine) tails.delete(key);
      }
    },
  };
};
