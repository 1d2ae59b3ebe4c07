#!/usr/bin/env node
// The program `opstream`. Answers go to stdout, everything else to stderr; nothing is logged unless --log-level asks for it.

import { runProcess } from '../program/lifecycle.ts';
import { currentUser } from '../program/environment.ts';
import { runCli } from './run.ts';
import { processTerminal, readStdin } from '../program/terminal.ts';
import { allVerbs } from './verbs/index.ts';

await runProcess(
  'opstream',
  (signal, { environment, log, clock, ids }) =>
    runCli({
      verbs: allVerbs,
      environment,
      terminal: processTerminal(environment.env, () => clock.nowMs()),
      log,
      clock,
      ids,
      signal,
      user: currentUser(),
      readStdin,
    }),
  // `up` stops its processes, which may take 12 s, and then its server.
  { logTo: 'stderr', logLevel: 'error', stopDeadlineMs: 25_000 },
);
