// The operators as the operator-runtime knows them: folded from their events, all of them in memory (they are few).

import { decodeEventOf, foldOrProblem } from '../messages/stored-event.ts';
import { evolveOperator } from '../domain/operator/evolve.ts';
import { initialOperatorState, type OperatorState } from '../domain/operator/state.ts';
import type { Names } from '../messages/subjects.ts';
import type { NatsApi } from '../messages/manifest/types.ts';
import type { OperatorDocument } from '../messages/queries.ts';
import type { OperatorEvent } from '../messages/events.ts';
import type { StoredMessage } from './ports.ts';

export const createOperatorDirectory = (names: Names) => {
  const states = new Map<string, OperatorState>();
  return {
    /** Folds one event of an operator; doubled ones change nothing. The operator's name, or undefined when it cannot be read. */
    absorb: (message: StoredMessage): string | undefined => {
      const ref = names.parseEvent(message.subject);
      const decoded = decodeEventOf('operator', message.data);
      if (ref === undefined || 'problem' in decoded) return undefined;
      const before = states.get(ref.name) ?? initialOperatorState;
      if ((before.operator?.sequence ?? 0) < message.sequence) {
        const event = decoded.event as OperatorEvent;
        const after = foldOrProblem(() => evolveOperator(before, event, message.sequence));
        if ('problem' in after) return undefined;
        states.set(ref.name, after.folded);
      }
      return ref.name;
    },
    get: (name: string): OperatorDocument | undefined => states.get(name)?.operator,
    all: (): readonly OperatorDocument[] =>
      [...states.values()].flatMap(({ operator }) => (operator === undefined ? [] : [operator])),
    channelOf: (operator: string, resourceType: string): NatsApi | undefined =>
      states.get(operator)?.operator?.manifest.operator.resources.find(({ name }) => name === resourceType)?.natsApi,
  };
};

export type OperatorDirectory = ReturnType<typeof createOperatorDirectory>;
