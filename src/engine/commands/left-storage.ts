// What stays on the NATS server when an operator goes: streams and buckets of it that hold something, that cannot be looked into, or that opstream
// did not make. Named in the event `deleted`. The empty ones are removed afterwards (storage-sweep.ts), since components may still run now. Of
// what another operator uses too nothing is said: it is that one's. Called by the command-handler when a deletion ends.

import { isFault } from '../../core/fault.ts';
import type { LeftStorage } from '../../messages/left-behind.ts';
import type { OperatorDocument } from '../../messages/queries.ts';
import type { OperatorsAt } from './channel-claims.ts';
import { reasonToStay, storageKey, storageOf, type StoragePlace } from '../history/operator-storage.ts';
import type { OperatorStorage } from '../ports/storage.ts';

export type LeftStorageOptions = {
  readonly prefix: string;
  /** All operators. */
  readonly claims: () => Promise<Pick<OperatorsAt, 'operators' | 'storageNamedBy'>>;
  readonly storage: Pick<OperatorStorage, 'look'>;
  /** Whether the operator has a NATS server of its own: what it has there goes with that server. */
  hasOwnServer(operator: OperatorDocument): Promise<boolean>;
};

export const createLeftStorage = (options: LeftStorageOptions) => {
  const { prefix, claims, storage } = options;

  const judge = async ({ kind, name, subjects }: StoragePlace): Promise<LeftStorage | undefined> => {
    try {
      const facts = await storage.look({ kind, name });
      const reason = facts === undefined ? undefined : reasonToStay(facts, new Set(subjects));
      return facts === undefined || reason === undefined ? undefined : { kind, name, reason, messages: facts.messages };
    } catch (error) {
      if (!isFault(error)) throw error;
      return { kind, name, reason: 'Unreadable' };
    }
  };

  /** Faults: the other operators, or the operator's own status, cannot be read. */
  return async (operator: OperatorDocument): Promise<readonly LeftStorage[]> => {
    if (await options.hasOwnServer(operator)) return [];
    const { operators, storageNamedBy } = await claims();
    const others = operators.filter(({ name }) => name !== operator.name);
    const claimed = new Set(others.flatMap((other) => storageOf(other, prefix).map(storageKey)));
    const own = storageNamedBy(operator.name).filter((place) => !claimed.has(storageKey(place)));
    const judged = await Promise.all(own.map(judge));
    return judged.flatMap((left) => left ?? []);
  };
};
