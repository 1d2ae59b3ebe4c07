// The aggregates that a command-handler works on: loaded from OPSTREAM_EVENTS, kept in memory (bounded), and one command at a time
// each within this process. Other processes write too; the expected sequence of the append finds that out, and the aggregate is
// then loaded again. A long history is begun at a snapshot of it, and the command ids before that are asked of the snapshot's filters: neither
// time nor memory grows with what happened long ago.

import { Fault } from '../../core/fault.ts';
import { takeIn } from '../../domain/take-in.ts';
import { createOwnEvents, type OwnEvents } from '../../messages/own-events.ts';
import { evolveOperator } from '../../domain/operator/evolve.ts';
import { evolveResource } from '../../domain/resource/evolve.ts';
import { initialOperatorState, type OperatorState } from '../../domain/operator/state.ts';
import { initialResourceState, type ResourceState } from '../../domain/resource/state.ts';
import { evolveSecret } from '../../domain/secret/evolve.ts';
import { initialSecretState, type SecretState } from '../../domain/secret/state.ts';
import { refKey, type Names, type Ref } from '../../messages/subjects.ts';
import type { DomainEvent, OperatorEvent, ResourceEvent, SecretEvent } from '../../messages/events.ts';
import { appliedWith, recallEarlier, type Applied } from './earlier-commands.ts';
import { createGenerations } from '../loops/recent-cache.ts';
import type { Clock } from '../ports/clock.ts';
import type { WholeReader } from '../ports/server.ts';
import type { StoredMessage, StreamReader } from '../ports/streams.ts';
import { createSeenIds, type SeenIds } from '../history/seen-ids.ts';
import { noSnapshots, SNAPSHOT_EVERY, type Snapshots } from '../history/snapshots.ts';

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
  /** By command id: those since the last snapshot, and some before it. */
  readonly commands: Map<string, Applied>;
  /** The ids up to the event `countedUpTo`; for ever, because a command may be sent again after a month. Absent: all are in `commands`. */
  earlier: SeenIds | undefined;
  countedUpTo: number;
  /** `time`: absent when it was read in a snapshot. */
  lastEvent: { readonly id: string; readonly sequence: number; readonly time?: string } | undefined;
  /** Events since the last snapshot. */
  sinceSnapshot: number;
  loadedAtMs: number;
};

/** A maximal age that nothing in memory has: `load` asks the server. */
export const ALWAYS_LOOK = -1;

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
  aggregate.lastEvent = { id: event.id, sequence, time: event.time };
  aggregate.sinceSnapshot += 1;
  const { commands, subject } = aggregate;
  commands.set(event.commandid, appliedWith(commands.get(event.commandid), event, subject, sequence));
};

/** Of a read from a replica that lags: together about 600 ms. */
const MAX_LAG_TRIES = 6;
/** Ids that stay in memory whatever happens: a command that is sent again comes soon, as a rule. */
const RECENT = 500;

/** Puts the ids of `commands` that the filters do not have yet into them, and forgets the older ones. */
const count = (aggregate: Aggregate, ids: SeenIds): void => {
  const { commands, countedUpTo } = aggregate;
  let last = countedUpTo;
  for (const [id, { events }] of commands) {
    const [from = 0, to = 0] = [events[0]?.sequence, events.at(-1)?.sequence];
    if (from > countedUpTo) ids.add(id, from, to);
    last = Math.max(last, to);
  }
  aggregate.earlier = ids;
  aggregate.countedUpTo = last;
  for (const id of commands.keys()) {
    if (commands.size <= RECENT) break;
    commands.delete(id);
  }
};

export type Aggregates = ReturnType<typeof createAggregates>;

export const createAggregates = (options: {
  readonly names: Names;
  readonly reader: StreamReader;
  readonly clock: Clock;
  /** Default: there are none, and every history is read whole. */
  readonly snapshots?: Snapshots;
  /**
   * Sequence of the last message on a subject (0: none), asked of the leader; undefined where a read sees everything anyhow. A replica that lags
   * would show a thing as it was, and what is answered without an append would be from that old picture. Default: a read sees everything.
   */
  lastOnLeader?(subject: string): Promise<number> | undefined;
  /** See WholeReader. Default: nothing is known of any subject, and an append finds out. */
  readonly subjects?: WholeReader['subjects'];
  /** Aggregates kept in memory. Default 10,000. */
  readonly maxCached?: number;
  /** Default: those of `names`. */
  readonly own?: OwnEvents;
}) => {
  const { names, reader, clock, maxCached = 10_000, own = createOwnEvents(names) } = options;
  const snapshots = options.snapshots ?? noSnapshots(names, reader);
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
    earlier: undefined,
    countedUpTo: 0,
    lastEvent: undefined,
    sinceSnapshot: 0,
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

  const takeAll = (aggregate: Aggregate, messages: readonly StoredMessage[]): Aggregate => {
    for (const message of messages) take(aggregate, message);
    return aggregate;
  };

  const read = async (ref: Ref): Promise<Aggregate> => {
    const { snapshot, messages } = await snapshots.read(ref);
    const aggregate = blank(ref);
    if (snapshot !== undefined) {
      const { operator, resource, secret, ids, sequence, eventId } = snapshot;
      Object.assign(aggregate, { operator, resource, secret, earlier: ids, countedUpTo: sequence });
      aggregate.lastSequence = sequence;
      aggregate.lastEvent = { id: eventId, sequence };
    }
    return takeAll(aggregate, messages);
  };

  /** `known` with what others have stored since, as another object: who sees it sees that there is news. */
  const catchUp = async (known: Aggregate): Promise<Aggregate> => {
    const messages = await reader.readSubject(known.subject, { fromSequence: known.lastSequence + 1 });
    // A command may have stored on it and folded that into it meanwhile: who only looks at an operator holds no lock on it.
    const news = messages.filter(({ sequence }) => sequence > known.lastSequence);
    return takeAll({ ...known, commands: new Map(known.commands), loadedAtMs: clock.nowMs() }, news);
  };

  /** `known` itself when nothing has been stored since: `last` is the last message on its subject. */
  const renewed = async (known: Aggregate, last: number): Promise<Aggregate> => {
    if (last === known.lastSequence) {
      known.loadedAtMs = clock.nowMs();
      return known;
    }
    // A stream that ends before what is known of it was put back from a backup.
    return known.lastSequence > 0 && known.lastSequence < last ? catchUp(known) : read(known.ref);
  };

  /** With everything up to `last`, which the leader has: a replica that is behind is asked again. */
  const readUpTo = async (ref: Ref, known: Aggregate | undefined, last: number): Promise<Aggregate> => {
    for (let tries = 1; ; tries += 1) {
      const aggregate = await (known === undefined ? read(ref) : renewed(known, last));
      if (aggregate.lastSequence >= last) return aggregate;
      if (tries === MAX_LAG_TRIES)
        throw new Fault('JS_UNAVAILABLE', `a replica does not have #${last} of ${aggregate.subject} yet`);
      await clock.sleep(10 * 2 ** tries);
    }
  };

  const readNow = async (ref: Ref, known: Aggregate | undefined): Promise<Aggregate> => {
    const leading = options.lastOnLeader?.(names.event(ref));
    if (leading !== undefined) return readUpTo(ref, known, await leading);
    return known === undefined ? read(ref) : renewed(known, (await reader.readLast(known.subject))?.sequence ?? 0);
  };

  /** Off the way of the command that finds it due: nothing waits for the write. */
  const takeSnapshot = (aggregate: Aggregate): void => {
    const { ref, operator, resource, secret, lastEvent } = aggregate;
    aggregate.sinceSnapshot = 0;
    if (lastEvent === undefined) return;
    const ids = aggregate.earlier ?? createSeenIds();
    count(aggregate, ids);
    const { id: eventId, sequence } = lastEvent;
    void snapshots.write(ref, { operator, resource, secret, sequence, eventId, ids });
  };

  const current = (ref: Ref): Aggregate | undefined => {
    const known = cache.get(refKey(ref));
    if (known !== undefined && known.sinceSnapshot >= SNAPSHOT_EVERY) takeSnapshot(known);
    return known;
  };

  const keep = (aggregate: Aggregate): void => cache.set(refKey(aggregate.ref), aggregate);

  return {
    /** The aggregate as this process knows it; read from the stream when it is not in memory or older than `maxAgeMs`. */
    load: async (ref: Ref, maxAgeMs = Number.POSITIVE_INFINITY): Promise<Aggregate> => {
      const known = current(ref);
      if (known !== undefined && clock.nowMs() - known.loadedAtMs <= maxAgeMs) return known;
      const aggregate = await readNow(ref, known);
      if (aggregate === known) return known;
      if (aggregate.sinceSnapshot >= SNAPSHOT_EVERY) takeSnapshot(aggregate);
      keep(aggregate);
      return aggregate;
    },

    /** The aggregate as this process knows it, however long ago. */
    inMemory: current,

    /**
     * The aggregate as this process knows it, else one without events. Deciding on that is a guess: the append expects that there is
     * no event and is refused when there is one. So a new one is kept (`keepNew`) when something is stored on it.
     */
    knownOrNew: (ref: Ref): Aggregate => current(ref) ?? blank(ref),

    /**
     * Whether `knownOrNew` may be used. Not for a thing that has events and is not in memory: they may be unreadable, and an append that expects
     * none would be accepted behind them.
     */
    mayBeGuessed: (ref: Ref): boolean =>
      cache.get(refKey(ref)) !== undefined || options.subjects?.mayHave(names.event(ref)) !== true,

    /** Unless there is one in memory: that may have been looked at since, and is as good. */
    keepNew: (aggregate: Aggregate): void => {
      if (cache.get(refKey(aggregate.ref)) !== undefined) return;
      keep(aggregate);
      options.subjects?.add(aggregate.subject);
    },

    /** The aggregate if it is in memory and was confirmed within `maxAgeMs`. */
    known: (ref: Ref, maxAgeMs: number): Aggregate | undefined => {
      const known = cache.get(refKey(ref));
      return known !== undefined && clock.nowMs() - known.loadedAtMs <= maxAgeMs ? known : undefined;
    },

    /** Whether the thing, as this process knows it, has changed within `withinMs`. */
    hasChangedWithin: (ref: Ref, withinMs: number): boolean => {
      const time = cache.get(refKey(ref))?.lastEvent?.time;
      return time !== undefined && clock.nowMs() - Date.parse(time) <= withinMs;
    },

    /** Looks for what the command has stored on them long ago, and puts it into their `commands`. Faults: those of the stream. */
    recall: (loaded: readonly Aggregate[], commandId: string): Promise<void> =>
      recallEarlier(reader, own, loaded, commandId),

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
