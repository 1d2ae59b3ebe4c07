// The operators as the operator-runtime knows them: folded from their events, all of them in memory (they are few). Of those that are gone it
// keeps the last document, and of all the streams and buckets that any of their manifests named.

import { takeIn } from '../../domain/take-in.ts';
import { initialOperatorState, type OperatorState } from '../../domain/operator/state.ts';
import { createOwnEvents } from '../../messages/own-events.ts';
import type { Names } from '../../messages/subjects.ts';
import type { NatsApi } from '../../messages/manifest-types.ts';
import type { OperatorDocument } from '../../messages/queries.ts';
import { leasesOf, storageKey, storageOf, type StoragePlace } from './operator-storage.ts';
import type { StorageRef } from '../ports/storage.ts';
import type { StoredMessage } from '../ports/streams.ts';

/** An operator that was deleted and is not registered again. */
export type GoneOperator = {
  /** As it was last. */
  readonly last: OperatorDocument;
  /** All that its manifests named, earlier ones and those of earlier operators of its name too. */
  readonly storage: readonly StoragePlace[];
  readonly leases: readonly string[];
};

type Past = { last: OperatorDocument; readonly places: Map<string, StorageRef>; readonly leases: Set<string> };

export const createOperatorDirectory = (names: Names, own = createOwnEvents(names)) => {
  const states = new Map<string, OperatorState>();
  /** Sequence of the last event of each, of those that are gone too. */
  const folded = new Map<string, number>();
  const past = new Map<string, Past>();
  const named = new Map<string, Set<string>>();

  const remember = (operator: OperatorDocument): void => {
    const one: Past = past.get(operator.name) ?? { last: operator, places: new Map(), leases: new Set() };
    past.set(operator.name, one);
    one.last = operator;
    for (const lease of leasesOf(operator)) one.leases.add(lease);
    for (const { kind, name, subjects } of storageOf(operator, names.prefix)) {
      const key = storageKey({ kind, name });
      one.places.set(key, { kind, name });
      const all = named.get(key) ?? new Set();
      for (const subject of subjects) all.add(subject);
      named.set(key, all);
    }
  };

  const storageNamedBy = (name: string): readonly StoragePlace[] =>
    [...(past.get(name)?.places ?? [])].map(([key, ref]) => ({ ...ref, subjects: [...(named.get(key) ?? [])] }));

  return {
    /** Folds one event of an operator; doubled ones change nothing. The operator's name, or undefined when the event is set aside. */
    absorb: (message: StoredMessage): string | undefined => {
      const given = own.event(message);
      if ('problem' in given) return undefined;
      const { name } = given.ref;
      const before = states.get(name) ?? initialOperatorState;
      if ((folded.get(name) ?? 0) < message.sequence) {
        const taken = takeIn('operator', given, before, message.sequence);
        if ('problem' in taken) return undefined;
        states.set(name, taken.state);
        folded.set(name, message.sequence);
        if (taken.state.operator !== undefined) remember(taken.state.operator);
      }
      return name;
    },
    get: (name: string): OperatorDocument | undefined => states.get(name)?.operator,
    all: (): readonly OperatorDocument[] =>
      [...states.values()].flatMap(({ operator }) => (operator === undefined ? [] : [operator])),
    /** What any manifest of an operator of that name named, each with the subjects that any operator ever named for it. */
    storageNamedBy,
    gone: (): readonly GoneOperator[] =>
      [...past]
        .filter(([name]) => states.get(name)?.operator === undefined)
        .map(([name, { last, leases }]) => ({ last, leases: [...leases], storage: storageNamedBy(name) })),
    channelOf: (operator: string, resourceType: string): NatsApi | undefined =>
      states.get(operator)?.operator?.manifest.operator.resources.find(({ name }) => name === resourceType)?.natsApi,
  };
};

export type OperatorDirectory = ReturnType<typeof createOperatorDirectory>;
