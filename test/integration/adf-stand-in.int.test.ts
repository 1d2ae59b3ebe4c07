// The stand-in as the program it is: started with flags, spoken to over real HTTP on the real clock, stopped by a signal.

import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { test, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { waitFor } from '../support/wait-for.ts';

const program = fileURLToPath(new URL('../../src/stand-ins/azure-data-factory/main.ts', import.meta.url));
const deadlineMs = 20_000;

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

type Ready = { readonly ready: boolean; readonly url: string; readonly loginUrl: string; readonly adminUrl: string };

const ready = async (t: TestContext, child: ChildProcess): Promise<Ready> => {
  t.after(() => child.kill('SIGKILL'));
  assert.ok(child.stdout);
  const [line] = await once(createInterface({ input: child.stdout }), 'line', {
    signal: AbortSignal.timeout(deadlineMs),
  });
  return JSON.parse(String(line)) as Ready;
};

test('the life of a run over real HTTP, then a clean stop', { timeout: 60_000 }, async (t) => {
  const flags = [
    '--tenant',
    'my-tenant',
    '--client-id',
    'me',
    '--factory',
    'df-prod:rg-data:CopyDaily',
    '--queued-ms',
    '100',
    '--run-ms',
    '300',
  ];
  const child = start(flags, { ADF_STAND_IN_CLIENT_SECRET: 'p+w&=%', ADF_STAND_IN_SUBSCRIPTION: 's1' });
  const { ready: isReady, url, loginUrl, adminUrl } = await ready(t, child);
  assert.equal(isReady, true);
  assert.match(url, /^http:\/\/127\.0\.0\.1:\d+$/);

  const form = new URLSearchParams({
    grant_type: 'client_credentials',
    client_id: 'me',
    client_secret: 'p+w&=%',
    scope: 'https://management.azure.com/.default',
  });
  const token = (await (
    await fetch(`${loginUrl}/my-tenant/oauth2/v2.0/token`, { method: 'POST', body: form })
  ).json()) as {
    access_token: string;
  };
  const factory = `${url}/subscriptions/s1/resourceGroups/rg-data/providers/Microsoft.DataFactory/factories/df-prod`;
  const headers = { authorization: `Bearer ${token.access_token}`, 'content-type': 'application/json' };
  const created = await fetch(`${factory}/pipelines/CopyDaily/createRun?api-version=2018-06-01`, {
    method: 'POST',
    headers,
    body: JSON.stringify({ day: '2024-05-01', names: ['a.csv'] }),
  });
  assert.equal(created.status, 200);
  assert.equal(created.headers.get('x-ms-ratelimit-remaining-subscription-writes'), '199');
  const { runId } = (await created.json()) as { runId: string };

  const seen: string[] = [];
  await waitFor(async () => {
    const answer = await fetch(`${factory}/pipelineruns/${runId}?api-version=2018-06-01`, { headers });
    const { status } = (await answer.json()) as { status: string };
    if (status !== seen.at(-1)) seen.push(status);
    return status === 'Succeeded';
  });
  assert.deepEqual(seen, ['Queued', 'InProgress', 'Succeeded']);
  const counters = (await (await fetch(`${adminUrl}/counters`)).json()) as { createRun: { accepted: number } };
  assert.equal(counters.createRun.accepted, 1);

  child.kill('SIGTERM');
  assert.equal(await exitCode(child), 0);
  await assert.rejects(fetch(`${adminUrl}/health`));
});

test('stops on SIGINT although an answer is being held and a connection is open', { timeout: 60_000 }, async (t) => {
  const child = start([]);
  const { url, adminUrl } = await ready(t, child);
  await fetch(`${adminUrl}/faults`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ kind: 'delay', delayMs: 600_000 }),
  });
  const held = assert.rejects(fetch(`${url}/anything?api-version=2018-06-01`));
  await waitFor(async () => {
    const log = (await (await fetch(`${adminUrl}/requests`)).json()) as { value: readonly unknown[] };
    return log.value.length === 1;
  });
  child.kill('SIGINT');
  assert.equal(await exitCode(child), 0);
  await held;
});

test('wrong flags are exit code 2 and a port in use is exit code 1', { timeout: 60_000 }, async (t) => {
  assert.equal(await exitCode(start(['--nonsense', '1'])), 2);
  const { url } = await ready(t, start([]));
  assert.equal(await exitCode(start(['--port', new URL(url).port])), 1);
});
