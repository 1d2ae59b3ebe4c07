// `npm start`: sets up what is missing, then `opstream up --example` with the arguments given. Ends when `up` has ended, with its exit code.

import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { join } from 'node:path';
import { root, runScript, setUp } from './setup.mjs';

await runScript(async () => {
  const natsServer = await setUp();
  const child = spawn(
    process.execPath,
    [join(root, 'dist', 'cli', 'main.js'), 'up', '--example', ...process.argv.slice(2)],
    {
      stdio: 'inherit',
      env: { ...process.env, OPSTREAM_NATS_SERVER: natsServer },
    },
  );
  // A second signal makes `up` leave at once, and a Ctrl-C on a terminal reaches both: it is passed on only where there is no terminal.
  process.on('SIGINT', () => {
    if (!process.stdin.isTTY) child.kill('SIGINT');
  });
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve(code ?? 128 + (constants.signals[signal] ?? 0)));
  });
});
