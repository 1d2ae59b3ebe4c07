// The operator without code, driven by its shipped manifest for Hightouch, against the stand-in of the API over HTTP: things that are made,
// adopted, changed and left, and the runs of one of them.

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { assembleReconciler } from '../../src/operators/http/assemble.ts';
import type { Entity, EntityStatus, JsonObject } from '../../src/sdk/index.ts';
import { startStandIn } from '../../src/stand-ins/hightouch/server.ts';
import { temporaryFolder } from '../support/children.ts';
import { entityAt } from '../support/entities.ts';
import { resourceManifest } from '../support/fixtures.ts';
import { reconcilerInMemory, type InMemoryOptions } from '../support/reconciler-in-memory.ts';
import { condition } from '../unit/operators/azure-data-factory/support.ts';

const timeout = 30_000;
const folder = temporaryFolder();
after(() => folder.remove());
const manifest = join(folder.path, 'operator.yaml');
const text = readFileSync(join(import.meta.dirname, '../../src/operators/http/manifests/hightouch.yaml'), 'utf8');
assert.match(text, /pollInterval: 5s/);
writeFileSync(
  manifest,
  text.replaceAll('pollInterval: 5s', 'pollInterval: 50ms').replaceAll('findFor: 30s', 'findFor: 2s'),
);

const startHightouch = async () => {
  const standIn = await startStandIn({ queuedMs: 30, runMs: 90 });
  after(() => standIn.close());
  const get = async <T>(path: string): Promise<T> =>
    ((await (await fetch(`${standIn.adminUrl}/${path}`)).json()) as { readonly value: T }).value;
  const post = async (path: string, body: JsonObject): Promise<void> => {
    const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
    const response = await fetch(`${standIn.adminUrl}/${path}`, init);
    assert.ok(response.ok, await response.text());
  };
  const api = async (method: string, path: string, body: JsonObject): Promise<JsonObject> => {
    const headers = { authorization: `Bearer ${standIn.options.apiKey}`, 'content-type': 'application/json' };
    const response = await fetch(`${standIn.url}/api/v1${path}`, { method, headers, body: JSON.stringify(body) });
    assert.equal(response.status, 200);
    return (await response.json()) as JsonObject;
  };
  return { standIn, get, post, api };
};

const component = async (
  { standIn }: Awaited<ReturnType<typeof startHightouch>>,
  type: 'model' | 'sync',
  options: InMemoryOptions & { readonly secret?: string } = {},
) => {
  const env = {
    HIGHTOUCH_SERVICE_URL: standIn.url,
    HIGHTOUCH_SECRET: options.secret ?? standIn.options.apiKey,
    ENTITY_OF_INTEREST_MESSAGE_COMMAND_SUBJECT: `hightouch.${type}`,
  };
  const make = () => assembleReconciler({ env, argv: ['--manifest', manifest] });
  const [first, afterRestart] = [await make(), await make()];
  let starts = 0;
  // What restarts knows nothing of what was.
  const reconciler = () => {
    starts += 1;
    return starts === 1 ? first : afterRestart;
  };
  const inMemory = reconcilerInMemory(reconciler, options);
  const until = (isReached: (status: EntityStatus) => boolean, what: string) =>
    inMemory.until(isReached, what, 'public.cities', 'adf-operator');
  return { ...inMemory, until };
};

const modelSpec = {
  ...{ name: 'Cities', slug: 'cities', queryType: 'raw_sql', sourceId: '76591' },
  ...{ isSchema: false, primaryKey: 'id', raw: { sql: 'select 1' } },
};
const model = (sequence: number, spec: JsonObject = modelSpec, more: Partial<Entity> = {}): Entity =>
  entityAt(sequence, {
    name: 'cities',
    generation: sequence,
    manifest: resourceManifest(spec, { name: 'cities' }),
    ...more,
  });

const syncSpec = (modelId: number): JsonObject => ({
  ...{ slug: 'cities-to-crm', modelId: String(modelId), destinationId: '63390' },
  configuration: { mode: 'upsert' },
});
const sync = (run: number, spec: JsonObject, more: Partial<Entity> = {}): Entity =>
  entityAt(run * 10, {
    ...{ name: 'cities', runnable: true, generation: run, manifest: resourceManifest(spec, { name: 'cities' }) },
    run: { id: `run-${run}`, number: run, requestedAt: '2026-01-01T00:00:00.000Z', cancelRequested: false },
    ...more,
  });

test('a model is made once, changed when it differs, and left when it is deleted', { timeout }, async () => {
  const hightouch = await startHightouch();
  const models = await component(hightouch, 'model');
  await models.declare(model(1));
  const made = await models.until((status) => status.status === 'active', 'the model');
  const [one, ...more] = await hightouch.get<readonly JsonObject[]>('models');
  assert.equal(one?.['sourceId'], 76591);
  assert.deepEqual(more, []);
  assert.equal(made.externalId, String(one['id']));
  assert.equal((made.properties['model'] as JsonObject)['slug'], 'cities');
  assert.equal(condition(made, 'Ready')?.status, 'True');

  await models.declare(model(2, { ...modelSpec, name: 'All cities' }));
  await models.until((status) => (status.properties['model'] as JsonObject)['name'] === 'All cities', 'the new name');
  await models.declare(model(3, modelSpec, { deletionRequestedAt: '2026-01-01T00:00:00.000Z' }));
  const gone = await models.until((status) => status.status === 'deleted', 'deletion');
  assert.match(gone.message ?? '', new RegExp(`${String(one['id'])} stays`));
  assert.equal((await hightouch.get<readonly JsonObject[]>('models')).length, 1);
});

test('a model that is there already is adopted, however many pages it stands behind', { timeout }, async () => {
  const hightouch = await startHightouch();
  const { slug: _slug, ...others } = modelSpec;
  for (let index = 0; index < 120; index += 1)
    await hightouch.api('POST', '/models', {
      ...others,
      sourceId: 76591,
      slug: index === 110 ? 'cities' : `other-${index}`,
    });
  const models = await component(hightouch, 'model');
  await models.declare(model(1));
  const status = await models.until((one) => one.status === 'active', 'adoption');
  const all = await hightouch.get<readonly JsonObject[]>('models');
  assert.equal(all.length, 120);
  assert.equal(status.externalId, String(all.find(({ slug }) => slug === 'cities')?.['id']));
});

test('changed SQL arrives, also at a model that was adopted, and then nothing is sent', { timeout }, async () => {
  const hightouch = await startHightouch();
  const sqlOf = async (): Promise<unknown> =>
    ((await hightouch.get<readonly JsonObject[]>('models'))[0]?.['raw'] as JsonObject | undefined)?.['sql'];
  const updates = async (): Promise<number> =>
    (await hightouch.get<readonly JsonObject[]>('requests')).filter(({ operation }) => operation === 'UpdateModel')
      .length;
  const isAt = (generation: number) => (status: EntityStatus) =>
    status.status === 'active' && status.properties['appliedGeneration'] === generation;
  await hightouch.api('POST', '/models', { ...modelSpec, sourceId: 76591 });
  const models = await component(hightouch, 'model');
  await models.declare(model(1, { ...modelSpec, raw: { sql: 'select 2' } }));
  await models.until(isAt(1), 'adoption');
  assert.equal(await sqlOf(), 'select 2');
  await models.declare(model(2, { ...modelSpec, raw: { sql: 'select 3' } }));
  await models.until(isAt(2), 'the change');
  assert.equal(await sqlOf(), 'select 3');
  assert.equal(await updates(), 2);
  await models.restart();
  await models.declare(entityAt(3, { ...model(2, { ...modelSpec, raw: { sql: 'select 3' } }), sequence: 3 }));
  const { externalId } = await models.until(({ observedSequence }) => observedSequence === 3, 'another look');
  assert.equal(await updates(), 2);

  await hightouch.api('PATCH', `/models/${externalId}`, { raw: { sql: 'select nothing' } });
  await models.declare(entityAt(4, { ...model(2, { ...modelSpec, raw: { sql: 'select 3' } }), sequence: 4 }));
  await models.until(({ observedSequence }) => observedSequence === 4, 'a third look');
  assert.equal(await sqlOf(), 'select 3');
});

test('a create whose answer is lost makes one model', { timeout }, async () => {
  const hightouch = await startHightouch();
  await hightouch.post('faults', { kind: 'drop-after-accept', match: { method: 'POST', pathContains: '/models' } });
  const models = await component(hightouch, 'model');
  await models.declare(model(1));
  await models.until((status) => status.status === 'active', 'the model');
  assert.equal((await hightouch.get<readonly JsonObject[]>('models')).length, 1);
});

test('a sync is made, triggered, followed to its end, and disabled in the end', { timeout }, async () => {
  const hightouch = await startHightouch();
  const made = await hightouch.api('POST', '/models', { ...modelSpec, sourceId: 76591 });
  const syncs = await component(hightouch, 'sync');
  const spec = syncSpec(Number(made['id']));
  await syncs.declare(sync(1, spec));
  const first = await syncs.until((status) => status.runtime === 'succeeded', 'the first run');
  const [run] = await hightouch.get<readonly JsonObject[]>('runs');
  assert.equal(first.run?.externalId, String(run?.['id']));
  assert.equal((first.properties['sync'] as JsonObject)['slug'], 'cities-to-crm');
  assert.equal((first.properties['syncRun'] as JsonObject)['status'], 'success');

  await hightouch.post('scripts', { syncSlug: 'cities-to-crm', outcome: 'failed', error: 'the destination is full' });
  await syncs.declare(sync(2, spec));
  const failed = await syncs.until((status) => status.run?.id === 'run-2' && status.runtime === 'failed', 'a failure');
  assert.match(failed.message ?? '', /destination is full/);
  assert.equal((await hightouch.get<readonly JsonObject[]>('runs')).length, 2);

  await syncs.declare(
    sync(3, spec, {
      run: sync(2, spec).run as NonNullable<Entity['run']>,
      deletionRequestedAt: '2026-01-01T00:00:00.000Z',
    }),
  );
  await syncs.until((status) => status.status === 'deleted', 'deletion');
  const [left] = await hightouch.get<readonly JsonObject[]>('syncs');
  assert.equal(left?.['disabled'], true);
});

test('a trigger whose answer is lost, and a process that dies with it, give one run', { timeout }, async () => {
  const hightouch = await startHightouch();
  const made = await hightouch.api('POST', '/models', { ...modelSpec, sourceId: 76591 });
  let isCrashed = false;
  const syncs = await component(hightouch, 'sync', {
    onPut: (status) => {
      if (status.run?.externalId === undefined) return;
      isCrashed = true;
      throw new Error('crash');
    },
  });
  await syncs.declare(sync(1, syncSpec(Number(made['id']))));
  await syncs.until((status) => isCrashed && status.properties['intent'] !== undefined, 'the crash');
  await syncs.restart({ onPut: () => {} });
  await syncs.until((status) => status.runtime === 'succeeded', 'success');
  assert.equal((await hightouch.get<readonly JsonObject[]>('runs')).length, 1);
});

test('all components together keep to what a workspace allows', () => {
  const limits = [...text.matchAll(/throttle: \{ requests: (\d+), per: 10s \}/g)].map(([, requests]) =>
    Number(requests),
  );
  assert.equal(limits.length, (text.match(/image: opstream\/http/g) ?? []).length);
  assert.ok(limits.reduce((sum, one) => sum + one, 0) <= 200, String(limits));
});

test('a wrong key is said without the key', { timeout }, async () => {
  const hightouch = await startHightouch();
  const models = await component(hightouch, 'model', { secret: 'not-the-key-8f2a' });
  await models.declare(model(1));
  const status = await models.until((one) => one.status === 'error', 'refusal');
  assert.match(JSON.stringify(status.conditions) + (status.message ?? ''), /401/);
  assert.ok(!JSON.stringify(models.history).includes('not-the-key-8f2a'));
});
