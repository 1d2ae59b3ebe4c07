// Folds operator events. Total: every stored event type has a case, and nothing throws but for a patch that does not fit
// (Fault DOCUMENT_INVALID: a damaged event).

import { applyStored } from '../../messages/patch.ts';
import { operatorManifestProblem } from '../../messages/stored-shape.ts';
import type { OperatorEvent } from '../../messages/events.ts';
import type { OperatorState } from './state.ts';

export const evolveOperator = (state: OperatorState, event: OperatorEvent, sequence: number): OperatorState => {
  const { operator } = state;
  const generation = event.generation;
  const touched = { generation, updatedAt: event.time, updatedBy: event.actor, sequence };
  switch (event.type) {
    case 'io.opstream.operator.registered.v1':
      return {
        generation,
        operator: {
          name: event.data.manifest.name,
          uid: event.id,
          generation,
          createdAt: event.time,
          updatedAt: event.time,
          createdBy: event.actor,
          updatedBy: event.actor,
          manifest: event.data.manifest,
          sequence,
        },
      };
    case 'io.opstream.operator.changed.v1':
      if (operator === undefined) return state;
      return {
        generation,
        operator: {
          ...operator,
          ...touched,
          manifest: applyStored(operator.manifest, event.data.patch, operatorManifestProblem),
        },
      };
    case 'io.opstream.operator.restart-requested.v1': {
      if (operator === undefined) return state;
      const { component } = event.data;
      const named =
        component === undefined ? operator.manifest.operator.components.map(({ name }) => name) : [component];
      const restarts = { ...operator.restarts, ...Object.fromEntries(named.map((name) => [name, sequence])) };
      return { generation, operator: { ...operator, ...touched, restarts } };
    }
    case 'io.opstream.operator.deletion-requested.v1':
      if (operator === undefined) return state;
      return {
        generation,
        operator: {
          ...operator,
          ...touched,
          deletionRequestedAt: event.time,
          ...(event.data.force === true ? { deletionForced: true } : {}),
        },
      };
    case 'io.opstream.operator.deleted.v1':
      return { generation };
  }
};
