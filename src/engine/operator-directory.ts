// The operators as the operator-runtime knows them: folded from their events, all of them in memory (they are few).

import { takeIn } from '../domain/take-in.ts';
import { initialOperatorState, type OperatorState } from '../domain/operator/state.ts';
import { createOwnEvents } from '../messages/own-events.ts';
import type { Names } from '../messages/subjects.ts';
import type { NatsApi } from '../messages/manifest/types.ts';
import type { OperatorDocument } from '../messages/queries.ts';
import type { StoredMessage } from './ports.ts';

export const createOperatorDirectory = (names: Names, own = createOwnEvents(names)) => {
  const states = new Map<string, OperatorState>();
  return {
    /** Folds one event of an operator; doubled ones change nothing. The operator's name, or undefined when the event is set aside. */
    absorb: (message: StoredMessage): string | undefined => {
      const given = own.event(message);
      if ('problem' in given) return undefined;
      const { name } = given.ref;
      const before = states.get(name) ?? initialOperatorState;
      if ((before.operator?.sequence ?? 0) < message.sequence) {
        const taken = takeIn('operator', given, before, message.sequence);
        if ('problem' in taken) return undefined;
        states.set(name, taken.state);
      }
      return name;
    },
    get: (name: string): OperatorDocument | undefined => states.get(name)?.operator,
    all: (): readonly OperatorDocument[] =>
      [...states.values()].flatMap(({ operator }) => (operator === undefined ? [] : [operator])),
    channelOf: (operator: string, resourceType: string): NatsApi | undefined =>
      states.get(operator)?.operator?.manifest.operator.resources.find(({ name }) => name === resourceType)?.natsApi,
  };
};

export type OperatorDirectory = ReturnType<typeof createOperatorDirectory>;
