// The answer to a start is lost, and the clock of the API is not ours: the run is found, and there is one. For both ways to run pipelines of
// Data Factory (the operator with code, and the shipped manifest of the one without), and for the syncs of Hightouch.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { StandInOptions } from '../../../src/stand-ins/azure-data-factory/options.ts';
import { shippedAzure } from '../../support/shipped-azure.ts';
import { is, setUp as hightouch, wanting as syncing } from '../../support/hightouch-component.ts';
import { component as adfComponent, startAzure, wanting } from './azure-data-factory/support.ts';

const timeout = 20_000;
const apart = (behindMs: number) => ({ now: () => Date.now() - behindMs });
const clocks: readonly (readonly [string, Pick<Partial<StandInOptions>, 'now' | 'runsBehindMs'>])[] = [
  ['10 s behind', apart(10_000)],
  ['45 s behind', apart(45_000)],
  ['behind by 45 s where the runs are, and right in the header Date', { runsBehindMs: 45_000 }],
  ['10 minutes behind', apart(600_000)],
  ['10 minutes ahead', apart(-600_000)],
];
const lost = { kind: 'drop-after-accept', match: { operation: 'Pipelines_CreateRun' } };

for (const [what, options] of clocks) {
  describe(`a lost answer of an API whose clock is ${what}`, { timeout }, () => {
    it('starts no second run with the shipped manifest', async () => {
      const { admin, component, until } = await shippedAzure({ ...options, findFor: '1s' });
      await admin.fault(lost);
      await component.declare(wanting(1));
      const status = await until(({ runtime }) => runtime === 'succeeded', 'success');
      const runs = await admin.runs();
      assert.deepEqual(
        runs.map(({ runId }) => runId),
        [status.externalId],
      );
    });

    it('starts no second run with the operator for it', async () => {
      const { standIn, admin } = await startAzure(options);
      const { declare, until } = adfComponent(standIn);
      await admin.fault(lost);
      await declare(wanting(1));
      const status = await until(({ runtime }) => runtime === 'succeeded', 'success');
      const runs = await admin.runs();
      assert.deepEqual(
        runs.map(({ runId }) => runId),
        [status.externalId],
      );
    });

    it('starts no second run of a sync', async () => {
      const { admin, component, until } = await hightouch(options);
      await admin.fault({ kind: 'drop-after-accept', match: { operation: 'TriggerRunCustom' } });
      await component.declare(syncing(1));
      const status = await until(is('succeeded'), 'success');
      assert.deepEqual(
        (await admin.runs()).map(({ id }) => String(id)),
        [status.externalId],
      );
    });
  });
}
