// The counter on real runs of node:test: what it says decides whether CI is green.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { temporaryFolder } from '../../support/children.ts';
import { root } from '../../support/processes.ts';

type Totals = {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly failures: readonly string[];
  readonly skips: readonly string[];
};

const folder = temporaryFolder();

const run = (text: string): Totals => {
  const file = join(folder.path, 'some.test.mjs');
  writeFileSync(file, `import { test, describe, it, before, after } from 'node:test';\n${text}`);
  const reporter = join(root, 'scripts', 'test-counter.mjs');
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const args = ['--test', `--test-reporter=${reporter}`, file];
  return JSON.parse(spawnSync(process.execPath, args, { encoding: 'utf8', cwd: folder.path, env }).stdout) as Totals;
};

test('counts tests and not the suites around them', () => {
  const totals = run(
    `describe('suite', () => { it('one', () => {}); it('two', () => { throw new Error('no'); }); }); test('three', () => {});`,
  );
  assert.deepEqual({ ...totals }, { passed: 2, failed: 1, skipped: 0, failures: ['some.test.mjs: two'], skips: [] });
});

test('gives the reason of what was skipped', () => {
  const totals = run(`test('a', { skip: 'no server' }, () => {}); test.todo('b'); test('c', () => {});`);
  assert.deepEqual(totals.skips, ['a: no server', 'b: no reason given']);
  assert.deepEqual([totals.passed, totals.failed, totals.skipped], [1, 0, 2]);
});

test('a hook, a file or an exit code that fails is a failure though every test passed', () => {
  assert.equal(
    run(`describe('s', () => { after(() => { throw new Error('hook'); }); it('a', () => {}); });`).failed,
    1,
  );
  assert.equal(run(`after(() => { throw new Error('hook'); }); test('a', () => {});`).failed, 1);
  assert.equal(run(`process.on('exit', () => { process.exitCode = 1; }); test('a', () => {});`).failed, 1);
  assert.equal(run(`throw new Error('at once');`).failed, 1);
});

test('a file without a test is a failure', () => {
  const totals = run('');
  assert.deepEqual([totals.passed, totals.failed], [0, 1]);
  assert.match(totals.failures[0] ?? '', /holds no test/);
});
