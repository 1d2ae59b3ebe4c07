// Components that the operator-runtime runs: a real server, the real programs, real processes as components.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { join } from 'node:path';
import { existsSync, readFileSync } from 'node:fs';
import { allRecords, componentsFolder, endComponents, isRunning } from '../../src/compute/instance-records.ts';
import { isAlive } from '../../src/compute/os-process.ts';
import { temporaryFolder } from '../support/children.ts';
import { mustApply } from '../support/manifests.ts';
import { opstreamAt } from '../support/opstream-at.ts';
import { leakGuard } from '../support/processes.ts';
import { eventIn, startInstance, type RunningInstance } from '../support/running-instance.ts';
import {
  componentOf,
  conditionOf,
  readyPids,
  smallComponent,
  statusOf,
  supervisedOperator,
} from '../support/supervised-operator.ts';
import { waitFor } from '../support/wait-for.ts';

leakGuard();

const PASSWORD = 'runtime-password-9f2';
let instance: RunningInstance;
let data: ReturnType<typeof temporaryFolder>;

/** Of one operator, as the operating system has them, whatever anybody reports. */
const running = (operator: string): readonly { readonly id: string; readonly pid: number }[] =>
  allRecords(componentsFolder(data.path, 'opstream'))
    .filter((record) => record.removedMs === undefined && record.id.startsWith(`${operator}.`) && isRunning(record))
    .map(({ id, pid }) => ({ id, pid }));

const untilReady = (name: string, count = 1): Promise<readonly number[]> =>
  waitFor(
    async () => {
      const component = await componentOf(instance.client, name);
      const pids = await readyPids(instance.client, name);
      return component?.state === 'Running' && pids.length === count ? pids : undefined;
    },
    { what: `${count} ready of ${name}`, timeoutMs: 20_000 },
  );

before(async () => {
  data = temporaryFolder();
  instance = await startInstance({
    env: {
      OPSTREAM_COMPUTES: 'runnable-default=process,external=external',
      OPSTREAM_DATA: data.path,
      OPSTREAM_RESTART_PAUSE: '20ms',
      OPSTREAM_MAX_RESTART_PAUSE: '400ms',
      OPSTREAM_PROGRESS_DEADLINE: '1s',
      OPSTREAM_STOP_GRACE: '2s',
      OPSTREAM_NATS_PASSWORD: PASSWORD,
      OPSTREAM_SECRET_KEYS: `k1:${Buffer.alloc(32, 7).toString('base64')}`,
    },
  });
});
after(async () => {
  await instance.stop();
  await endComponents(data.path, 500);
  data.remove();
});

describe('a supervised component', () => {
  it('is started from the manifest, with its channel and nothing of the runtime', async () => {
    const { client } = instance;
    await mustApply(
      client,
      supervisedOperator('first', {
        ...{ replicas: 2, arguments: ['operator'], runAsUser: 'minerva-cluster', runAsApiKey: 'the-api-key' },
        environmentVars: {
          METRIC_PORT: 0,
          LOG_LEVEL: 'debug',
          ENTITY_OF_INTEREST_MESSAGE_COMMAND_SUBJECT: 'first.dataset',
        },
      }),
    );
    const pids = await untilReady('first', 2);
    assert.equal(new Set(pids).size, 2);
    const component = await componentOf(client, 'first');
    assert.deepEqual(
      component?.instances.map(({ replica, state }) => [replica, state]),
      [
        [0, 'ready'],
        [1, 'ready'],
      ],
    );
    assert.equal((await conditionOf(client, 'first', 'ComponentsReady'))?.status, 'True');
    assert.equal((await conditionOf(client, 'first', 'Ready'))?.reason, 'ChannelReady');
    const answer = await fetch(`http://${component?.instances[0]?.addresses['metrics']}/environment`);
    const { env } = (await answer.json()) as { env: Record<string, string> };
    assert.equal(env['OPSTREAM_NATS_URL'], instance.server.url);
    assert.equal(env['OPSTREAM_PREFIX'], 'opstream');
    assert.equal(env['OPSTREAM_OPERATOR'], 'first');
    assert.equal(env['ENTITY_OF_INTEREST_MESSAGE_STREAM'], 'first-channel');
    assert.equal(env['ENTITY_OF_INTEREST_MESSAGE_QUERY_REPLY_SUBJECT'], 'first.dataset.reply');
    assert.equal(env['DATAOS_RUN_AS_USER'], 'minerva-cluster');
    assert.equal(env['DATAOS_RUN_AS_APIKEY'], 'the-api-key');
    assert.equal(env['DATAOS_RESOURCE_ID'], 'operator:v1alpha:first');
    assert.equal(env['RUNNABLE_TYPE'], 'worker');
    assert.equal(env['DATAOS_LOG_LEVEL'], 'debug');
    const told = JSON.stringify(env);
    assert.ok(!told.includes(PASSWORD) && !('OPSTREAM_SECRET_KEYS' in env) && !('OPSTREAM_DATA' in env));
    const statuses = (await instance.messages('OPSTREAM_STATUS')).map((message) => JSON.stringify(eventIn(message)));
    assert.ok(statuses.length > 0 && !statuses.some((text) => text.includes('the-api-key')));
  });

  it('is started again after it died', async () => {
    await mustApply(instance.client, supervisedOperator('dies'));
    const [pid = 0] = await untilReady('dies');
    process.kill(pid, 'SIGKILL');
    const next = await waitFor(async () => (await readyPids(instance.client, 'dies')).find((one) => one !== pid), {
      what: 'another one',
    });
    assert.ok(isAlive(next));
    await waitFor(async () => (await componentOf(instance.client, 'dies'))?.restarts === 1, { what: 'the count' });
  });

  it('is in a crash loop when it ends again and again, and mends with a new manifest; others do not notice', async () => {
    const { client } = instance;
    await mustApply(client, supervisedOperator('loops', { environmentVars: { METRIC_PORT: 0, EXIT_CODE: 3 } }));
    const component = await waitFor(
      async () => {
        const seen = await componentOf(client, 'loops');
        return seen?.state === 'CrashLoopBackOff' ? seen : undefined;
      },
      { what: 'a crash loop' },
    );
    assert.match(component.message ?? '', /ended with exit code 3.*failures in a row/);
    const ready = await conditionOf(client, 'loops', 'Ready');
    assert.deepEqual([ready?.status, ready?.reason], ['False', 'CrashLoopBackOff']);
    assert.equal((await componentOf(client, 'first'))?.state, 'Running');
    await mustApply(client, supervisedOperator('loops'));
    await untilReady('loops');
  });

  it('says what is missing when its program is not here, or its compute unknown', async () => {
    const { client } = instance;
    await mustApply(client, supervisedOperator('absent', { command: ['/opt/tmdc-io/azure-operator'] }));
    await mustApply(client, supervisedOperator('nowhere', { compute: 'moon' }));
    const reasonOf = (name: string) =>
      waitFor(
        async () => {
          const found = await conditionOf(client, name, 'ComponentsReady');
          return found?.status === 'False' && found.reason !== 'Progressing' ? found : undefined;
        },
        { what: `the trouble of ${name}` },
      );
    const absent = await reasonOf('absent');
    assert.equal(absent.reason, 'COMPONENT_NOT_STARTABLE');
    assert.match(absent.message, /program \/opt\/tmdc-io\/azure-operator is not on this machine/);
    const nowhere = await reasonOf('nowhere');
    assert.equal(nowhere.reason, 'ComputeUnknown');
    assert.match(nowhere.message, /no compute "moon"; known are runnable-default, external/);
    assert.equal((await statusOf(client, 'nowhere'))?.status, 'active');
  });

  it('changes with one ready at all times', async () => {
    const { client } = instance;
    await mustApply(client, supervisedOperator('rolls'));
    const [old = 0] = await untilReady('rolls');
    await mustApply(client, supervisedOperator('rolls', { environmentVars: { METRIC_PORT: 0, GREETING: 'new' } }));
    let most = 0;
    const next = await waitFor(
      async () => {
        const there = running('rolls');
        most = Math.max(most, there.length);
        assert.ok(there.length > 0 && there.length <= 2, `${there.length} instances`);
        // The old one goes only when the new one has answered that it is ready.
        const pids = await readyPids(client, 'rolls');
        if (!isAlive(old))
          assert.ok(pids.some((pid) => pid !== old) || running('rolls').some(({ pid }) => pid !== old));
        return (await componentOf(client, 'rolls'))?.state === 'Running' ? pids.find((pid) => pid !== old) : undefined;
      },
      { what: 'the new one', timeoutMs: 20_000, intervalMs: 5 },
    );
    assert.notEqual(next, old);
    assert.equal(most, 2);
    await waitFor(() => !isAlive(old), { what: 'the old one to be gone' });
    assert.equal(running('rolls').length, 1);
    // Both of them say why: the status, and the history of the operator.
    assert.deepEqual((await componentOf(client, 'rolls'))?.replicas?.[0]?.rolledFor, ['manifest']);
    assert.ok((await client.send('restart', { type: 'operator', name: 'rolls' })).accepted);
    await waitFor(
      async () => {
        const seen = await componentOf(client, 'rolls');
        return seen?.state === 'Running' && seen.replicas?.[0]?.rolledFor?.[0] === 'restart';
      },
      { what: 'the restarted one', timeoutMs: 20_000 },
    );
    const told = await opstreamAt(instance.server.url, 'history', '-t', 'operator', '-n', 'rolls');
    assert.match(told.out, /rolled for manifest[^]*rolled for restart/);
  });

  it('stalls when the new one does not get ready, and the old one goes on', async () => {
    const { client } = instance;
    await mustApply(client, supervisedOperator('stalls'));
    const [old = 0] = await untilReady('stalls');
    await mustApply(client, supervisedOperator('stalls', { environmentVars: { METRIC_PORT: 0, NEVER_READY: 1 } }));
    const stalled = await waitFor(() => conditionOf(client, 'stalls', 'Stalled'), { what: 'Stalled' });
    assert.equal(stalled.reason, 'ProgressDeadlineExceeded');
    assert.match(stalled.message, /not ready after 1 s.*kept/);
    assert.ok(isAlive(old));
    // The first manifest again: the old instance is the right one, and the new one goes.
    await mustApply(client, supervisedOperator('stalls'));
    assert.deepEqual(await untilReady('stalls'), [old]);
    await waitFor(() => running('stalls').length === 1, { what: 'the new one to be gone' });
  });

  it('is stopped politely, and with its operator', async () => {
    const { client } = instance;
    await mustApply(client, supervisedOperator('goes', { replicas: 2 }));
    const pids = await untilReady('goes', 2);
    await mustApply(client, supervisedOperator('goes', { replicas: 1 }));
    const left = await untilReady('goes', 1);
    assert.ok(pids.includes(left[0] ?? 0));
    const stopped = allRecords(componentsFolder(data.path, 'opstream')).find(
      ({ id, pid }) => id.startsWith('goes.') && pid !== left[0],
    );
    assert.match(
      readFileSync(join(componentsFolder(data.path, 'opstream'), stopped?.id ?? '', 'stdout.log'), 'utf8'),
      /stopping/,
    );
    const receipt = await client.send('delete', { type: 'operator', name: 'goes' });
    assert.ok(receipt.accepted);
    await waitFor(() => running('goes').length === 0, { what: 'all of them to be gone', timeoutMs: 20_000 });
    assert.ok(!pids.some(isAlive));
  });
});

describe('a killed operator-runtime', () => {
  it('leaves its components running, and the next one adopts them', async () => {
    await mustApply(instance.client, supervisedOperator('lives', { replicas: 2 }));
    const pids = await untilReady('lives', 2);
    await instance.kill9('operator-runtime');
    assert.ok(pids.every(isAlive));
    const next = await instance.start('operator-runtime');
    await next.waitForLine('dispatch started');
    // A change tells when the next one has looked.
    await mustApply(instance.client, supervisedOperator('marker'));
    await untilReady('marker');
    assert.deepEqual([...(await readyPids(instance.client, 'lives'))].sort(), [...pids].sort());
    assert.equal(running('lives').length, 2);
  });

  it('comes back to a changed manifest: what is old goes, what is deleted too', async () => {
    const { client } = instance;
    await mustApply(client, supervisedOperator('changes'));
    await mustApply(client, supervisedOperator('vanishes'));
    const [changed = 0] = await untilReady('changes');
    const [kept = 0] = await untilReady('vanishes');
    await instance.kill9('operator-runtime');
    await mustApply(client, supervisedOperator('changes', { arguments: ['new'] }));
    const receipt = await client.send('delete', { type: 'operator', name: 'vanishes' });
    assert.ok(receipt.accepted);
    assert.ok(isAlive(changed) && isAlive(kept));
    await instance.start('operator-runtime');
    await waitFor(() => !isAlive(changed) && !isAlive(kept), { what: 'the old ones to be gone', timeoutMs: 30_000 });
    assert.equal(running('vanishes').length, 0);
    await waitFor(() => running('changes').length === 1, { what: 'the new one' });
    // What the killed one knew is in its last status.
    await untilReady('changes');
    assert.deepEqual((await componentOf(client, 'changes'))?.replicas?.[0]?.rolledFor, ['manifest']);
  });

  it('is replaced by a standby that starts nothing twice', async () => {
    await mustApply(instance.client, supervisedOperator('once', { replicas: 2 }));
    const pids = await untilReady('once', 2);
    await instance.start('operator-runtime');
    await instance.kill9('operator-runtime');
    await mustApply(instance.client, supervisedOperator('marker', { arguments: ['again'] }));
    await waitFor(
      async () => {
        assert.equal(running('once').length, 2);
        const component = await componentOf(instance.client, 'marker');
        return component?.state === 'Running' && running('marker').length === 1;
      },
      { what: 'the standby to lead', timeoutMs: 30_000 },
    );
    assert.deepEqual([...(await readyPids(instance.client, 'once'))].sort(), [...pids].sort());
    assert.ok(existsSync(smallComponent));
  });
});
