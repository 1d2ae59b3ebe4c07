import assert from 'node:assert/strict';
import http from 'node:http';
import { test } from 'node:test';
import { startClient, type Client } from './client.ts';

const createPath = '/pipelines/ArmtemplateSampleCopyPipeline/createRun';
const order = async (client: Client, fault: unknown): Promise<void> => {
  const answer = await client.admin('POST', 'faults', fault);
  assert.equal(answer.status, 200, JSON.stringify(answer.body));
};
const accepted = async (client: Client): Promise<unknown> =>
  (await client.admin('GET', 'counters')).body.createRun.accepted;

test('a status fault hits as often as ordered, after letting some through', async (t) => {
  const client = await startClient(t);
  await order(client, {
    match: { method: 'GET', pathContains: '/pipelines' },
    kind: 'status',
    status: 503,
    times: 2,
    skip: 1,
    retryAfterSeconds: 7,
  });
  const get = () => client.call('GET', '/pipelines');
  assert.equal((await get()).status, 200);
  assert.equal((await client.call('GET', '')).status, 200, 'another path is not touched');
  const hit = await get();
  assert.deepEqual([hit.status, hit.body.error.code, hit.headers.get('retry-after')], [503, 'ServerUnavailable', '7']);
  assert.equal((await get()).status, 503);
  assert.equal((await get()).status, 200);
  assert.deepEqual(await client.violationKinds(), ['retried-too-early', 'retried-too-early']);
});

test('a fault can carry its own body, also at the token endpoint', async (t) => {
  const client = await startClient(t);
  await order(client, [
    { match: { pathContains: '/oauth2/' }, kind: 'status', status: 503 },
    { match: { operation: 'Factories_Get' }, kind: 'status', status: 502, body: { upstream: 'gone' } },
  ]);
  const token = await client.requestToken();
  assert.deepEqual([token.status, token.body.error as unknown], [503, 'temporarily_unavailable']);
  assert.deepEqual((await client.call('GET', '')).body, { upstream: 'gone' });
});

test('dropped before: nothing happened; dropped after accept: the run exists', async (t) => {
  const client = await startClient(t, { correlationParameter: 'key' });
  await order(client, [
    { match: { pathContains: 'createRun' }, kind: 'drop-before' },
    { match: { pathContains: 'createRun' }, kind: 'drop-after-accept' },
  ]);
  await assert.rejects(client.call('POST', createPath, { key: 'k1' }), { message: 'fetch failed' });
  assert.equal(await accepted(client), 0);
  await assert.rejects(client.call('POST', createPath, { key: 'k1' }), { message: 'fetch failed' });
  assert.equal(await accepted(client), 1);
  const runId = await client.createRun(undefined, { key: 'k1' });
  await client.createRun(undefined, { key: 'k2' });

  const { createRun } = (await client.admin('GET', 'counters')).body;
  const log = (await client.admin('GET', 'requests?operation=Pipelines_CreateRun')).body.value;
  assert.deepEqual(
    log.map((entry) => entry.outcome),
    ['dropped', 'dropped', 'answered', 'answered'],
  );
  assert.deepEqual(createRun.byCorrelation, { k1: 2, k2: 1 });
  assert.deepEqual(createRun.duplicates, [{ correlation: 'k1', count: 2, runIds: [log[1]?.runId, runId] }]);
  assert.deepEqual(createRun.byPipeline, { ArmtemplateSampleCopyPipeline: 3 });
  assert.deepEqual([createRun.received, createRun.accepted], [4, 3]);
});

test('a delayed answer comes late, but the run was accepted on arrival', async (t) => {
  const client = await startClient(t);
  await order(client, { match: { pathContains: 'createRun' }, kind: 'delay', delayMs: 150 });
  const startedAt = performance.now();
  await client.createRun();
  assert.ok(performance.now() - startedAt >= 145);

  await order(client, { match: { pathContains: 'createRun' }, kind: 'delay', delayMs: 60_000 });
  const url = `${client.factoryPath}${createPath}?api-version=2018-06-01`;
  await assert.rejects(client.raw('POST', url, { signal: AbortSignal.timeout(100) }), { name: 'TimeoutError' });
  assert.equal(await accepted(client), 2);
});

test('a throttle fault answers 429 with the ordered Retry-After and an empty bucket', async (t) => {
  const client = await startClient(t);
  await order(client, { match: { method: 'POST' }, kind: 'throttle', retryAfterSeconds: 3 });
  const answer = await client.call('POST', createPath);
  assert.deepEqual([answer.status, answer.headers.get('retry-after')], [429, '3']);
  assert.equal(answer.headers.get('x-ms-ratelimit-remaining-subscription-writes'), '0');
  client.clock.nowMs += 3_000;
  assert.equal((await client.call('POST', createPath)).status, 200);
  assert.deepEqual(await client.violationKinds(), [], 'a patient client is not blamed');
});

for (const [what, fault] of [
  ['an unknown kind', { kind: 'explode' }],
  ['an unknown field', { kind: 'delay', delay: 5 }],
  ['a match on something unknown', { kind: 'delay', match: { header: 'x' } }],
  ['zero times', { kind: 'delay', times: 0 }],
  ['a status that is none', { kind: 'status', status: 99 }],
] as const) {
  test(`refuses to order ${what}`, async (t) => {
    const client = await startClient(t);
    assert.equal((await client.admin('POST', 'faults', fault)).status, 400);
    assert.deepEqual((await client.admin('GET', 'faults')).body.value, []);
  });
}

test('reset forgets runs, requests, faults and scripts, and keeps tokens', async (t) => {
  const client = await startClient(t);
  await client.createRun();
  await order(client, { kind: 'drop-before' });
  await client.admin('POST', 'pipelines', { pipelineName: 'mine' });
  assert.equal((await client.admin('POST', 'reset')).status, 204);
  assert.deepEqual((await client.admin('GET', 'runs')).body.value, []);
  assert.deepEqual((await client.admin('GET', 'requests')).body.value, []);
  assert.equal((await client.call('GET', '/pipelines')).body.value.length, 1);
});

test('the admin surface answers no foreign Host name, takes JSON only and knows its routes', async (t) => {
  const client = await startClient(t);
  const status = await new Promise((resolve, reject) => {
    const sent = http.get(`${client.standIn.adminUrl}/runs`, { headers: { host: 'rebound.example' } }, (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    sent.on('error', reject);
  });
  assert.equal(status, 403);
  const text = await fetch(`${client.standIn.adminUrl}/faults`, { method: 'POST', body: '{"kind":"drop-before"}' });
  assert.equal(text.status, 415);
  assert.equal((await client.admin('GET', 'nothing')).status, 404);
});
