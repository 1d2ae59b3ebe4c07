import assert from 'node:assert/strict';
import { existsSync, readdirSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { hashOf, once } from '../../../scripts/once.mjs';
import { temporaryFolder } from '../../support/children.ts';

const scene = (t: TestContext) => {
  const folder = temporaryFolder();
  t.after(() => folder.remove());
  const stampPath = join(folder.path, 'stamp');
  const lockPath = join(folder.path, 'lock');
  const ran: string[] = [];
  const step = (stamp: string, work: () => unknown = () => undefined): Promise<boolean> =>
    once({
      stampPath,
      stamp,
      lockPath,
      work: async () => {
        ran.push(stamp);
        await work();
      },
    });
  return { folder: folder.path, stampPath, lockPath, ran, step };
};

test('works once for each stamp', async (t) => {
  const { ran, step, folder } = scene(t);
  assert.deepEqual([await step('a'), await step('a'), await step('b'), await step('b')], [true, false, true, false]);
  assert.deepEqual(ran, ['a', 'b']);
  assert.deepEqual(readdirSync(folder), ['stamp']);
});

test('work that failed is not done, and neither is what was done before it', async (t) => {
  const { ran, step, stampPath, lockPath } = scene(t);
  await step('a');
  const failing = step('b', () => {
    assert.equal(existsSync(stampPath), false, 'no stamp while work goes on: a kill now must not count as done');
    throw new Error('stopped in the middle');
  });
  await assert.rejects(failing, /stopped in the middle/);
  assert.equal(existsSync(lockPath), false);
  assert.equal(await step('a'), true);
  assert.deepEqual(ran, ['a', 'b', 'a']);
});

test('of two at once one works and the other waits for it', async (t) => {
  const { ran, step } = scene(t);
  const slow = () => new Promise((resolve) => setTimeout(resolve, 50));
  const results = await Promise.all([step('a', slow), step('a', slow)]);
  assert.deepEqual(results.sort(), [false, true]);
  assert.deepEqual(ran, ['a']);
});

test('takes over the lock of a process that is gone, or has been silent for long', async (t) => {
  const { step, lockPath } = scene(t);
  writeFileSync(lockPath, JSON.stringify({ host: hostname(), pid: 4_194_304 }));
  assert.equal(await step('a'), true);
  writeFileSync(lockPath, JSON.stringify({ host: hostname(), pid: process.pid }));
  const longAgo = new Date(Date.now() - 60_000);
  utimesSync(lockPath, longAgo, longAgo);
  assert.equal(await step('b'), true);
});

test('the hash tells names, contents and their order apart', async (t) => {
  const { folder } = scene(t);
  const file = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  const first = await hashOf([file('x', 'ab'), file('y', 'c')]);
  assert.equal(await hashOf([join(folder, 'x'), join(folder, 'y')]), first);
  assert.notEqual(await hashOf([join(folder, 'y'), join(folder, 'x')]), first);
  assert.notEqual(await hashOf([file('x', 'a'), file('y', 'bc')]), first);
});
