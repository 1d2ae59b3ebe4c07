// Inputs that failed when others tried opstream, as programs of theirs that are not part of the project: each talks to a running instance,
// brings its own stand-in of an API, prints HELD or FAULT and ends with 0 or 1. Read where they are (OPSTREAM_TEST_CASES, or `shared/cases`
// beside the checkout); skipped where they are not.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { leakGuard, root, startProcess, type TestProcess } from '../support/processes.ts';
import { temporaryFolder, track } from '../support/children.ts';
import { waitFor } from '../support/wait-for.ts';

leakGuard();

const folder = process.env['OPSTREAM_TEST_CASES'] ?? fileURLToPath(new URL('../../../shared/cases', import.meta.url));
const CASES: readonly (readonly [string, ...string[]])[] = [
  ['01-ec-object'],
  ['03-gone-410', '410'],
  ['03-gone-410', '403'],
  ['04-bigid'],
  ['08-two-resources-one-object'],
  ['10-delete-409'],
  ['13-history-answer-too-large', '1500'],
  ['29-command-stream-aged-out'],
];

const runCase = (words: readonly string[], url: string) =>
  new Promise<{ readonly failure: string | undefined; readonly printed: string }>((resolve) => {
    const options = { timeout: 240_000, env: { ...process.env, NATS_URL: url, OPSTREAM_HOME: root } };
    const child = execFile(process.execPath, words, options, (error, stdout, stderr) =>
      resolve({ failure: error?.message, printed: `${stdout}${stderr}` }),
    );
    track(child, 'case');
  });

const skip = existsSync(folder) ? false : `the reported cases are not in ${folder} (OPSTREAM_TEST_CASES)`;

describe('what was reported', { skip, concurrency: 4, timeout: 280_000 }, () => {
  let up: TestProcess;
  let url = '';
  const place = temporaryFolder();
  before(async () => {
    const natsServer = process.env['OPSTREAM_NATS_SERVER'];
    up = startProcess('src/cli/main.ts', {
      name: 'opstream up',
      arguments: ['up', '--data', place.path, '--port', '0', '--fast'],
      env: {
        OPSTREAM_COMPUTES: 'runnable-default=process,external=external',
        ...(natsServer === undefined ? {} : { OPSTREAM_NATS_SERVER: natsServer }),
      },
    });
    url = await waitFor(() => /nats:\/\/127\.0\.0\.1:\d+/.exec(up.output())?.[0], {
      what: 'the instance',
      timeoutMs: 60_000,
    });
    await waitFor(() => up.output().includes('everything is running'), { what: 'its processes', timeoutMs: 60_000 });
  });
  after(async () => {
    await up.terminate(30_000);
    place.remove();
  });

  for (const [name, ...args] of CASES) {
    it([name, ...args].join(' '), async () => {
      const { failure, printed } = await runCase([join(folder, name, 'run.mjs'), ...args], url);
      assert.equal(failure, undefined, printed);
    });
  }
});
