// What was done at Data Factory is in the status and in the log: a run started, taken over, and that nothing of a deleted resource runs.

import assert from 'node:assert/strict';
import { it } from 'node:test';
import { listeningLog } from '../../../support/told-changes.ts';
import { component, condition, PIPELINE, startAzure, wanting } from './support.ts';

const timeout = 15_000;

it('says started, taken over and deleted', { timeout }, async () => {
  const { standIn, admin } = await startAzure({ queuedMs: 1, runMs: 20 });
  const { log, told } = listeningLog();
  const { declare, until } = component(standIn, { log });
  const succeed = async (run: number) => {
    const entity = wanting(run);
    await declare(entity);
    return until((status) => status.run?.id === entity.run?.id && status.runtime === 'succeeded', `run ${run}`);
  };
  const first = await succeed(1);
  const created = condition(first, 'LastChange');
  assert.equal(created?.reason, 'Created');
  assert.match(created?.message ?? '', new RegExp(`^\\d{4}-\\S+Z: run ${first.externalId} of pipeline ${PIPELINE}$`));
  await admin.fault({ kind: 'drop-after-accept', match: { operation: 'Pipelines_CreateRun' } });
  const second = await succeed(2);
  assert.equal(condition(second, 'LastChange')?.reason, 'Adopted');
  await declare(wanting(2, { sequence: 21, deletionRequestedAt: '2026-01-01T00:00:00.000Z' }));
  const end = await until(({ status }) => status === 'deleted', 'the end');
  assert.equal(condition(end, 'LastChange')?.reason, 'Deleted');
  assert.match(condition(end, 'LastChange')?.message ?? '', /: nothing of it runs any more$/);
  const key = 'public.run-1';
  const of = (externalId: string | undefined) => `run ${externalId} of pipeline ${PIPELINE}`;
  assert.deepEqual(told(), [
    { key, externalId: first.externalId, change: 'Created', difference: of(first.externalId) },
    { key, externalId: second.externalId, change: 'Adopted', difference: of(second.externalId) },
    { key, externalId: second.externalId, change: 'Deleted', difference: 'nothing of it runs any more' },
  ]);
});

it('says that what never ran is deleted', { timeout }, async () => {
  const { standIn } = await startAzure();
  const { log, changes } = listeningLog();
  const { declare, until } = component(standIn, { log });
  await declare(wanting(1, { deletionRequestedAt: '2026-01-01T00:00:00.000Z' }));
  await until(({ status }) => status === 'deleted', 'the end');
  assert.deepEqual(changes(), ['Deleted']);
});
