// The component of dataset-component.ts as a program: supervised by the operator-runtime, it knows of its server what it is told.

import { runOperator, type OController } from '../../src/sdk/index.ts';

let controller: OController | undefined;

await runOperator({
  reconciler: {
    id: () => 'dataset-program',
    init: (given) => {
      controller = given;
    },
    reconcile: async ({ key, type }) => {
      const entity = await controller?.getEntity(key, type);
      if (entity === undefined) return {};
      const isDeleting = entity.deletionRequestedAt !== undefined;
      await controller?.updateEntityStatus({ key, status: isDeleting ? 'deleted' : 'active' });
      return {};
    },
  },
});
