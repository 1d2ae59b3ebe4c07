// Everything the bench measures, in one run on one server: with the server's default sync and with `sync_interval: always`. Absolute figures
// drift with the machine; the ratios are what counts. Prints tables, writes .opstream/bench.json.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../setup.mjs';
import { measureMode } from './measure.mjs';
import { ratiosOf, reportOf } from './report.mjs';

export const runBench = async ({ natsServer, isQuick, entities }) => {
  const startedMs = performance.now();
  const results = [];
  for (const syncAlways of [false, true]) {
    const result = await measureMode({ natsServer, syncAlways, isQuick, entities: syncAlways ? 0 : entities });
    results.push({ ...result, ratios: ratiosOf(result) });
    process.stdout.write(reportOf(result));
  }
  const folder = join(root, '.opstream');
  mkdirSync(folder, { recursive: true });
  const facts = { at: new Date().toISOString(), node: process.version, isQuick, results };
  writeFileSync(join(folder, 'bench.json'), `${JSON.stringify(facts, null, 2)}\n`);
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(0);
  process.stdout.write(`\n  ${seconds} s; figures in .opstream/bench.json\n`);
  return 0;
};
