// The storm of a cluster, as often as it is wanted: the long test of it, which kills leaders, two nodes and all nodes under load and then reads
// every acknowledged message through every node. Its own lines are printed as they come; what each time counted stands in the table at the end.

import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runInGroup } from '../run-in-group.mjs';
import { root } from '../setup.mjs';

const STORM = join('test', 'long', 'cluster-storm.long.test.ts');
const TIMEOUT_MS = 1_800_000;

const runOnce = async (env, reportPath) => {
  const startedMs = performance.now();
  const code = await runInGroup(
    process.execPath,
    [
      ...['--import', 'tsx', '--test', `--test-timeout=${TIMEOUT_MS}`],
      ...['--test-reporter=spec', '--test-reporter-destination=stdout'],
      ...['--test-reporter=tap', `--test-reporter-destination=${reportPath}`],
      STORM,
    ],
    { cwd: root, env },
  );
  const report = await readFile(reportPath, 'utf8').catch(() => '');
  // The test counts what it has read. Without its line it did not come so far.
  const counted = /# (\d+ messages and \d+ commands were acknowledged, 0 lost, 0 twice)/.exec(report)?.[1];
  const seconds = Math.round((performance.now() - startedMs) / 1000);
  return { code, counted: counted ?? 'it did not come to the count', seconds };
};

/** The exit code. */
export const runClusterStorms = async (times, env) => {
  const folder = await mkdtemp(join(tmpdir(), 'opstream-chaos-'));
  const results = [];
  try {
    for (let time = 1; time <= times; time += 1) {
      process.stdout.write(`\n== cluster storm ${time} of ${times}\n`);
      results.push(await runOnce(env, join(folder, `${time}.tap`)));
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  process.stdout.write(`\n== cluster: ${times} storms\n`);
  for (const [index, { code, counted, seconds }] of results.entries())
    process.stdout.write(`${code === 0 ? 'ok    ' : 'BREACH'} ${index + 1}: ${counted}, in ${seconds} s\n`);
  return results.every(({ code }) => code === 0) ? 0 : 1;
};
