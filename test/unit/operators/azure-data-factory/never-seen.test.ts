// The answer to a start was lost, and the factory is not there to look for its run: nobody knows whether one was started.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { listeningLog } from '../../../support/told-changes.ts';
import { component, condition, startAzure, wanting } from './support.ts';

const timeout = 15_000;
const deletionRequestedAt = '2026-01-01T00:00:00.000Z';
const mayBeLeft = /was not confirmed, and factory \S+ is not there \(any more\).*a run may be left/;

const lostIn404 = async (status: number) => {
  const azure = await startAzure();
  await azure.admin.fault({ kind: 'drop-after-accept', times: 1000, match: { operation: 'Pipelines_CreateRun' } });
  const match = { operation: 'PipelineRuns_QueryByFactory' };
  await azure.admin.fault({ kind: 'status', status, times: 1000, match });
  return azure;
};

describe('a lost answer to a start in a factory that is not there for good', () => {
  for (const status of [404, 410]) {
    it(`ends as unconfirmed after ${status}, and nothing is started again`, { timeout }, async () => {
      const { standIn, admin } = await lostIn404(status);
      const { declare, until } = component(standIn);
      await declare(wanting(1));
      const end = await until(({ runtime }) => runtime === 'failed', 'the end');
      assert.deepEqual([end.status, condition(end, 'Ready')?.reason], ['error', 'StartUnconfirmed']);
      assert.match(end.message ?? '', mayBeLeft);
      await declare(wanting(1, { sequence: 11 }));
      const later = await until(({ observedSequence }) => observedSequence === 11, 'another look');
      assert.deepEqual(
        later.conditions.map(({ type, reason }) => [type, reason]),
        end.conditions.map(({ type, reason }) => [type, reason]),
      );
      assert.equal((await admin.requests('Pipelines_CreateRun')).length, 1);
    });
  }

  it('is said by the last word of a deletion', { timeout }, async () => {
    const { standIn, admin } = await lostIn404(404);
    const { log, told } = listeningLog();
    const { declare, until } = component(standIn, { log });
    await declare(wanting(1));
    await until((status) => condition(status, 'Ready')?.reason === 'ConfirmingStart', 'the search');
    await declare(wanting(1, { sequence: 11, deletionRequestedAt }));
    const end = await until(({ status }) => status === 'deleted', 'deletion');
    assert.match(condition(end, 'Ready')?.message ?? '', mayBeLeft);
    assert.match(String(told().at(-1)?.['difference']), mayBeLeft);
    assert.equal((await admin.requests('Pipelines_CreateRun')).length, 1);
  });
});
