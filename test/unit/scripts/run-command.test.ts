import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { mustRun, runCommand } from '../../../scripts/run-command.mjs';
import { root } from '../../support/processes.ts';

test('keeps both outputs, and standard output by itself', async () => {
  const { code, stdout, output } = await runCommand('sh', ['-c', 'echo out; echo err >&2; exit 3']);
  assert.deepEqual([code, stdout], [3, 'out\n']);
  assert.match(output, /err/);
});

test('a program that takes too long is ended, and so is the wait for what it started', async () => {
  const { code, output } = await runCommand('sh', ['-c', 'echo begun; sleep 5 & wait'], { timeoutMs: 200 });
  assert.equal(code, null);
  assert.match(output, /begun\n\nsh took longer than 0\.2 s/);
});

test('a program that is not there is an answer, and keeps nobody waiting', () => {
  const script = `import { runCommand } from ${JSON.stringify(join(root, 'scripts', 'run-command.mjs'))};
    console.log(JSON.stringify(await runCommand('no-such-program', [])));`;
  const { stdout, status, error } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    encoding: 'utf8',
    timeout: 20_000,
  });
  assert.equal(error, undefined, 'the script ends by itself');
  assert.equal(status, 0);
  assert.deepEqual(JSON.parse(stdout), { code: null, stdout: '', output: 'no-such-program could not be found' });
});

test('what failed is told with the first and the last lines', async () => {
  const failing = mustRun('sh', ['-c', 'for i in $(seq 100); do echo "line $i"; done; exit 1']);
  await assert.rejects(failing, (error: Error) => {
    assert.match(error.message, /ended with 1:\nline 1\n[^]*\.\.\.\n[^]*line 100$/);
    assert.doesNotMatch(error.message, /line 50\n/);
    return true;
  });
});
