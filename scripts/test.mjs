// `npm test`: sets up what is missing, checks types, then runs the tiers: unit, integration (a real server for each file), e2e (built
// processes). `npm test -- unit` runs one tier, `npm test -- test/unit/x.test.ts` (or a part of the path) some files. `npm run long` runs
// the tier `long` alone: clusters, real platforms and big volumes, which take minutes each. The last line counts everything. Tests that are not there are a failure: a tier whose folder exists but holds no test file, a filter that matches nothing.

import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { findNatsCli } from './nats-cli.mjs';
import { withProgress } from './progress.mjs';
import { mustRun } from './run-command.mjs';
import { runInGroup } from './run-in-group.mjs';
import { root, runScript, setUp } from './setup.mjs';

/**
 * `timeoutMs` is for one test and for one process of them, to end what hangs; nothing is expected to come near it, also on a busy machine.
 * `together`: so many files run in one process, because starting one takes longer than a file of unit tests.
 */
const TIERS = [
  { name: 'unit', suffix: '.test.ts', concurrency: 2, timeoutMs: 300_000, together: 8 },
  { name: 'integration', suffix: '.int.test.ts', concurrency: 2, timeoutMs: 300_000, together: 1 },
  { name: 'e2e', suffix: '.e2e.test.ts', concurrency: 1, timeoutMs: 300_000, together: 1 },
  { name: 'long', suffix: '.long.test.ts', concurrency: 1, timeoutMs: 1_800_000, together: 1, onlyByName: true },
];

const NOTHING = { passed: 0, failed: 0, skipped: 0, failures: [], skips: [] };

/** Undefined when the tier has no folder. */
const filesOf = async ({ name, suffix }) => {
  const entries = await readdir(join(root, 'test', name), { recursive: true }).catch(() => undefined);
  return entries
    ?.filter((entry) => entry.endsWith(suffix))
    .map((entry) => join('test', name, entry))
    .sort();
};

const argumentsFor = ({ concurrency, timeoutMs }, summaryPath) => [
  '--import',
  'tsx',
  '--test',
  `--test-concurrency=${concurrency}`,
  `--test-timeout=${timeoutMs}`,
  '--test-reporter=spec',
  '--test-reporter-destination=stdout',
  `--test-reporter=${join(root, 'scripts', 'test-counter.mjs')}`,
  `--test-reporter-destination=${summaryPath}`,
];

/** What node:test is to run: the files, or programs that import several of them each. */
const programsFor = async ({ together }, files, folder) => {
  if (together === 1) return files;
  const groups = Array.from({ length: Math.ceil(files.length / together) }, (_, index) =>
    files.slice(index * together, (index + 1) * together),
  );
  return Promise.all(
    groups.map(async (group, index) => {
      const path = join(folder, `group-${String(index + 1).padStart(2, '0')}.mjs`);
      const imports = group.map((file) => `import ${JSON.stringify(pathToFileURL(join(root, file)).href)};\n`);
      await writeFile(path, imports.join(''));
      return path;
    }),
  );
};

const runTier = async (tier, files, folder, environment) => {
  const summaryPath = join(folder, `${tier.name}.json`);
  process.stdout.write(`\n== ${tier.name}: ${files.length} files\n`);
  const startedMs = performance.now();
  const programs = await programsFor(tier, files, folder);
  const code = await runInGroup(process.execPath, [...argumentsFor(tier, summaryPath), ...programs], {
    cwd: root,
    env: environment,
  });
  const text = await readFile(summaryPath, 'utf8').catch(() => '');
  const summary = text === '' ? NOTHING : JSON.parse(text);
  const elapsed = ((performance.now() - startedMs) / 1000).toFixed(1);
  const { passed, failed, skipped } = summary;
  process.stdout.write(`== ${tier.name}: ${passed} passed, ${failed} failed, ${skipped} skipped in ${elapsed} s\n`);
  if (code === 0 || failed > 0) return summary;
  return withFailure(summary, `${tier.name}: node:test ended with ${code} and named no test`);
};

const withFailure = (summary, failure) => ({
  ...summary,
  failed: summary.failed + 1,
  failures: [...summary.failures, failure],
});

const add = (left, right) => ({
  passed: left.passed + right.passed,
  failed: left.failed + right.failed,
  skipped: left.skipped + right.skipped,
  failures: [...left.failures, ...right.failures],
  skips: [...left.skips, ...right.skips],
});

const checkTypes = () =>
  withProgress('checking types', async () => {
    const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
    for (const project of ['tsconfig.json', 'test/tsconfig.json']) {
      await mustRun(process.execPath, [compiler, '-p', project, '--noEmit'], { cwd: root });
    }
  });

const runTiers = async (wanted, environment) => {
  const folder = await mkdtemp(join(tmpdir(), 'opstream-test-'));
  let total = NOTHING;
  try {
    for (const tier of TIERS) {
      const all = await filesOf(tier);
      if (all === undefined) continue;
      const isWhole = wanted.includes(tier.name) || (wanted.length === 0 && tier.onlyByName !== true);
      const files = all.filter((file) => isWhole || wanted.some((part) => file.includes(part)));
      if (files.length > 0) total = add(total, await runTier(tier, files, folder, environment));
      else if (isWhole) total = withFailure(total, `test/${tier.name} holds no *${tier.suffix}`);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return total;
};

const print = (title, lines) => {
  if (lines.length > 0) process.stdout.write(`\n${title}:\n${lines.map((line) => `  ${line}\n`).join('')}`);
};

await runScript(async () => {
  const wanted = process.argv.slice(2).filter((argument) => !argument.startsWith('-'));
  const natsServer = await setUp();
  const cli = await findNatsCli();
  await checkTypes();
  const { passed, failed, skipped, failures, skips } = await runTiers(wanted, {
    ...process.env,
    OPSTREAM_NATS_SERVER: natsServer,
    OPSTREAM_TEST_BUILT: '1',
    ...(cli.path === undefined ? { OPSTREAM_NATS_CLI_MISSING: cli.reason } : { OPSTREAM_NATS_CLI: cli.path }),
  });
  if (passed + failed + skipped === 0) throw new Error(`no test file matches ${wanted.join(', ')}`);
  print('skipped', skips);
  print('failed', failures);
  const skippedText = skipped === 0 ? '' : `, ${skipped} skipped`;
  process.stdout.write(`\n${passed} passed, ${failed} failed${skippedText}\n`);
  return failed === 0 && passed > 0 ? 0 : 1;
});
