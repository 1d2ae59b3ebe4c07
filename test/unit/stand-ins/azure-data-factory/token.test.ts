import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defaultOptions } from '../../../../src/stand-ins/azure-data-factory/options.ts';
import { request, startClient, tokenForm } from './client.ts';

test('gives a bearer token for the right client, secret and scope', async (t) => {
  const client = await startClient(t, { tokenLifetimeSeconds: 60 });
  const { status, body, headers } = await client.requestToken();
  assert.equal(status, 200);
  assert.deepEqual(Object.keys(body).sort(), ['access_token', 'expires_in', 'ext_expires_in', 'token_type']);
  assert.equal(body.token_type, 'Bearer');
  assert.equal(body.expires_in, 60);
  assert.match(body.access_token, /^[\w-]+\.[\w-]+\.[\w-]+$/);
  assert.match(headers.get('cache-control') ?? '', /no-store/);
});

const refusals: readonly [string, Readonly<Record<string, string | undefined>>, number, string, number][] = [
  ['a wrong secret', { client_secret: 'no' }, 401, 'invalid_client', 7000215],
  ['a missing secret', { client_secret: undefined }, 401, 'invalid_client', 7000216],
  ['an unknown client', { client_id: 'other' }, 400, 'unauthorized_client', 700016],
  ['a missing client', { client_id: undefined }, 400, 'invalid_request', 900144],
  ['a missing grant type', { grant_type: undefined }, 400, 'invalid_request', 900144],
  ['another grant type', { grant_type: 'password' }, 400, 'unsupported_grant_type', 70003],
  ['a missing scope', { scope: undefined }, 400, 'invalid_request', 900144],
  ['a scope without /.default', { scope: 'https://management.azure.com/' }, 400, 'invalid_scope', 1002012],
  ['a scope of another resource', { scope: 'https://vault.azure.net/.default' }, 400, 'invalid_resource', 500011],
];

for (const [what, changes, status, error, code] of refusals) {
  test(`refuses ${what} with AADSTS${code}`, async (t) => {
    const client = await startClient(t);
    const answer = await client.requestToken(changes);
    assert.equal(answer.status, status);
    assert.equal(answer.body.error as unknown, error);
    assert.deepEqual(answer.body.error_codes, [code]);
    assert.match(
      answer.body.error_description,
      new RegExp(`^AADSTS${code}: .*\r\nTrace ID: .*\r\nCorrelation ID: .*\r\nTimestamp: `),
    );
    assert.match(answer.body.timestamp, /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ$/);
    assert.equal(answer.body.access_token, undefined);
  });
}

test('refuses an unknown tenant, a GET and a body that is no form', async (t) => {
  const client = await startClient(t);
  const tenant = await client.requestToken({}, '00000000-0000-0000-0000-000000000000');
  assert.equal(tenant.status, 400);
  assert.deepEqual(tenant.body.error_codes, [90002]);
  const url = `${client.standIn.loginUrl}/${defaultOptions.tenantId}/oauth2/v2.0/token`;
  assert.deepEqual((await request(url)).body.error_codes, [900561]);
  const json = await request(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(Object.fromEntries(tokenForm())),
  });
  assert.deepEqual([json.status, json.body.error_codes], [400, [900144]]);
  assert.deepEqual(await client.violationKinds(), ['token-request-invalid', 'token-request-invalid']);
});

test('a token ends when its lifetime is over, and not before', async (t) => {
  const client = await startClient(t, { tokenLifetimeSeconds: 60 });
  client.clock.nowMs += 59_999;
  assert.equal((await client.call('GET', '')).status, 200);
  client.clock.nowMs += 1;
  const answer = await client.call('GET', '');
  assert.equal(answer.status, 401);
  assert.equal(answer.body.error.code, 'ExpiredAuthenticationToken');
  assert.match(
    answer.headers.get('www-authenticate') ?? '',
    /^Bearer authorization_uri="http.*", error="invalid_token"/,
  );
});

test('tells a missing, a wrong and an expired token apart', async (t) => {
  const client = await startClient(t);
  const path = `${client.factoryPath}?api-version=2018-06-01`;
  const code = async (authorization: string): Promise<unknown> => {
    const answer = await client.raw('GET', path, { headers: { authorization } });
    assert.equal(answer.status, 401);
    return answer.body.error.code;
  };
  assert.equal(await code(''), 'AuthenticationFailed');
  assert.equal(await code('Bearer made-up'), 'InvalidAuthenticationToken');
  assert.equal(await code(`Basic ${client.token}`), 'InvalidAuthenticationToken');
  assert.deepEqual((await client.admin('POST', 'expire-tokens')).body, { expired: 1 });
  assert.equal(await code(`Bearer ${client.token}`), 'ExpiredAuthenticationToken');
  await client.signIn();
  assert.equal((await client.call('GET', '')).status, 200);
});

test('never keeps what a token request said', async (t) => {
  const client = await startClient(t);
  const { body } = await client.admin('GET', 'requests?operation=token');
  assert.equal(body.value.length, 1);
  assert.ok(!JSON.stringify(body).includes(defaultOptions.clientSecret));
});
