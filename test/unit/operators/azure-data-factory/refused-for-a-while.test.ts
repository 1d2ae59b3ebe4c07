// What Azure refuses for a while, while a run may be under way: the run is followed to its end, and there is one.

import assert from 'node:assert/strict';
import { it } from 'node:test';
import { component, condition, startAzure, wanting } from './support.ts';

const timeout = 10_000;

it('a cancel that is refused does not stop reading: the end of the run is seen', { timeout }, async () => {
  const { standIn, admin } = await startAzure({ runMs: 900 });
  const { declare, until, history } = component(standIn);
  await declare(wanting(1));
  await until(({ runtime }) => runtime === 'inprogress', 'progress');
  await admin.fault({ kind: 'status', status: 403, times: 1000, match: { operation: 'PipelineRuns_Cancel' } });
  await declare(wanting(1, { sequence: 11, cancelRequested: true }));
  await until(({ runtime }) => runtime === 'succeeded', 'the end');
  const said = history.flatMap((status) => condition(status, 'Ready')?.reason ?? []);
  assert.ok(said.includes('CancelRefused'), said.join());
});

it('a start that is in conflict with something is tried again', { timeout }, async () => {
  const { standIn, admin } = await startAzure();
  const { declare, until } = component(standIn);
  await admin.fault({ kind: 'status', status: 409, match: { operation: 'Pipelines_CreateRun' } });
  await declare(wanting(1));
  await until(({ runtime }) => runtime === 'succeeded', 'success');
  assert.equal((await admin.runs()).length, 1);
});
