// `npm run simulate`: whole histories of an instance in one process, on a clock and a network that a seed drives. `-- --seed 7` runs that one,
// `--histories 500` as many from there on, `--minutes 5` as many as go, `--trace` tells all that happens in them, `--keep-going` does not stop at the
// first that breaks a promise. A seed gives the same history each time. Exit code 0: nothing was broken; 1: something was.

import { join } from 'node:path';
import { runInGroup } from './run-in-group.mjs';
import { checkNode, ensureDependencies, root, runScript } from './setup.mjs';

await runScript(async () => {
  checkNode();
  await ensureDependencies();
  const program = join(root, 'test', 'simulation', 'run.ts');
  return runInGroup(process.execPath, ['--import', 'tsx', program, ...process.argv.slice(2)], { cwd: root });
});
