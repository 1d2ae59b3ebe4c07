// The stand-in of Hightouch as the program it is: started with flags and variables, stopped by a signal.

import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { test, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { defaultOptions, parseOptions, UsageError } from '../../src/stand-ins/hightouch/options.ts';

const program = fileURLToPath(new URL('../../src/stand-ins/hightouch/main.ts', import.meta.url));
const deadlineMs = 20_000;
const modelBody = {
  ...{ name: 'City', slug: 'city', queryType: 'raw_sql', sourceId: 76591, isSchema: false, primaryKey: 'id' },
  raw: { sql: 'SELECT 1' },
};
const start = (argv: readonly string[], environment: Readonly<Record<string, string>> = {}): ChildProcess =>
  spawn(process.execPath, ['--import', 'tsx', program, ...argv], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...environment },
  });

const exitCode = async (child: ChildProcess): Promise<number | null> => {
  if (child.exitCode !== null) return child.exitCode;
  const [code] = await once(child, 'exit', { signal: AbortSignal.timeout(deadlineMs) });
  return code as number | null;
};

const ready = async (
  t: TestContext,
  child: ChildProcess,
): Promise<{ readonly url: string; readonly adminUrl: string }> => {
  t.after(() => child.kill('SIGKILL'));
  assert.ok(child.stdout);
  const [line] = await once(createInterface({ input: child.stdout }), 'line', {
    signal: AbortSignal.timeout(deadlineMs),
  });
  return JSON.parse(String(line)) as { readonly url: string; readonly adminUrl: string };
};

test('as a program: flags before variables, an answer held, a clean stop', { timeout: 60_000 }, async (t) => {
  const child = start(['--source-ids', '1,2', '--base-path', '/eu/v1'], {
    HIGHTOUCH_STAND_IN_API_KEY: 'from-a-variable',
    HIGHTOUCH_STAND_IN_BASE_PATH: '/not/this',
  });
  const { url, adminUrl } = await ready(t, child);
  assert.match(url, /^http:\/\/127\.0\.0\.1:\d+$/);
  const created = await fetch(`${url}/eu/v1/models`, {
    method: 'POST',
    headers: { authorization: 'Bearer from-a-variable', 'content-type': 'application/json' },
    body: JSON.stringify({ ...modelBody, sourceId: 2 }),
  });
  assert.equal(created.status, 200);
  await fetch(`${adminUrl}/faults`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ kind: 'delay', delayMs: 600_000 }),
  });
  const held = assert.rejects(fetch(`${url}/eu/v1/models`));
  child.kill('SIGTERM');
  assert.equal(await exitCode(child), 0);
  await held;
});

test('wrong flags are exit code 2 and a port in use is exit code 1', { timeout: 60_000 }, async (t) => {
  assert.equal(await exitCode(start(['--nonsense', '1'])), 2);
  const { url } = await ready(t, start([]));
  assert.equal(await exitCode(start(['--port', new URL(url).port])), 1);
});

test('each wrong flag or variable is said', () => {
  const usageError = (pattern: RegExp) => (error: unknown) =>
    error instanceof UsageError && pattern.test(error.message);
  assert.throws(() => parseOptions(['--queued-ms', '1.5'], {}), usageError(/--queued-ms expects a whole number/));
  assert.throws(() => parseOptions(['--source-ids', '1,x'], {}), usageError(/--source-ids/));
  assert.throws(() => parseOptions([], { HIGHTOUCH_STAND_IN_RATE_LIMIT: '0' }), usageError(/at least 1/));
  const { now: _now, ...defaults } = parseOptions([], {});
  const { now: _default, ...expected } = defaultOptions;
  assert.deepEqual(defaults, expected);
});
