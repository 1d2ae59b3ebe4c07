// Components that hang, crash loops over a change of leader, and credentials that change: real programs, a real server.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { endComponents } from '../../src/compute/instance-records.ts';
import { isAlive } from '../../src/compute/os-process.ts';
import type { ComponentStatus } from '../../src/messages/entity.ts';
import { temporaryFolder } from '../support/children.ts';
import { mustApply } from '../support/manifests.ts';
import { leakGuard, startProcess, type TestProcess } from '../support/processes.ts';
import { eventIn, startInstance, type RunningInstance } from '../support/running-instance.ts';
import { componentOf, readyPids, supervisedOperator } from '../support/supervised-operator.ts';
import { waitFor } from '../support/wait-for.ts';

leakGuard();

let instance: RunningInstance;
let other: TestProcess | undefined;
const data = temporaryFolder();
const env = {
  OPSTREAM_COMPUTES: 'runnable-default=process',
  OPSTREAM_DATA: data.path,
  METRIC_PORT: '0',
  OPSTREAM_RESTART_PAUSE: '50ms',
  OPSTREAM_MAX_RESTART_PAUSE: '60s',
  OPSTREAM_STOP_GRACE: '500ms',
  OPSTREAM_LIVENESS_PERIOD: '700ms',
  OPSTREAM_COMPONENT_NATS_USER: 'components',
  OPSTREAM_COMPONENT_NATS_PASSWORD: 'first-password-71',
};

before(async () => {
  instance = await startInstance({ env });
});
after(async () => {
  await other?.kill9();
  await instance.stop();
  await endComponents(data.path, 500);
  data.remove();
});

const untilReady = (name: string, accept: (pid: number) => boolean = () => true): Promise<number> =>
  waitFor(
    async () => {
      const [pid] = await readyPids(instance.client, name);
      return pid !== undefined && accept(pid) ? pid : undefined;
    },
    { what: `${name} to be ready`, timeoutMs: 40_000 },
  );
const untilComponent = (name: string, accept: (component: ComponentStatus) => boolean): Promise<ComponentStatus> =>
  waitFor(
    async () => {
      const component = await componentOf(instance.client, name);
      return component !== undefined && accept(component) ? component : undefined;
    },
    { what: `what is told of ${name}`, timeoutMs: 40_000 },
  );

const metricsText = async (): Promise<string> => {
  const line = await instance.of('operator-runtime')[0]?.waitForLine('metrics served');
  return (await fetch(`http://127.0.0.1:${String(line?.['port'])}/metrics`)).text();
};

describe('a component that hangs', () => {
  it('is ended, started again, and told as Unhealthy; one that answers goes on', async () => {
    await mustApply(instance.client, supervisedOperator('well'));
    await mustApply(instance.client, supervisedOperator('hangs'));
    const well = await untilReady('well');
    const pid = await untilReady('hangs');
    process.kill(pid, 'SIGSTOP');
    await untilReady('hangs', (one) => one !== pid);
    assert.ok(!isAlive(pid));
    const component = await untilComponent('hangs', ({ restarts }) => restarts === 1);
    assert.equal(component.replicas?.[0]?.lastFailure?.code, 'Unhealthy');
    const told = (await instance.messages('OPSTREAM_STATUS'))
      .map((message) => JSON.stringify(eventIn(message)))
      .filter((text) => /"subject":"operator\._\.hangs"/.test(text));
    assert.ok(told.some((text) => /"status":"False","reason":"Unhealthy"/.test(text)));
    assert.deepEqual(await readyPids(instance.client, 'well'), [well]);
    const values = await metricsText();
    assert.match(values, /opstream_supervised_restarts_total\{operator="hangs"\} 1/);
    assert.match(values, /opstream_supervised_starts_total\{operator="hangs"\} 2/);
    assert.match(values, /opstream_supervised_instances\{operator="well",state="ready"\} 1/);
  });
});

describe('a crash loop', () => {
  it('is not hidden by another leader: the pause and the counts go on', async () => {
    await mustApply(
      instance.client,
      supervisedOperator('loops', { environmentVars: { METRIC_PORT: 0, EXIT_CODE: 3 } }),
    );
    const loop = await untilComponent('loops', ({ replicas }) => (replicas?.[0]?.failures ?? 0) >= 6);
    await instance.replace('operator-runtime');
    await mustApply(instance.client, supervisedOperator('marker'));
    await untilReady('marker');
    const after = await untilComponent('loops', () => true);
    assert.equal(after.state, 'CrashLoopBackOff');
    assert.ok(after.restarts >= loop.restarts, `${after.restarts} restarts after ${loop.restarts}`);
    assert.ok((after.replicas?.[0]?.failures ?? 0) >= 6);
  });
});

describe('credentials of components', () => {
  it('roll the components when they change, and are in no name and no status', async () => {
    await mustApply(instance.client, supervisedOperator('rolls'));
    const pid = await untilReady('rolls');
    await instance.kill9('operator-runtime');
    other = startProcess('src/processes/operator-runtime.ts', {
      name: 'operator-runtime with another password',
      env: {
        ...{ OPSTREAM_NATS_URL: instance.server.url, OPSTREAM_LEASE_TTL: '1s', ...env },
        OPSTREAM_COMPONENT_NATS_PASSWORD: 'second-password-72',
      },
    });
    await untilReady('rolls', (one) => one !== pid);
    await waitFor(() => !isAlive(pid), { what: 'the old one to end', timeoutMs: 20_000 });
    const component = await componentOf(instance.client, 'rolls');
    const address = component?.instances.find(({ state }) => state === 'ready')?.addresses['metrics'];
    const answer = await fetch(`http://${address}/environment`);
    const told = (await answer.json()) as { env: Record<string, string> };
    assert.equal(told.env['OPSTREAM_NATS_PASSWORD'], 'second-password-72');
    const statuses = (await instance.messages('OPSTREAM_STATUS')).map(({ data: bytes }) =>
      Buffer.from(bytes).toString(),
    );
    assert.ok(!statuses.some((text) => /(?:first|second)-password/.test(text)));
  });
});
