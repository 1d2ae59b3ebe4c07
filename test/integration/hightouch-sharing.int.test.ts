// What a resource of the Hightouch operator may say beyond its model and sync, and what it shares with others: another sync to trigger, runs
// and syncs that are used together, and what somebody changes at Hightouch.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonObject } from '../../src/sdk/index.ts';
import { condition, is, model, seedSpec, setUp, sync, wanting } from '../support/hightouch-component.ts';
import { waitFor } from '../support/wait-for.ts';

const timeout = 30_000;

/** A model and a sync that somebody made; the sync's id. */
const madeByHand = async (call: Awaited<ReturnType<typeof setUp>>['call'], slug = sync.slug): Promise<number> => {
  const post = async (path: string, body: JsonObject): Promise<number> =>
    Number(((await (await call(path, 'POST', body)).json()) as { readonly id: number }).id);
  const modelId = await post('/models', { ...model, slug: `model-of-${slug}`, sourceId: 76591 });
  return post('/syncs', { ...sync, slug, destinationId: 63390, modelId, schedule: null });
};

for (const by of ['syncSlug', 'syncId'] as const) {
  test(`trigger.${by} runs another sync, with resetCDC, below another base path`, { timeout }, async () => {
    const { component, until, admin, call } = await setUp({ basePath: '/eu/api/v1' });
    const otherId = await madeByHand(call, 'other');
    const trigger = { resetCDC: true, ...(by === 'syncId' ? { syncId: String(otherId) } : { syncSlug: 'other' }) };
    await component.declare(wanting(1, { spec: { ...seedSpec, trigger } }));
    const status = await until(is('succeeded'), 'success');
    assert.deepEqual(
      (await admin.runs()).map((run) => [run.syncSlug, run.flags['resetCDC'], run.flags['fullResync'], String(run.id)]),
      [['other', true, false, status.externalId]],
    );
    assert.equal((status.properties['syncRun'] as JsonObject)['syncId'], otherId);
    assert.equal((status.properties['sync'] as JsonObject)['slug'], sync.slug, 'and the sync it describes is there');
    await component.declare(wanting(1, { sequence: 12, deletionRequestedAt: '2026-01-01T00:00:00.000Z' }));
    await until((one) => one.status === 'deleted', 'deletion');
    const disabled = Object.fromEntries((await admin.syncs()).map((one) => [String(one['slug']), one['disabled']]));
    assert.deepEqual(disabled, { other: false, [sync.slug]: true }, 'the other one is not its own');
  });

  test(`trigger.${by} of a sync that is not there is refused`, { timeout }, async () => {
    const { component, until, admin } = await setUp();
    const trigger = by === 'syncId' ? { syncId: '999' } : { syncSlug: 'nowhere' };
    await component.declare(wanting(1, { spec: { ...seedSpec, trigger } }));
    const status = await until((one) => condition(one, 'Stalled')?.reason === 'StartRefused', 'refusal');
    assert.match(status.message ?? '', by === 'syncId' ? /404: sync not found/ : /there is no sync nowhere/);
    assert.deepEqual(await admin.runs(), []);
  });
}

test('a trigger that joined a waiting run, and whose answer was lost: that run is taken', { timeout }, async () => {
  const { component, until, admin, call } = await setUp({ queuedMs: 1, runMs: 900 });
  await madeByHand(call);
  // One runs and one waits behind it; the trigger is answered with the one that waits.
  await admin.startRun(sync.slug);
  while ((await admin.runs())[0]?.status === 'queued') await new Promise((resolve) => setImmediate(resolve));
  await admin.startRun(sync.slug);
  await admin.fault({ kind: 'drop-after-accept', match: { operation: 'TriggerRunCustom' } });
  const { slug: _slug, ...rest } = model;
  await component.declare(wanting(1, { spec: { ...seedSpec, model: { ...rest, slug: `model-of-${sync.slug}` } } }));
  const status = await until(is('succeeded'), 'success');
  const runs = await admin.runs();
  assert.deepEqual(
    runs.map(({ triggers }) => triggers),
    [1, 2],
  );
  assert.equal(status.externalId, String(runs[1]?.id));
});

test('a sync that another resource uses is left when one of them is deleted', { timeout }, async () => {
  const { component, until, admin } = await setUp({ queuedMs: 1, runMs: 1 });
  for (const name of ['a', 'b']) await component.declare(wanting(1, { name, uid: `uid-${name}` }));
  for (const name of ['a', 'b']) await until(is('succeeded'), 'success', name);
  const gone = (name: string) =>
    component.declare(
      wanting(1, { name, uid: `uid-${name}`, sequence: 12, deletionRequestedAt: '2026-01-01T00:00:00.000Z' }),
    );
  const isDisabled = async () => (await admin.syncs()).map((one) => one['disabled']);
  await gone('a');
  const left = await until((one) => one.status === 'deleted', 'deletion', 'a');
  assert.match(left.message ?? '', /its sync stays as it is, which is used by public\.b too/);
  assert.deepEqual(await isDisabled(), [false]);
  await gone('b');
  await until((one) => one.status === 'deleted', 'deletion', 'b');
  assert.deepEqual(await isDisabled(), [true]);
});

let sequence = 100;
/** As a resync does: nothing new is wanted. */
const lookAgain = (component: Awaited<ReturnType<typeof setUp>>['component']): Promise<void> => {
  sequence += 1;
  return component.declare(wanting(1, { sequence }));
};

test('what was changed or removed at Hightouch is put back at a resync', { timeout }, async () => {
  const { component, until, admin, call } = await setUp({}, { HIGHTOUCH_DRIFT_INTERVAL: '50ms' });
  await component.declare(wanting(1));
  const before = await until(is('succeeded'), 'success');
  const [found] = await admin.syncs();
  await call(`/syncs/${String(found?.['id'])}`, 'PATCH', {
    disabled: true,
    configuration: { mode: 'insert', added: [1] },
  });
  await call(`/models/${String((await admin.models())[0]?.['id'])}`, 'PATCH', { raw: { sql: 'SELECT 2' } });
  await waitFor(
    async () => {
      await lookAgain(component);
      return (await admin.syncs())[0]?.['disabled'] === false;
    },
    { intervalMs: 100, what: 'the sync as it was' },
  );
  assert.deepEqual((await admin.syncs())[0]?.['configuration'], { mode: 'upsert', added: [1] });
  assert.deepEqual((await admin.models())[0]?.['raw'], model.raw);
  const after = await until(is('succeeded'), 'the same status');
  assert.equal(after.externalId, before.externalId);
  assert.equal((await admin.runs()).length, 1, 'no run for it');
});

test('drift that cannot be put back is said, and no answer is not', { timeout }, async () => {
  const { component, until, admin } = await setUp({}, { HIGHTOUCH_DRIFT_INTERVAL: '50ms' });
  await component.declare(wanting(1));
  await until(is('succeeded'), 'success');
  await admin.fault({ kind: 'status', status: 500, match: { operation: 'ListModel' }, times: 3 });
  const looked = (): Promise<number> => admin.requests('ListModel').then(({ length }) => length);
  const before = await looked();
  await waitFor(
    async () => {
      await lookAgain(component);
      return (await looked()) > before + 2;
    },
    { intervalMs: 100, what: 'looks' },
  );
  assert.equal((await until(is('succeeded'), 'success')).status, 'active');
  await admin.fault({ kind: 'status', status: 422, match: { operation: 'ListModel' }, times: 1000 });
  await waitFor(
    async () => {
      await lookAgain(component);
      return component.history.at(-1)?.status === 'error';
    },
    { intervalMs: 100, what: 'the refusal' },
  );
});
