// The stand-in of Hightouch as tests and the operator meet it: over real HTTP, in this process, on a clock that the test moves.

import assert from 'node:assert/strict';
import { request } from 'node:http';
import { after, test } from 'node:test';
import { defaultOptions, type StandInOptions } from '../../src/stand-ins/hightouch/options.ts';
import { startStandIn } from '../../src/stand-ins/hightouch/server.ts';

type Json = Readonly<Record<string, unknown>>;
type Answered = { readonly status: number; readonly body: unknown };

const modelBody = {
  ...{ name: 'City', slug: 'city', queryType: 'raw_sql', sourceId: 76591, isSchema: false, primaryKey: 'id' },
  raw: { sql: 'SELECT 1' },
};
const syncBody = { slug: 'city-to-crm', configuration: {}, destinationId: 63390, schedule: null, disabled: false };

const setUp = async (options: Partial<StandInOptions> = {}) => {
  let nowMs = Date.UTC(2026, 0, 1);
  const standIn = await startStandIn({ queuedMs: 100, runMs: 300, now: () => nowMs, ...options });
  after(() => standIn.close());
  const send = async (url: string, method: string, body?: unknown, headers: Json = {}): Promise<Answered> => {
    const response = await fetch(url, {
      method,
      headers: { 'content-type': 'application/json', ...headers } as Record<string, string>,
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, body: text === '' ? undefined : (JSON.parse(text) as unknown) };
  };
  const key = { authorization: `Bearer ${standIn.options.apiKey}` };
  const call = (method: string, path: string, body?: unknown, headers: Json = key) =>
    send(`${standIn.url}/api/v1${path}`, method, body, headers);
  const admin = (method: string, path: string, body?: unknown) => send(`${standIn.adminUrl}/${path}`, method, body);
  const idIn = ({ status, body }: Answered): number => {
    assert.equal(status, 200, JSON.stringify(body));
    return (body as { readonly id: number }).id;
  };
  const made = async () => {
    const modelId = idIn(await call('POST', '/models', modelBody));
    return { modelId, syncId: idIn(await call('POST', '/syncs', { ...syncBody, modelId })) };
  };
  const runs = async (syncId: number, query = ''): Promise<readonly Json[]> =>
    ((await call('GET', `/syncs/${syncId}/runs${query}`)).body as { readonly data: readonly Json[] }).data;
  return { standIn, call, admin, made, runs, send, pass: (ms: number) => (nowMs += ms) };
};

test('401 without a key and with a wrong one, in the published words', async () => {
  const { call } = await setUp();
  const body = { message: 'Authentication error', details: 'No authorization header found' };
  assert.deepEqual(await call('GET', '/models', undefined, {}), { status: 401, body });
  for (const authorization of ['Bearer other', defaultOptions.apiKey, `Basic ${defaultOptions.apiKey}`]) {
    const { status, body: said } = await call('GET', '/models', undefined, { authorization });
    assert.deepEqual([status, said], [401, { ...body, details: 'Invalid API key' }]);
  }
});

test('ids are numbers, but text in the trigger routes; a run is text where it is started and a number where it is read', async () => {
  const { call, made, runs, admin } = await setUp();
  const { syncId } = await made();
  for (const [field, value] of [
    ['sourceId', '76591'],
    ['isSchema', 'no'],
    ['queryType', 'sql'],
  ] as const) {
    const { status, body } = await call('POST', '/models', { ...modelBody, slug: 'x', [field]: value });
    assert.equal(status, 422);
    assert.deepEqual(Object.keys((body as { readonly details: Json }).details), [field]);
  }
  assert.equal((await call('POST', '/syncs/trigger', { syncId })).status, 422, 'a number is not taken here');
  const started = await call('POST', '/syncs/trigger', { syncId: String(syncId) });
  assert.equal(typeof (started.body as Json)['id'], 'string');
  assert.equal((await call('GET', '/syncs/city-to-crm')).status, 422, 'a slug is no id');
  const [run] = await runs(syncId);
  assert.equal(run?.['id'], Number((started.body as Json)['id']));
  const violations = (await admin('GET', 'violations')).body as { readonly value: readonly Json[] };
  assert.equal(violations.value.length, 5, 'each is counted against the client');
});

test('422, 409, 404 and 500 have the published shapes', async () => {
  const { call, made, admin } = await setUp();
  const { modelId, syncId } = await made();
  const { schedule: _schedule, ...withoutSchedule } = syncBody;
  assert.deepEqual(await call('POST', '/syncs', { ...withoutSchedule, slug: 'b', modelId }), {
    status: 422,
    body: { message: 'Validation failed', details: { schedule: ['is required'] } },
  });
  assert.deepEqual((await call('POST', '/models', modelBody)).body, {
    message: 'Validation failed',
    details: { slug: ["'city' is taken"] },
  });
  assert.equal((await call('POST', '/models', modelBody)).status, 409);
  assert.deepEqual(await call('GET', '/syncs/1'), { status: 404, body: { message: 'sync not found' } });
  assert.equal((await call('POST', '/syncs/trigger', { syncSlug: 'nowhere' })).status, 404);
  assert.equal((await call('POST', '/syncs/trigger', { syncSlug: 'a', syncId: '1' })).status, 422);
  assert.equal((await call('PATCH', `/syncs/${syncId}`, { slug: 'renamed' })).status, 422, 'not a field of it');
  assert.equal((await call('POST', '/models', '{')).status, 422);
  const plain = { authorization: `Bearer ${defaultOptions.apiKey}`, 'content-type': 'text/plain' };
  assert.equal((await call('POST', '/models', { ...modelBody, slug: 'z' }, plain)).status, 422);
  for (const [field, value] of [
    ['sourceId', 1],
    ['raw', undefined],
  ] as const) {
    assert.equal((await call('POST', '/models', { ...modelBody, slug: 'y', [field]: value })).status, 422);
  }
  await admin('POST', 'faults', { kind: 'status', status: 500 });
  assert.deepEqual(await call('GET', '/models'), { status: 500, body: 'Internal Server Error' });
});

test('lists come in pages with hasMore, and filtered', async () => {
  const { call } = await setUp();
  for (let index = 0; index < 7; index += 1) await call('POST', '/models', { ...modelBody, slug: `m${index}` });
  const page = async (query: string) => {
    const { data, hasMore } = (await call('GET', `/models?${query}`)).body as {
      readonly data: readonly Json[];
      readonly hasMore: boolean;
    };
    return [data.map(({ slug }) => slug), hasMore];
  };
  assert.deepEqual(await page('limit=3'), [['m0', 'm1', 'm2'], true]);
  assert.deepEqual(await page('limit=3&offset=6'), [['m6'], false]);
  assert.deepEqual(await page('limit=3&offset=4'), [['m4', 'm5', 'm6'], false]);
  assert.deepEqual(await page('slug=m5'), [['m5'], false]);
  assert.equal((await call('GET', '/models?offset=-1')).status, 422);
});

test('a run from queued to success: times are null until they are known', async () => {
  const { call, made, runs, pass } = await setUp();
  const { syncId } = await made();
  await call('POST', `/syncs/${syncId}/trigger`, { fullResync: true });
  const [queued] = await runs(syncId);
  assert.deepEqual(
    ['status', 'startedAt', 'finishedAt', 'querySize', 'completionRatio', 'error'].map((field) => queued?.[field]),
    ['queued', null, null, null, 0, null],
  );
  const seen: unknown[] = [];
  for (const ms of [100, 100, 100]) {
    pass(ms);
    const [run] = await runs(syncId);
    seen.push(run?.['status']);
    assert.equal(typeof run?.['startedAt'], 'string');
    assert.equal(run?.['finishedAt'], null);
  }
  assert.deepEqual(seen, ['querying', 'processing', 'reporting']);
  pass(100);
  const [ended] = await runs(syncId);
  assert.deepEqual([ended?.['status'], ended?.['completionRatio']], ['success', 1]);
  assert.equal(typeof ended?.['finishedAt'], 'string');
});

test('every end that is published, and words that are not', async () => {
  const { call, admin, made, runs, pass } = await setUp({ queuedMs: 0 });
  const { syncId } = await made();
  const ends = ['success', 'warning', 'failed', 'cancelled', 'interrupted', 'aborted', 'evaporated'];
  await admin('POST', 'scripts', { outcome: ends, error: 'no more', runningStatus: 'reticulating' });
  for (const end of ends) {
    const { id } = (await call('POST', `/syncs/${syncId}/trigger`)).body as { readonly id: string };
    assert.deepEqual(
      (await runs(syncId, `?runId=${id}`)).map(({ status, error }) => [status, error]),
      [['reticulating', null]],
    );
    pass(300);
    assert.deepEqual(
      (await runs(syncId, `?runId=${id}`)).map(({ status, error }) => [status, error]),
      [[end, 'no more']],
    );
  }
});

test('a trigger behind a run under way queues one more; further ones are answered with that one', async () => {
  const { call, made, runs, pass } = await setUp();
  const { syncId } = await made();
  const trigger = async () => ((await call('POST', '/syncs/trigger', { syncSlug: 'city-to-crm' })).body as Json)['id'];
  const first = await trigger();
  assert.equal(await trigger(), first, 'the first one waits still');
  pass(150);
  const second = await trigger();
  assert.notEqual(second, first);
  assert.equal(await trigger(), second);
  pass(200);
  assert.deepEqual(
    (await runs(syncId)).map(({ status }) => status),
    ['reporting', 'queued'],
  );
  pass(1000);
  assert.deepEqual(
    (await runs(syncId)).map(({ status }) => status),
    ['success', 'success'],
  );
  assert.deepEqual(
    (await runs(syncId, `?runId=${String(second)}`)).map(({ id }) => String(id)),
    [second],
  );
  assert.deepEqual(await runs(syncId, `?after=${encodeURIComponent('2026-01-01T00:00:01.000Z')}`), []);
});

test('a disabled sync cannot be triggered and says so', async () => {
  const { call, made } = await setUp();
  const { syncId } = await made();
  await call('PATCH', `/syncs/${syncId}`, { disabled: true });
  assert.equal(((await call('GET', `/syncs/${syncId}`)).body as Json)['status'], 'disabled');
  assert.equal((await call('POST', `/syncs/${syncId}/trigger`)).status, 422);
});

test('200 requests in 10 s, then 429 until the window has moved', async () => {
  const { call, pass } = await setUp();
  const statuses = await Promise.all(Array.from({ length: 200 }, () => call('GET', '/models')));
  assert.ok(statuses.every(({ status }) => status === 200));
  pass(9_999);
  const { status, body } = await call('GET', '/models');
  assert.deepEqual([status, Object.keys(body as Json)], [429, ['error']]);
  pass(1);
  assert.equal((await call('GET', '/models')).status, 200);
});

test('nothing cancels a run and nothing deletes a model or a sync', async () => {
  const { call, made, runs } = await setUp();
  const { modelId, syncId } = await made();
  const { id } = (await call('POST', `/syncs/${syncId}/trigger`)).body as { readonly id: string };
  const routes = [
    ['DELETE', `/syncs/${syncId}`],
    ['DELETE', `/models/${modelId}`],
    ['POST', `/syncs/${syncId}/runs/${id}/cancel`],
    ['DELETE', `/syncs/${syncId}/runs/${id}`],
    ['POST', `/syncs/${syncId}/cancel`],
  ] as const;
  for (const [method, path] of routes) assert.equal((await call(method, path)).status, 404, `${method} ${path}`);
  assert.equal((await call('GET', `/models/${modelId}`)).status, 200);
  assert.deepEqual(
    (await runs(syncId)).map(({ status }) => status),
    ['queued'],
  );
});

test('ordered faults: lost before, lost after it took effect, held, throttled; then counted', async () => {
  const { call, admin, made, runs } = await setUp();
  const { syncId } = await made();
  const order = (fault: Json) =>
    admin('POST', 'faults', { match: { operation: 'TriggerRun' }, ...fault }).then(({ status, body }) =>
      assert.equal(status, 200, JSON.stringify(body)),
    );
  const trigger = () => call('POST', `/syncs/${syncId}/trigger`);
  await order({ kind: 'drop-before' });
  await assert.rejects(trigger());
  assert.deepEqual(await runs(syncId), []);
  await order({ kind: 'drop-after-accept' });
  await assert.rejects(trigger());
  assert.equal((await runs(syncId)).length, 1);
  await order({ kind: 'throttle' });
  assert.equal((await trigger()).status, 429);
  await order({ kind: 'delay', delayMs: 30 });
  assert.equal((await trigger()).status, 200);
  const counters = (await admin('GET', 'counters')).body as { readonly runs: Json; readonly byStatus: Json };
  assert.deepEqual(counters.runs, { started: 1, bySync: { 'city-to-crm': 1 }, triggers: 2 });
  assert.equal(counters.byStatus['dropped'], 2);
  assert.equal((await admin('POST', 'faults', { kind: 'nonsense' })).status, 400);
  await admin('POST', 'reset');
  assert.deepEqual((await admin('GET', 'runs')).body, { value: [] });
});

test('the surface for tests answers loopback names only', async () => {
  const { standIn, send } = await setUp();
  assert.equal((await send(`${standIn.adminUrl}/health`, 'GET')).status, 200);
  const { hostname, port } = new URL(standIn.url);
  const response = await new Promise<number | undefined>((done, fail) => {
    request({ hostname, port, path: '/_stand-in/runs', headers: { host: 'attacker.example' } }, (answer) => {
      answer.resume();
      done(answer.statusCode);
    })
      .on('error', fail)
      .end();
  });
  assert.equal(response, 403);
});
