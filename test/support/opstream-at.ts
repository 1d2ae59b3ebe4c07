// `opstream` in this process on a real server: the real verbs over NATS, and what they wrote. For verbs whose work is with the server, where a
// child for each call would only cost time.

import { runCli } from '../../src/cli/run.ts';
import { createTerminal } from '../../src/program/terminal.ts';
import { allVerbs } from '../../src/cli/verbs/index.ts';
import { systemClock } from '../../src/program/clock.ts';
import { uuidSource } from '../../src/program/ids.ts';
import { silentLog } from './silent-log.ts';

export type CliOutput = { readonly code: number; readonly out: string; readonly err: string };

export const opstreamAt = async (url: string, ...argv: readonly string[]): Promise<CliOutput> => {
  const texts = { out: '', err: '' };
  const code = await runCli({
    verbs: allVerbs,
    environment: { argv, env: { OPSTREAM_NATS_URL: url } },
    terminal: createTerminal({
      stdout: { write: (text) => (texts.out += text) },
      stderr: { write: (text) => (texts.err += text), isTTY: false },
      env: {},
      nowMs: () => 0,
    }),
    log: silentLog,
    clock: systemClock,
    ids: uuidSource,
    signal: new AbortController().signal,
    user: 'somebody',
    readStdin: async () => new Uint8Array(),
  });
  return { code, ...texts };
};
