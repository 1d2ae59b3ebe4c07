import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createIdentity } from '../../../../src/operators/azure-data-factory/identity.ts';
import { isFault, outcomeOf } from '../../../../src/sdk/index.ts';
import { settingsFor, startAzure } from './support.ts';

const never = new AbortController().signal;

const faultOf = async (work: Promise<unknown>) => {
  const error = await work.then(
    () => assert.fail('expected a failure'),
    (reason: unknown) => reason,
  );
  assert.ok(isFault(error), String(error));
  assert.equal(outcomeOf(error), 'none');
  return error;
};

describe('tokens', () => {
  it('are fetched once for all, kept, and fetched again before they expire', async () => {
    const clock = { nowMs: Date.now() };
    const { standIn, admin } = await startAzure({ tokenLifetimeSeconds: 3600, now: () => clock.nowMs });
    const identity = createIdentity(settingsFor(standIn), () => clock.nowMs);
    const fetched = async (): Promise<number> => (await admin.requests('token')).length;
    const tokens = await Promise.all(Array.from({ length: 20 }, () => identity.token(new AbortController().signal)));
    assert.equal(new Set(tokens).size, 1);
    assert.equal(await fetched(), 1);
    clock.nowMs += 3_299_000;
    await identity.token(never);
    assert.equal(await fetched(), 1);
    clock.nowMs += 2000;
    const next = await identity.token(never);
    assert.equal(await fetched(), 2);
    identity.discard(tokens[0] ?? '');
    assert.equal(await identity.token(never), next, 'an old token was discarded');
    identity.discard(next);
    assert.notEqual(await identity.token(never), next);
  });

  it('of short life are used for most of it', async () => {
    const clock = { nowMs: Date.now() };
    const { standIn, admin } = await startAzure({ tokenLifetimeSeconds: 10, now: () => clock.nowMs });
    const identity = createIdentity(settingsFor(standIn), () => clock.nowMs);
    for (const waitMs of [0, 7900, 200]) {
      clock.nowMs += waitMs;
      await identity.token(never);
    }
    assert.equal((await admin.requests('token')).length, 2);
  });

  it('are refused for good to a wrong client, without asking again for each', async () => {
    const clock = { nowMs: Date.now() };
    const { standIn, admin } = await startAzure();
    const secret = 'wrong&secret';
    const identity = createIdentity(settingsFor(standIn, { AZURE_CLIENT_SECRET: secret }), () => clock.nowMs);
    const first = await faultOf(identity.token(never));
    assert.equal(first.retry, 'never');
    assert.equal(first.code, 'COMPONENT_TERMINAL');
    assert.ok(!`${first.message} ${JSON.stringify(first.details)}`.includes(secret));
    assert.doesNotMatch(first.message, /Trace ID|Timestamp/);
    const second = await faultOf(identity.token(never));
    assert.equal(second.message, first.message);
    assert.equal((await admin.requests('token')).length, 1);
    clock.nowMs += 31_000;
    await faultOf(identity.token(never));
    assert.equal((await admin.requests('token')).length, 2);
    const stranger = createIdentity(settingsFor(standIn, { AZURE_TENANT_ID: 'unknown-tenant' }));
    assert.match((await faultOf(stranger.token(never))).message, /AADSTS90002/);
  });

  it('are asked for again after an outage, as late as told', async () => {
    const { standIn, admin } = await startAzure();
    const identity = createIdentity(settingsFor(standIn, { AZURE_REQUEST_TIMEOUT: '200ms' }));
    await admin.fault({ kind: 'status', status: 503, match: { operation: 'token' } });
    await admin.fault({ kind: 'throttle', retryAfterSeconds: 7, match: { operation: 'token' } });
    await admin.fault({ kind: 'drop-before', match: { operation: 'token' } });
    await admin.fault({ kind: 'delay', delayMs: 60_000, match: { operation: 'token' } });
    await admin.fault({ kind: 'status', status: 200, body: { token_type: 'Bearer' }, match: { operation: 'token' } });
    const retries: unknown[] = [];
    for (let tries = 0; tries < 5; tries += 1) retries.push((await faultOf(identity.token(never))).retry);
    assert.deepEqual(retries, ['later', { afterMs: 7000 }, 'later', 'later', 'later']);
    assert.match(await identity.token(never), /^\S+$/);
  });

  it('stop being waited for when the component stops, and still come for the others', async () => {
    const { standIn, admin } = await startAzure();
    await admin.fault({ kind: 'delay', delayMs: 200, match: { operation: 'token' } });
    const identity = createIdentity(settingsFor(standIn));
    const stopping = new AbortController();
    const [mine, others] = [identity.token(stopping.signal), identity.token(never)];
    stopping.abort();
    await faultOf(mine);
    assert.match(await others, /^\S+$/);
    assert.equal((await admin.requests('token')).length, 1);
  });
});
