// The bench's component: an operator whose reconcile does nothing but say that it is done. A program of its own, on the public SDK.

import { runOperator } from '../../dist/sdk/index.js';

await runOperator({
  createReconciler: () => {
    let controller;
    return {
      id: () => 'bench',
      init: (given) => {
        controller = given;
      },
      reconcile: async ({ key }) => {
        await controller.updateEntityStatus({
          key,
          status: 'active',
          conditions: [{ type: 'Ready', status: 'True', reason: 'Done', message: 'nothing to do' }],
        });
        return {};
      },
    };
  },
});
