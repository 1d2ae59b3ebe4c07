// `npm start`: sets up what is missing, then `opstream up` with the arguments given.

import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { root, runScript, setUp } from './setup.mjs';

await runScript(async () => {
  const natsServer = await setUp();
  const child = spawn(process.execPath, [join(root, 'dist', 'cli', 'main.js'), 'up', ...process.argv.slice(2)], {
    stdio: 'inherit',
    env: { ...process.env, OPSTREAM_NATS_SERVER: natsServer },
  });
  // A terminal sends Ctrl-C to both; `up` decides when it is over.
  process.on('SIGINT', () => undefined);
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  return new Promise((resolve) =>
    child.on('close', (code, signal) => resolve(code ?? (signal === 'SIGKILL' ? 137 : 1))),
  );
});
