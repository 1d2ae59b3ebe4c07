// `npm pack` and `npm publish`: builds dist/ first, so that a package never holds an old build, or none.

import { ensureBuild, ensureDependencies, runScript } from './setup.mjs';

await runScript(async () => {
  await ensureDependencies();
  await ensureBuild();
});
