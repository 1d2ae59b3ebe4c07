// The operator without code, driven by its shipped manifest for Data Factory, against the stand-in of Azure over HTTP.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EntityStatus } from '../../src/sdk/index.ts';
import { shippedAzure } from '../support/shipped-azure.ts';
import { condition, seedSpec, wanting } from '../unit/operators/azure-data-factory/support.ts';

const timeout = 30_000;
const is = (runtime: string) => (status: EntityStatus) => status.runtime === runtime;

test('a run from the intent to its end, with what the manifest synchronizes', { timeout }, async () => {
  const { admin, component, until } = await shippedAzure();
  await admin.pipeline({ parameters: { day: { type: 'string' }, count: { type: 'int' } } });
  const entity = wanting(1, { spec: { ...seedSpec, parameters: { day: '2024-05-01', count: 3 } } });
  await component.declare(entity);
  const status = await until(is('succeeded'), 'success');
  const [run, ...more] = await admin.runs();
  assert.ok(run);
  assert.deepEqual(more, []);
  assert.deepEqual(run.parameters, { day: '2024-05-01', count: '3' });
  assert.equal(run.clientRequestId, entity.run?.id);
  assert.equal(status.externalId, run.runId);
  assert.equal(status.run?.id, entity.run?.id);
  assert.match(status.run?.finishedAt ?? '', /^\d{4}-/);
  assert.equal((status.properties['pipelineRun'] as { readonly runGroupId: string }).runGroupId, run.runGroupId);
  assert.equal(condition(status, 'Ready')?.status, 'True');
  assert.deepEqual(await admin.violations(), []);
});

test('a run that starts again from another reaches the API as such', { timeout }, async () => {
  const { admin, component, until } = await shippedAzure();
  await admin.pipeline({
    parameters: { day: { type: 'string' } },
    outcome: 'Failed',
    failingActivity: 'MyCopyActivity',
  });
  const first = { ...seedSpec, parameters: { day: '2024-05-01' } };
  await component.declare(wanting(1, { spec: first }));
  const failed = await until(is('failed'), 'failure');
  const again = { ...first, referencePipelineRunID: failed.externalId ?? '', startFromFailure: true };
  await component.declare(wanting(2, { spec: again }));
  await until((status) => status.run?.id === wanting(2).run?.id && is('failed')(status), 'the second');
  const named = { ...again, startFromFailure: null, startActivityName: 'MyCopyActivity' };
  // Its answer is lost: the run is found although the parameters are those of the other.
  await admin.fault({ kind: 'drop-after-accept', match: { operation: 'Pipelines_CreateRun' } });
  await component.declare(wanting(3, { spec: named }));
  await until((status) => status.run?.id === wanting(3).run?.id && is('failed')(status), 'the third');
  const bare = {
    ...seedSpec,
    parameters: { day: '2024-05-02' },
    referencePipelineRunID: null,
    startActivityName: null,
  };
  await component.declare(wanting(4, { spec: bare }));
  await until((status) => status.run?.id === wanting(4).run?.id && is('failed')(status), 'the fourth');
  const sent = (await admin.requests('Pipelines_CreateRun')).map(({ query, body }) => {
    const { 'api-version': _version, ...options } = query;
    return { options, body: JSON.parse(String(body)) as unknown };
  });
  const reference = { referencePipelineRunId: failed.externalId, isRecovery: 'true' };
  assert.deepEqual(sent, [
    { options: {}, body: { day: '2024-05-01' } },
    { options: { ...reference, startFromFailure: 'true' }, body: {} },
    { options: { ...reference, startActivityName: 'MyCopyActivity' }, body: {} },
    { options: {}, body: { day: '2024-05-02' } },
  ]);
  assert.deepEqual(await admin.violations(), []);
});

test(
  'a lost answer to a start with defaults of the pipeline: the run is found, and there is one',
  { timeout },
  async () => {
    const { admin, component, until } = await shippedAzure();
    await admin.pipeline({
      parameters: { day: { type: 'string' }, full: { type: 'bool' }, zone: { type: 'string', defaultValue: 'eu' } },
    });
    await admin.fault({ kind: 'drop-after-accept', match: { operation: 'Pipelines_CreateRun' } });
    await component.declare(wanting(1, { spec: { ...seedSpec, parameters: { day: '2024-05-01', full: true } } }));
    await until(is('succeeded'), 'success');
    assert.equal((await admin.runs()).length, 1);
  },
);

test('a failed run says why', { timeout }, async () => {
  const { admin, component, until } = await shippedAzure();
  await admin.pipeline({ outcome: 'Failed', message: 'The container raw does not exist.' });
  await component.declare(wanting(1));
  const status = await until(is('failed'), 'failure');
  assert.match(status.message ?? '', /The container raw does not exist/);
  assert.equal(condition(status, 'Ready')?.reason, 'RunFailed');
});

test('what the API refuses is said with its words, and nothing is started again', { timeout }, async () => {
  const { admin, component, until } = await shippedAzure();
  await component.declare(wanting(1, { spec: { ...seedSpec, pipelineName: 'nowhere' } }));
  const status = await until(is('failed'), 'refusal');
  assert.match(status.run?.message ?? '', /createRun: 404: .*nowhere/);
  assert.equal((await admin.requests('Pipelines_CreateRun')).length, 1);
});

test('cancel reaches the API, and a deletion ends the run first', { timeout }, async () => {
  const { admin, component, until } = await shippedAzure({ runMs: 60_000 });
  await component.declare(wanting(1));
  await until(is('inprogress'), 'progress');
  await component.declare(wanting(1, { sequence: 11, deletionRequestedAt: '2026-01-01T00:00:00.000Z' }));
  const status = await until((one) => one.status === 'deleted', 'deletion');
  assert.equal(status.run?.state, 'cancelled');
  assert.deepEqual(
    (await admin.runs()).map((run) => run.status),
    ['Cancelled'],
  );
});

test('an answer that is lost after the run was started: the run is found, and there is one', { timeout }, async () => {
  const { admin, component, until } = await shippedAzure();
  await admin.fault({ kind: 'drop-after-accept', match: { operation: 'Pipelines_CreateRun' } });
  await component.declare(wanting(1));
  await until(is('succeeded'), 'success');
  assert.equal((await admin.runs()).length, 1);
});

test('a crash between the start and the record of it: the next process finds the run', { timeout }, async () => {
  let isCrashed = false;
  const { admin, component, until } = await shippedAzure({
    runMs: 400,
    inMemory: {
      onPut: (status) => {
        if (status.run?.externalId === undefined) return;
        isCrashed = true;
        throw new Error('crash');
      },
    },
  });
  await component.declare(wanting(1));
  await until((status) => isCrashed && status.properties['intent'] !== undefined, 'the crash');
  await component.restart({ onPut: () => {} });
  await until(is('succeeded'), 'success');
  assert.equal((await admin.runs()).length, 1);
});

test('a token that has expired is fetched again; 429 waits for Retry-After', { timeout }, async () => {
  const { admin, component, until } = await shippedAzure();
  await component.declare(wanting(1));
  await until(is('succeeded'), 'success');
  await admin.expireTokens();
  await admin.fault({ kind: 'throttle', retryAfterSeconds: 1, match: { operation: 'Pipelines_CreateRun' } });
  await component.declare(wanting(2));
  await until((status) => status.run?.id === wanting(2).run?.id && status.runtime === 'succeeded', 'the second run');
  assert.equal((await admin.runs()).length, 2);
  const violations = await admin.violations();
  assert.deepEqual(violations, []);
});
