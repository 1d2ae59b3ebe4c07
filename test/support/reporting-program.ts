// A component made with the SDK that never rests: each reconcile reports what no reconcile said before, and comes again at once. Whenever its
// server goes away, some of its reports are under way.

import { runOperator, type OController } from '../../src/sdk/index.ts';

let controller: OController | undefined;
let reports = 0;

await runOperator({
  reconciler: {
    id: () => 'reporting-program',
    init: (given) => {
      controller = given;
    },
    reconcile: async ({ key }) => {
      reports += 1;
      await controller?.updateEntityStatus({ key, status: 'active', message: `report ${reports}` });
      return { requeueAfterMs: 20 };
    },
  },
});
