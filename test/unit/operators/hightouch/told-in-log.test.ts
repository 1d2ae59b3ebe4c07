// What was done to the model and the sync before a run is in the log: made, taken over, or brought to what is described.

import assert from 'node:assert/strict';
import { it } from 'node:test';
import { silentLog } from '../../../../src/program/logger.ts';
import { is, seedSpec, setUp, sync, wanting } from '../../../support/hightouch-component.ts';

const timeout = 15_000;

it('tells made, taken over and updated apart, and says nothing of what stayed', { timeout }, async () => {
  const told: unknown[] = [];
  const log: typeof silentLog = {
    ...silentLog,
    info: (fields, message) => {
      if (message.startsWith('model and sync')) told.push([message, fields['changed']]);
    },
    child: () => log,
  };
  const { component, until } = await setUp({ queuedMs: 0, runMs: 50 }, {}, { log });
  const succeed = async (run: number, name: string, spec = seedSpec): Promise<void> => {
    await component.declare(wanting(run, { name, spec }));
    await until((status) => is('succeeded')(status) && status.run?.id === `run-${name}-${run}`, 'success', name);
  };
  await succeed(1, 'run-1');
  await succeed(2, 'run-1');
  await succeed(3, 'run-1', { ...seedSpec, sync: { ...sync, configuration: { mode: 'insert' } } });
  await succeed(4, 'other', { ...seedSpec, sync: { ...sync, configuration: { mode: 'insert' } } });
  assert.deepEqual(told, [
    ['model and sync made or updated', ['models', 'syncs']],
    ['model and sync made or updated', ['syncs.configuration']],
    ['model and sync taken over as they were', undefined],
  ]);
});
