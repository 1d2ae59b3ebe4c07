// The Hightouch operator against its stand-in over HTTP: model, sync and runs, and what happens when Hightouch, the network or the component
// fails in the middle. Counted in the stand-in: one run for each one wanted.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonObject } from '../../src/sdk/index.ts';
import { condition, is, model, seedSpec, setUp, sync, wanting } from '../support/hightouch-component.ts';

const timeout = 30_000;

test('model, sync and a run to its end, ids as numbers, rows in the properties', { timeout }, async () => {
  const { component, until, admin } = await setUp();
  await component.declare(wanting(1));
  const status = await until(is('succeeded'), 'success');
  assert.deepEqual(
    (await admin.models()).map((one) => one['sourceId']),
    [76591],
  );
  assert.deepEqual(
    (await admin.syncs()).map((one) => [one['destinationId'], one['schedule']]),
    [[63390, null]],
  );
  const [run, ...more] = await admin.runs();
  assert.ok(run);
  assert.deepEqual(more, []);
  assert.equal(run.flags['fullResync'], true);
  assert.equal(status.externalId, String(run.id));
  const syncRun = status.properties['syncRun'] as JsonObject;
  assert.equal(syncRun['completionRatio'], 1);
  assert.deepEqual(syncRun['successfulRows'], { addedCount: 773, changedCount: 0, removedCount: 0 });
  assert.equal(condition(status, 'Ready')?.status, 'True');
  assert.deepEqual(await admin.violations(), []);
});

for (const [outcome, warningIs, runtime] of [
  ['warning', 'succeeded', 'succeeded'],
  ['warning', 'failed', 'failed'],
  ['failed', 'succeeded', 'failed'],
  ['interrupted', 'succeeded', 'failed'],
  ['cancelled', 'succeeded', 'cancelled'],
] as const) {
  test(`a run that ends as ${outcome} is ${runtime} (warning is ${warningIs})`, { timeout }, async () => {
    const { component, until, admin } = await setUp({}, { HIGHTOUCH_WARNING_IS: warningIs });
    await admin.script({ outcome, error: 'the destination said no' });
    await component.declare(wanting(1));
    const status = await until(is(runtime), runtime);
    assert.equal(condition(status, 'Warning')?.status, outcome === 'warning' ? 'True' : undefined);
    assert.match(status.message ?? '', /the destination said no/);
  });
}

test('a status that nobody knows is polled on', { timeout }, async () => {
  const { component, until, admin } = await setUp();
  await admin.script({ outcome: 'success', runningStatus: 'reticulating' });
  await component.declare(wanting(1));
  await until(
    (one) => (one.properties['syncRun'] as JsonObject | undefined)?.['status'] === 'reticulating',
    'the unknown word',
  );
  await until(is('succeeded'), 'success');
});

test('a model and a sync that exist are adopted and brought up to date', { timeout }, async () => {
  const { component, until, admin, call } = await setUp();
  const made = (await (await call('/models', 'POST', { ...model, sourceId: 76591, name: 'Old' })).json()) as {
    readonly id: number;
  };
  await call('/syncs', 'POST', {
    ...sync,
    destinationId: 63390,
    modelId: made.id,
    schedule: null,
    configuration: { mode: 'insert', own: 1 },
  });
  await component.declare(wanting(1));
  await until(is('succeeded'), 'success');
  assert.deepEqual(
    (await admin.models()).map((one) => one['name']),
    ['City'],
  );
  assert.deepEqual(
    (await admin.syncs()).map((one) => one['configuration']),
    [{ mode: 'upsert', own: 1 }],
    'what is not described is not ours to remove',
  );
  await component.declare(wanting(2, { spec: { ...seedSpec, model: { ...model, queryType: 'custom', custom: {} } } }));
  const refused = await until((one) => condition(one, 'Stalled')?.reason === 'StartRefused', 'refusal');
  assert.match(refused.message ?? '', /queryType "raw_sql", wanted "custom"/);
});

for (const kind of ['drop-after-accept', 'drop-before', 'status'] as const) {
  test(`exactly one run when the trigger meets ${kind}`, { timeout }, async () => {
    const { component, until, admin } = await setUp();
    await admin.fault({ kind, match: { operation: 'TriggerRunCustom' } });
    await component.declare(wanting(1));
    const status = await until(is('succeeded'), 'success');
    const runs = await admin.runs();
    assert.deepEqual(
      runs.map((run) => [String(run.id), run.triggers]),
      [[status.externalId, 1]],
    );
  });
}

test('two resources on one sync whose answers are lost: a run each', { timeout }, async () => {
  const { component, until, admin } = await setUp({ queuedMs: 1, runMs: 20 });
  await admin.fault({ kind: 'drop-after-accept', times: 2, match: { operation: 'TriggerRunCustom' } });
  for (const name of ['a', 'b']) await component.declare(wanting(1, { name, uid: `uid-${name}` }));
  const [a, b] = [await until(is('succeeded'), 'success', 'a'), await until(is('succeeded'), 'success', 'b')];
  assert.notEqual(a.externalId, b.externalId);
  assert.equal((await admin.runs()).length, 2);
});

test(
  'restarted in the middle, and between the trigger and its record: the run is gone on with',
  { timeout },
  async () => {
    let isLost = false;
    const { component, until, admin } = await setUp(
      { runMs: 400 },
      {},
      {
        onPut: (status) => {
          if (status.externalId === undefined || isLost) return undefined;
          isLost = true;
          return new Promise<never>(() => {});
        },
      },
    );
    await component.declare(wanting(1));
    while ((await admin.runs()).length === 0 || !isLost) await new Promise((resolve) => setImmediate(resolve));
    await component.restart();
    await until(is('inprogress'), 'progress');
    await component.restart();
    const status = await until(is('succeeded'), 'success');
    assert.deepEqual(
      (await admin.runs()).map((run) => String(run.id)),
      [status.externalId],
    );
  },
);

test('429: nothing is asked before the pause is over, and one run is started', { timeout }, async () => {
  const { component, until, admin } = await setUp();
  await admin.fault({ kind: 'throttle', match: { operation: 'TriggerRunCustom' } });
  await component.declare(wanting(1));
  await until(({ message }) => /throttles this workspace/.test(message ?? ''), 'word of the throttling');
  await until(is('succeeded'), 'success');
  assert.equal((await admin.runs()).length, 1);
  assert.deepEqual(
    (await admin.requests('TriggerRunCustom')).map(({ status }) => status),
    [429, 200],
  );
});

test('a wrong key is terminal, said clearly, and not shown', { timeout }, async () => {
  const { component, until, mendKey } = await setUp({}, { HIGHTOUCH_SECRET: 'not-the-key' });
  await component.declare(wanting(1));
  const status = await until((one) => one.status === 'error', 'refusal');
  assert.match(status.message ?? '', /401: Authentication error: Invalid API key; check HIGHTOUCH_SECRET/);
  assert.ok(!JSON.stringify(component.history).includes('not-the-key'));
  mendKey();
  await component.restart();
  await until(is('succeeded'), 'success with the right key');
});

test(
  'cancel is reported as unsupported and the run is followed; deletion disables the sync and says what stays',
  { timeout },
  async () => {
    const { component, until, admin } = await setUp({ runMs: 500 });
    await component.declare(wanting(1));
    await until(is('inprogress'), 'progress');
    await component.declare(wanting(1, { sequence: 11, cancelRequested: true }));
    await until((one) => condition(one, 'CancelUnsupported') !== undefined, 'word of the cancel');
    await until(is('succeeded'), 'success');
    await component.declare(wanting(1, { sequence: 12, deletionRequestedAt: '2026-01-01T00:00:00.000Z' }));
    const status = await until((one) => one.status === 'deleted', 'deletion');
    assert.match(status.message ?? '', /sync \d+ is disabled; it and model \d+ \(city\) stay at Hightouch/);
    assert.deepEqual(
      (await admin.syncs()).map((one) => one['disabled']),
      [true],
    );
    assert.deepEqual(await admin.violations(), []);
  },
);
