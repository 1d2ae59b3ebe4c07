// A component made with the SDK whose reconcile does what the spec of its resource says: `hang` never settles, `block` lets the event loop stand
// still (once for each file ONCE), `exit` ends the process with that code, `fill` fills the heap. Anything else is active.

import { existsSync, writeFileSync } from 'node:fs';
import { runOperator, type OController } from '../../src/sdk/index.ts';

let controller: OController | undefined;

const once = (): boolean => {
  const path = process.env['ONCE'] ?? '';
  if (existsSync(path)) return false;
  writeFileSync(path, '');
  return true;
};

const fill = (): never => {
  const kept: number[][] = [];
  for (;;) kept.push(Array.from({ length: 100_000 }, (_, index) => index * kept.length));
};

await runOperator({
  reconciler: {
    id: () => 'stuck-program',
    init: (given) => {
      controller = given;
    },
    reconcile: async ({ key, type }) => {
      const entity = await controller?.getEntity(key, type);
      if (entity === undefined) return {};
      const { does, code } = entity.manifest.resource.spec;
      if (does === 'hang') await new Promise(() => {});
      if (does === 'block' && once()) for (;;);
      if (does === 'exit') process.exit(Number(code));
      if (does === 'fill') fill();
      const isDeleting = entity.deletionRequestedAt !== undefined;
      await controller?.updateEntityStatus({ key, status: isDeleting ? 'deleted' : 'active' });
      return {};
    },
  },
});
