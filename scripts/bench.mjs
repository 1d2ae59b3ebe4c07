// `npm run bench`: sets up what is missing, then measures. `--quick` for a fifth of the work.

import { runScript, setUp } from './setup.mjs';

await runScript(async () => {
  const natsServer = await setUp();
  const { runBench } = await import('./bench/run.mjs');
  return runBench({ natsServer, isQuick: process.argv.includes('--quick') });
});
