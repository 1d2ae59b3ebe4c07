import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defaultOptions } from '../../../../src/stand-ins/azure-data-factory/options.ts';
import { at, startClient, type Answer } from './client.ts';

const code = (answer: Answer): readonly [number, string] => [answer.status, answer.body.error.code];
const version = 'api-version=2018-06-01';

test('asks for the api-version before it asks for a token, and knows one version', async (t) => {
  const client = await startClient(t);
  client.token = '';
  assert.deepEqual(code(await client.raw('GET', client.factoryPath)), [400, 'MissingApiVersionParameter']);
  await client.signIn();
  const other = await client.raw('GET', `${client.factoryPath}?api-version=2017-09-01`);
  assert.deepEqual(code(other), [400, 'InvalidApiVersionParameter']);
  assert.deepEqual(await client.violationKinds(), ['api-version-wrong', 'api-version-wrong']);
});

test('each missing level has its own 404', async (t) => {
  const client = await startClient(t);
  const at = async (from: string, to: string, rest = ''): Promise<readonly [number, string]> =>
    code(await client.raw('GET', `${client.factoryPath.replace(from, to)}${rest}?${version}`));
  const { subscriptionId } = defaultOptions;
  assert.deepEqual(await at(subscriptionId, '12345678-1234-1234-1234-123456789012'), [404, 'SubscriptionNotFound']);
  assert.deepEqual(await at(subscriptionId, 'nonsense'), [400, 'InvalidSubscriptionId']);
  assert.deepEqual(await at('Engineering', 'Finance'), [404, 'ResourceGroupNotFound']);
  assert.deepEqual(await at('datafactoryoz3un3trdpaa', 'other-factory'), [404, 'ResourceNotFound']);
  assert.deepEqual(await at('Microsoft.DataFactory', 'Microsoft.Nothing'), [404, 'InvalidResourceNamespace']);
  assert.deepEqual(await at('', '', '/datasets'), [404, 'InvalidResourceType']);
  assert.deepEqual(await at('', '', '/pipelines/absent'), [404, 'EntityNotFound']);
  assert.deepEqual(await at('', '', '/pipelineruns/absent'), [404, 'PipelineRunNotFound']);
});

test('names that break the published patterns are refused and recorded', async (t) => {
  const client = await startClient(t);
  const get = async (path: string): Promise<readonly [number, string]> =>
    code(await client.raw('GET', `${path}?${version}`));
  assert.deepEqual(await get(client.factoryPath.replace('datafactoryoz3un3trdpaa', 'a--b')), [400, 'InvalidParameter']);
  assert.deepEqual(await get(client.factoryPath.replace('datafactoryoz3un3trdpaa', 'ab')), [400, 'InvalidParameter']);
  assert.deepEqual(await get(client.factoryPath.replace('Engineering', 'a%20b')), [400, 'InvalidParameter']);
  assert.deepEqual(await get(`${client.factoryPath}/pipelines/a%2Fb`), [400, 'InvalidParameter']);
  assert.deepEqual(
    await client.violationKinds(),
    Array.from({ length: 4 }, () => 'name-invalid'),
  );
});

test('constant segments and names of groups, factories and pipelines have no case', async (t) => {
  const client = await startClient(t);
  const path = client.factoryPath.replace('resourceGroups/Engineering', 'RESOURCEGROUPS/engineering').toLowerCase();
  assert.equal((await client.raw('GET', `${path}/PIPELINES/armtemplatesamplecopypipeline?${version}`)).status, 200);
});

test('refuses unknown, doubled and mistyped query parameters', async (t) => {
  const client = await startClient(t);
  const create = (query: string): Promise<Answer> =>
    client.raw('POST', `${client.factoryPath}/pipelines/ArmtemplateSampleCopyPipeline/createRun?${version}&${query}`);
  assert.deepEqual(code(await create('referencePipelineRunID2=x')), [400, 'InvalidQueryParameter']);
  assert.deepEqual(code(await create('isRecovery=yes')), [400, 'InvalidQueryParameter']);
  assert.deepEqual(code(await create('isRecovery=true&isRecovery=true')), [400, 'InvalidQueryParameter']);
  assert.deepEqual(await client.violationKinds(), ['query-invalid', 'query-invalid', 'query-invalid']);
  assert.equal((await client.admin('GET', 'counters')).body.createRun.accepted, 0);
});

test('refuses a wrong content type, malformed JSON, a wrong body and a wrong method', async (t) => {
  const client = await startClient(t);
  const path = `${client.factoryPath}/pipelines/ArmtemplateSampleCopyPipeline/createRun?${version}`;
  const json = { 'content-type': 'application/json' };
  const post = async (body: string, headers: Record<string, string>): Promise<readonly [number, string]> =>
    code(await client.raw('POST', path, { body, headers }));
  assert.deepEqual(await post('{}', { 'content-type': 'text/plain' }), [415, 'UnsupportedMediaType']);
  assert.deepEqual(await post('{"a":', json), [400, 'InvalidRequestContent']);
  assert.deepEqual(await post('[1]', json), [400, 'InvalidRequestContent']);
  const tooDeep = `{"a":${'['.repeat(100_000)}${']'.repeat(100_000)}}`;
  assert.deepEqual(await post(tooDeep, json), [400, 'InvalidRequestContent']);
  assert.deepEqual(code(await client.raw('PATCH', path)), [405, 'MethodNotAllowed']);
  assert.deepEqual(code(await client.call('POST', '/queryPipelineRuns')), [400, 'InvalidRequestContent']);
  assert.deepEqual(await client.violationKinds(), [
    'content-type-wrong',
    'json-malformed',
    'body-invalid',
    'body-invalid',
    'method-not-allowed',
    'body-invalid',
  ]);
  assert.equal(
    (await client.raw('POST', path, { body: '{}', headers: { 'content-type': 'application/json; charset=utf-8' } }))
      .status,
    200,
  );
});

test('every answer can be traced', async (t) => {
  const client = await startClient(t);
  const headers = {
    'x-ms-client-request-id': 'mine',
    'x-ms-return-client-request-id': 'true',
    'x-ms-correlation-request-id': 'one-story',
  };
  const answer = await client.raw('GET', `${client.factoryPath}?${version}`, { headers });
  assert.match(answer.headers.get('x-ms-request-id') ?? '', /^[0-9a-f-]{36}$/);
  assert.equal(answer.headers.get('x-ms-correlation-request-id'), 'one-story');
  assert.equal(answer.headers.get('x-ms-client-request-id'), 'mine');
  assert.ok(answer.headers.get('date'));
  const entry = at((await client.admin('GET', 'requests?operation=Factories_Get')).body.value, 0);
  assert.equal(entry.requestId, answer.headers.get('x-ms-request-id'));
  assert.deepEqual([entry.clientRequestId, entry.status, entry.outcome], ['mine', 200, 'answered']);
});

test('counts reads, writes and deletes down and throttles with Retry-After', async (t) => {
  const slow = { burst: 2, refillPerSecond: 1 };
  const client = await startClient(t, { limits: { reads: slow, writes: slow, deletes: slow } });
  const read = (): Promise<Answer> => client.call('GET', '');
  assert.equal((await read()).headers.get('x-ms-ratelimit-remaining-subscription-reads'), '1');
  assert.equal((await read()).headers.get('x-ms-ratelimit-remaining-subscription-reads'), '0');
  const throttled = await read();
  assert.deepEqual(code(throttled), [429, 'SubscriptionRequestsThrottled']);
  assert.equal(throttled.headers.get('retry-after'), '1');
  assert.equal((await client.call('DELETE', '/pipelines/absent')).status, 204);
  client.clock.nowMs += 999;
  assert.equal((await read()).status, 429, 'too early');
  assert.deepEqual(await client.violationKinds(), ['retried-too-early']);
  client.clock.nowMs += 1_000;
  assert.equal((await read()).status, 200);
});

test('pipelines are put, read, listed page by page and deleted', async (t) => {
  const client = await startClient(t, { pageSize: 1 });
  const properties = { activities: [{ name: 'wait', type: 'Wait' }], parameters: { day: { type: 'String' } } };
  const put = await client.call('PUT', '/pipelines/nightly', { properties });
  assert.equal(put.status, 200);
  assert.equal(put.body.type, 'Microsoft.DataFactory/factories/pipelines');
  assert.equal(put.body.id, `${client.factoryPath}/pipelines/nightly`);
  assert.deepEqual(put.body.properties, properties);

  const path = `${client.factoryPath}/pipelines/nightly?${version}`;
  const tag = { 'if-none-match': `"${put.body.etag}"` };
  assert.equal((await client.raw('GET', path, { headers: tag })).status, 304);
  const body = JSON.stringify({ properties: {} });
  const stale = { 'if-match': 'other', 'content-type': 'application/json' };
  assert.equal((await client.raw('PUT', path, { body, headers: stale })).status, 412);

  const first = await client.call('GET', '/pipelines');
  assert.equal(first.body.value.length, 1);
  const second = await client.raw('GET', String(first.body.nextLink).slice(client.standIn.url.length));
  assert.deepEqual([at(second.body.value, 0).name, second.body.nextLink], ['nightly', undefined]);

  assert.equal((await client.call('DELETE', '/pipelines/nightly')).status, 200);
  assert.equal((await client.call('DELETE', '/pipelines/nightly')).status, 204);
  const noName = await client.call('PUT', '/pipelines/x', { properties: { activities: [{ type: 'Wait' }] } });
  assert.deepEqual(code(noName), [400, 'BadRequest']);
});
