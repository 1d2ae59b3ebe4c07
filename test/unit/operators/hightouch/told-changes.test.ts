// What is done to the model and the sync is in the status, with what differed, and in the log: made, taken over, brought to what is described, brought
// back to it, made again, and what was left of it.

import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { EntityStatus } from '../../../../src/sdk/index.ts';
import { condition, is, model, seedSpec, setUp, sync, wanting } from '../../../support/hightouch-component.ts';
import { listeningLog } from '../../../support/told-changes.ts';
import { waitFor } from '../../../support/wait-for.ts';

const timeout = 20_000;
const quick = { queuedMs: 0, runMs: 50 };
const lastOf = (status: EntityStatus): readonly string[] => {
  const { reason = '', message = '' } = condition(status, 'LastChange') ?? {};
  return [reason, message.replace(/^\d{4}-\S+Z: /, '').replaceAll(/\d{3,}/g, 'N')];
};

it('tells made, updated and taken over apart, and says nothing of what stayed', { timeout }, async () => {
  const { log, changes } = listeningLog();
  const { component, until } = await setUp(quick, {}, { log });
  const succeed = async (run: number, name: string, spec = seedSpec, generation = 1) => {
    await component.declare(wanting(run, { name, spec, generation }));
    return until((status) => is('succeeded')(status) && status.run?.id === `run-${name}-${run}`, 'success', name);
  };
  const created = ['Created', 'model N (city); sync N (city-to-crm)'];
  assert.deepEqual(lastOf(await succeed(1, 'run-1')), created);
  assert.deepEqual(lastOf(await succeed(2, 'run-1')), created);
  const spec = {
    ...seedSpec,
    model: { ...model, name: 'Town' },
    sync: { ...sync, configuration: { mode: 'insert', auth: { password: 'hunter2' } } },
  };
  assert.deepEqual(lastOf(await succeed(3, 'run-1', spec, 2)), [
    'Updated',
    'model.name: "City", wanted "Town"; sync.configuration.mode: "upsert", wanted "insert"; sync.configuration.auth differs',
  ]);
  assert.deepEqual(lastOf(await succeed(4, 'other', spec)), ['Adopted', 'model N (city); sync N (city-to-crm)']);
  assert.deepEqual(changes(), ['Created', 'Created', 'Updated', 'Updated', 'Adopted', 'Adopted']);
  const told = JSON.stringify(component.history.map(({ conditions }) => conditions));
  assert.ok(!told.includes('hunter2'));
});

it('says what it brought back, between runs and before one', { timeout }, async () => {
  const { log, changes } = listeningLog();
  const { component, until, admin, call } = await setUp(quick, { HIGHTOUCH_DRIFT_INTERVAL: '50ms' }, { log });
  const drift = ['DriftCorrected', 'sync.configuration.mode: "theirs", wanted "upsert"'];
  const disturb = async () => {
    const [made] = await admin.syncs();
    await call(`/syncs/${String(made?.['id'])}`, 'PATCH', { configuration: { mode: 'theirs' } });
  };
  await component.declare(wanting(1));
  await until(is('succeeded'), 'success');
  await disturb();
  const isCorrected = (status: EntityStatus): boolean => lastOf(status)[0] === 'DriftCorrected';
  let sequence = 20;
  const look = async (): Promise<boolean> => {
    sequence += 1;
    await component.declare(wanting(1, { sequence, generation: 2 }));
    return changes().includes('DriftCorrected');
  };
  await waitFor(look, { what: 'the comparison' });
  const corrected = await until(isCorrected, 'the correction');
  assert.deepEqual(lastOf(corrected), drift);
  assert.equal(corrected.status, 'active');
  await disturb();
  await component.declare(wanting(2, { sequence: sequence + 1, generation: 2 }));
  const again = await until((one) => is('succeeded')(one) && one.run?.id === 'run-run-1-2', 'the second run');
  assert.deepEqual(lastOf(again), drift);
  assert.deepEqual(
    (await admin.syncs()).map((one) => one['configuration']),
    [{ mode: 'upsert' }],
  );
});

it('says that it made again what was gone, and what it left when the resource was deleted', { timeout }, async () => {
  const { log, told } = listeningLog();
  const { component, until, admin } = await setUp(quick, { HIGHTOUCH_SETTLE: '50ms' }, { log });
  await component.declare(wanting(1));
  await until(is('succeeded'), 'success');
  await admin.reset();
  await component.declare(wanting(2));
  const again = await until((one) => is('succeeded')(one) && one.run?.id === 'run-run-1-2', 'the second run');
  assert.deepEqual(lastOf(again), ['Recreated', 'model N (city); sync N (city-to-crm)']);
  await component.declare(wanting(2, { sequence: 21, deletionRequestedAt: '2026-01-01T00:00:00.000Z' }));
  const end = await until(({ status }) => status === 'deleted', 'the end');
  const left = 'sync N is disabled; it and model N (city) stay at Hightouch, whose API cannot delete them';
  assert.deepEqual(lastOf(end), ['Deleted', left]);
  assert.equal(told().at(-1)?.['change'], 'Deleted');
});
