// The stand-in as a program: `node dist/stand-ins/hightouch/main.js [flags]`. Prints one JSON line on standard output when it is ready, and
// stops on SIGTERM or SIGINT. Reads the process itself because it belongs to no opstream process.
// Exit codes: 0 stopped, 1 could not listen, 2 wrong flags.

import { parseOptions, usage, UsageError, type StandInOptions } from './options.ts';
import { startStandIn } from './server.ts';

const optionsOrExit = (): StandInOptions => {
  try {
    return parseOptions(process.argv.slice(2), process.env);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(`${error.message}\n${usage}\n`);
    process.exit(2);
  }
};

const options = optionsOrExit();
try {
  const standIn = await startStandIn(options);
  const stop = (): void => {
    void standIn.close();
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
  process.stdout.write(`${JSON.stringify({ ready: true, url: standIn.url, adminUrl: standIn.adminUrl })}\n`);
} catch (error) {
  process.stderr.write(`cannot listen on 127.0.0.1:${options.port}: ${String(error)}\n`);
  process.exitCode = 1;
}
