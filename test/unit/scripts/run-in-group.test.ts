import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { isAlive } from '../../../src/compute/os-process.ts';
import { track } from '../../support/children.ts';
import { root } from '../../support/processes.ts';
import { waitFor } from '../../support/wait-for.ts';

// A program that starts another one, which ignores SIGHUP and SIGTERM as a program of a careless author does.
const CARELESS = "trap '' HUP TERM; sleep 300 & echo $! $$; wait";

const script = `import { runInGroup } from ${JSON.stringify(join(root, 'scripts', 'run-in-group.mjs'))};
  process.exitCode = await runInGroup('sh', ['-c', process.argv.at(-1)], {});`;

const start = (program: string) => {
  const child = track(
    spawn(process.execPath, ['--input-type=module', '-e', script, '--', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    }),
    'group',
  );
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
  return { child, ended, output: () => text };
};

test('the exit code is that of the program', async () => {
  assert.equal(await start('exit 7').ended, 7);
});

for (const [name, code] of [
  ['SIGINT', 130],
  ['SIGHUP', 129],
  ['SIGTERM', 143],
  ['SIGKILL', null],
] as const) {
  test(`${name} leaves nothing of what the program started`, async () => {
    const { child, ended, output } = start(CARELESS);
    await waitFor(() => output().includes('\n'), { what: 'the program to start' });
    const pids = output().trim().split(' ').map(Number);
    assert.equal(pids.filter(isAlive).length, 2);
    child.kill(name);
    // A second one does not wait for who is deaf.
    if (code !== null) child.kill(name);
    assert.equal(await ended, code);
    await waitFor(() => pids.every((pid) => !isAlive(pid)), { what: 'the end of the group' });
  });
}
