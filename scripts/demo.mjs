// `npm run demo`: sets up what is missing, then runs the main job from end to end.

import { runScript, setUp } from './setup.mjs';

await runScript(async () => {
  const natsServer = await setUp();
  const { runDemo } = await import('./demo/run.mjs');
  return runDemo({ natsServer });
});
