// The search of the shipped manifest for Data Factory: a run whose start was not confirmed is found though Azure's clock is behind or ahead.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { readOperatorManifest } from '../../../../src/sdk/index.ts';
import { clientFor, context, startServer } from './support.ts';

const path = join(import.meta.dirname, '../../../../src/operators/http/manifests/azure-data-factory.yaml');
const find = readOperatorManifest(path).operator.resources[0]?.http?.run?.find;

/** Whether a run that was started a second after the intent is found. `tells`: in the header Date of each answer. */
const isFound = async (aheadMs: number, tells: boolean, startedAfterMs = 1000): Promise<boolean> => {
  assert.ok(find);
  const nowMs = Date.now();
  const time = new Date(nowMs + startedAfterMs + aheadMs).toISOString();
  const run = { runId: 'r', runStart: time, lastUpdated: time, parameters: {}, invokedBy: { invokedByType: 'Manual' } };
  const { url } = await startServer(({ body }) => {
    const { lastUpdatedAfter } = JSON.parse(body) as { readonly lastUpdatedAfter: string };
    const headers = { date: new Date(Date.now() + (tells ? aheadMs : 0)).toUTCString() };
    return { headers, body: { value: time >= lastUpdatedAfter ? [run] : [] } };
  });
  const spec = { factoryName: 'f', resourceGroupName: 'g', pipelineName: 'p' };
  const input = { spec, intent: { since: new Date(nowMs).toISOString() }, env: { AZURE_SUBSCRIPTION_ID: 's' } };
  return (await clientFor(url).find(find, input, context)).length === 1;
};

test('a lost run is found by query and match alike, whatever time it is at Azure', async () => {
  for (const aheadMs of [0, -10_000, -45_000, 45_000]) assert.ok(await isFound(aheadMs, false), String(aheadMs));
  for (const aheadMs of [-3_600_000, 3_600_000]) assert.ok(await isFound(aheadMs, true), String(aheadMs));
  assert.equal(await isFound(0, true, -300_000), false, 'one that was started minutes before is not ours');
  assert.equal(await isFound(-3_600_000, true, -300_000), false);
});
