// A component that stands still in an endless loop, without a port that anybody could ask, and one with a reconcile that does not end: real
// processes. It takes as long as a lease has to be free.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { join } from 'node:path';
import { endComponents } from '../../src/compute/instance-records.ts';
import { isAlive } from '../../src/compute/os-process.ts';
import type { EntityStatus } from '../../src/messages/entity.ts';
import { temporaryFolder } from '../support/children.ts';
import { datasetOf, mustApply } from '../support/manifests.ts';
import { leakGuard, root } from '../support/processes.ts';
import { eventIn, startInstance, type RunningInstance } from '../support/running-instance.ts';
import { conditionOf, readyPids, supervisedOperator } from '../support/supervised-operator.ts';
import { waitFor } from '../support/wait-for.ts';

leakGuard();

const NAME = 'still';
const data = temporaryFolder();
let instance: RunningInstance;

before(async () => {
  instance = await startInstance({
    env: { OPSTREAM_COMPUTES: 'runnable-default=process', OPSTREAM_DATA: data.path, OPSTREAM_STOP_GRACE: '500ms' },
  });
  await mustApply(
    instance.client,
    supervisedOperator(NAME, {
      command: ['node', '--import', import.meta.resolve('tsx'), join(root, 'test', 'support', 'stuck-program.ts')],
      environmentVars: {
        ONCE: join(data.path, 'once'),
        ENTITY_OF_INTEREST_MESSAGE_COMMAND_SUBJECT: `${NAME}.dataset`,
        OPERATOR_MAX_WORKERS: 1,
        OPSTREAM_RECONCILE_TIMEOUT: '1s',
        OPSTREAM_LEASE_TTL: '2s',
      },
    }),
  );
});
after(async () => {
  await instance.stop();
  await endComponents(data.path, 500);
  data.remove();
});

const untilStatus = (name: string, accept: (status: EntityStatus) => boolean): Promise<EntityStatus> =>
  waitFor(
    async () => {
      const answer = await instance.client.query('get', { type: 'resource', workspace: 'public', name });
      const status = answer.ok && answer.value.type === 'resource' ? answer.value.status : undefined;
      return status !== undefined && accept(status) ? status : undefined;
    },
    { what: `the status of ${name}`, timeoutMs: 90_000 },
  );

const declare = (name: string, spec: Readonly<Record<string, string>>) =>
  mustApply(instance.client, datasetOf(NAME, name, spec));

test('a reconcile that does not end holds up no other, and its resource and its operator say so', async () => {
  await declare('first', { does: 'hang' });
  await declare('second', {});
  await untilStatus('second', ({ status }) => status === 'active');
  const hung = await untilStatus('first', ({ conditions }) =>
    conditions.some(({ reason }) => reason === 'ReconcileHangs'),
  );
  assert.equal(hung.status, 'error');
  const stalled = await waitFor(() => conditionOf(instance.client, NAME, 'Stalled'), { what: 'the operator says so' });
  assert.equal(stalled.reason, 'ReconcilesHang');
  assert.match(stalled.message, /^component worker: a reconcile of public\.first has not ended since \d{4}-/);
});

test('a component that stands still is found by its lease, and started again', async () => {
  const [pid = 0] = await waitFor(
    async () => {
      const pids = await readyPids(instance.client, NAME);
      return pids.length === 1 ? pids : undefined;
    },
    { what: 'the component' },
  );
  await declare('third', { does: 'block' });
  await untilStatus('third', ({ status }) => status === 'active');
  assert.ok(!isAlive(pid));
  const told = (await instance.messages('OPSTREAM_STATUS')).map((message) => JSON.stringify(eventIn(message)));
  const pattern =
    /"type":"Stalled","status":"True","reason":"LoopStandsStill","message":"component worker: its instance \d+ stands still: [^"]+ since /;
  assert.ok(told.some((text) => pattern.test(text)));
});
