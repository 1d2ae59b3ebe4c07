// `npm test`: sets up what is missing, checks types, then runs the tiers: unit, integration (a real server for each file), e2e (built
// processes). `npm test -- unit` runs one tier, `npm test -- test/unit/x.test.ts` one file. The last line counts everything.

import { spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findNatsCli } from './nats-cli.mjs';
import { withProgress } from './progress.mjs';
import { mustRun } from './run-command.mjs';
import { root, runScript, setUp } from './setup.mjs';

const TIERS = [
  { name: 'unit', suffix: '.test.ts', concurrency: 2 },
  { name: 'integration', suffix: '.int.test.ts', concurrency: 2 },
  { name: 'e2e', suffix: '.e2e.test.ts', concurrency: 1 },
];

const filesOf = async ({ name, suffix }) => {
  const entries = await readdir(join(root, 'test', name), { recursive: true }).catch(() => []);
  return entries
    .filter((entry) => entry.endsWith(suffix))
    .map((entry) => join('test', name, entry))
    .sort();
};

const runTier = async ({ name, concurrency }, files, folder, environment) => {
  const summaryPath = join(folder, `${name}.json`);
  process.stdout.write(`\n== ${name}: ${files.length} files\n`);
  const startedMs = performance.now();
  const args = [
    '--import',
    'tsx',
    '--test',
    `--test-concurrency=${concurrency}`,
    '--test-reporter=spec',
    '--test-reporter-destination=stdout',
    `--test-reporter=${join(root, 'scripts', 'test-counter.mjs')}`,
    `--test-reporter-destination=${summaryPath}`,
    ...files,
  ];
  const code = await new Promise((resolve) => {
    const child = spawn(process.execPath, args, {
      cwd: root,
      stdio: ['ignore', 'inherit', 'inherit'],
      env: environment,
    });
    child.on('error', () => resolve(1));
    child.on('close', (exitCode) => resolve(exitCode ?? 1));
  });
  const summary = JSON.parse(
    await readFile(summaryPath, 'utf8').catch(() => '{"passed":0,"failed":0,"skipped":0,"failures":[],"skips":[]}'),
  );
  const elapsed = ((performance.now() - startedMs) / 1000).toFixed(1);
  process.stdout.write(
    `== ${name}: ${summary.passed} passed, ${summary.failed} failed, ${summary.skipped} skipped in ${elapsed} s\n`,
  );
  return { ...summary, code };
};

const checkTypes = () =>
  withProgress('checking types', async () => {
    const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
    for (const project of ['tsconfig.json', 'test/tsconfig.json']) {
      await mustRun(process.execPath, [compiler, '-p', project, '--noEmit'], { cwd: root });
    }
  });

await runScript(async () => {
  const wanted = process.argv.slice(2).filter((argument) => !argument.startsWith('-'));
  const natsServer = await setUp();
  const cli = await findNatsCli();
  await checkTypes();
  const folder = await mkdtemp(join(tmpdir(), 'opstream-test-'));
  const environment = {
    ...process.env,
    OPSTREAM_NATS_SERVER: natsServer,
    ...(cli.path === undefined ? { OPSTREAM_NATS_CLI_MISSING: cli.reason } : { OPSTREAM_NATS_CLI: cli.path }),
  };
  const total = { passed: 0, failed: 0, skipped: 0, failures: [], skips: [], code: 0, files: 0 };
  try {
    for (const tier of TIERS) {
      const isTierWanted = wanted.length === 0 || wanted.includes(tier.name);
      const files = (await filesOf(tier)).filter((file) => isTierWanted || wanted.some((one) => file.includes(one)));
      if (files.length === 0) continue;
      const result = await runTier(tier, files, folder, environment);
      for (const key of ['passed', 'failed', 'skipped']) total[key] += result[key];
      total.failures.push(...result.failures);
      total.skips.push(...result.skips);
      total.code ||= result.code;
      total.files += files.length;
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  if (total.files === 0) throw new Error(`no test file matches ${wanted.join(', ')}`);
  if (total.skips.length > 0) process.stdout.write(`\nskipped:\n${total.skips.map((skip) => `  ${skip}\n`).join('')}`);
  if (total.failures.length > 0)
    process.stdout.write(`\nfailed:\n${total.failures.map((failure) => `  ${failure}\n`).join('')}`);
  const failed = total.failed === 0 && total.code !== 0 ? 1 : total.failed;
  process.stdout.write(`\n${total.passed} passed, ${failed} failed, ${total.skipped} skipped\n`);
  return failed === 0 && total.passed > 0 ? 0 : 1;
});
