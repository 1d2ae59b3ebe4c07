// Two operator-runtimes with data folders of their own, as on two machines; and secrets of components that change.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { allRecords, componentsFolder, endComponents, isRunning } from '../../src/compute/instance-records.ts';
import type { JsonObject } from '../../src/core/json.ts';
import { temporaryFolder } from '../support/children.ts';
import { mustApply } from '../support/manifests.ts';
import { leakGuard, startProcess, type TestProcess } from '../support/processes.ts';
import { startInstance, type RunningInstance } from '../support/running-instance.ts';
import { componentOf, conditionOf, readyPids, supervisedOperator } from '../support/supervised-operator.ts';
import { waitFor } from '../support/wait-for.ts';

leakGuard();

let instance: RunningInstance;
const here = temporaryFolder();
const there = temporaryFolder();
let second: TestProcess | undefined;
const settings = (data: string): Record<string, string> => ({
  OPSTREAM_COMPUTES: 'runnable-default=process',
  OPSTREAM_DATA: data,
  OPSTREAM_SECRET_KEYS: `k1:${Buffer.alloc(32, 7).toString('base64')}`,
});
const running = (data: string): readonly string[] =>
  allRecords(componentsFolder(data, 'opstream'))
    .filter(isRunning)
    .map(({ id }) => id);

before(async () => {
  instance = await startInstance({ env: settings(here.path) });
});
after(async () => {
  await second?.kill9();
  await instance.stop();
  for (const { path, remove } of [here, there]) {
    await endComponents(path, 500);
    remove();
  }
});

const secret = (token: string): JsonObject => ({
  ...{ name: 'creds', version: 'v1', type: 'secret', workspace: 'public' },
  secret: { type: 'key-value', acl: 'r', data: { TOKEN: token } },
});

describe('secrets of a supervised component', () => {
  it('are missed by name, given when they are there, and roll the component when they change', async () => {
    const { client } = instance;
    await mustApply(
      client,
      supervisedOperator('sec', { secrets: [{ name: 'creds', workspace: 'public', allKeys: true }] }),
    );
    const missing = await waitFor(
      async () => {
        const found = await conditionOf(client, 'sec', 'ComponentsReady');
        return found?.reason === 'COMPONENT_NOT_STARTABLE' ? found : undefined;
      },
      { what: 'the missing secret to be told' },
    );
    assert.match(missing.message, /no secret "creds" in workspace "public"/);
    const untilToken = (token: string) =>
      waitFor(
        async () => {
          const component = await componentOf(client, 'sec');
          const address = component?.instances.find(({ state }) => state === 'ready')?.addresses['metrics'];
          if (component?.state !== 'Running' || address === undefined) return undefined;
          const answer = await fetch(`http://${address}/environment`).catch(() => undefined);
          const { env } = ((await answer?.json()) ?? { env: {} }) as { env: Record<string, string> };
          return env['TOKEN'] === token ? (await readyPids(client, 'sec'))[0] : undefined;
        },
        { what: `a component with ${token}`, timeoutMs: 20_000 },
      );
    await mustApply(client, secret('first-token'));
    const pid = await untilToken('first-token');
    await mustApply(client, secret('second-token'));
    assert.notEqual(await untilToken('second-token'), pid);
    const statuses = (await instance.messages('OPSTREAM_STATUS')).map(({ data }) => Buffer.from(data).toString());
    assert.ok(!statuses.some((text) => /(?:first|second)-token/.test(text)));
  });
});

describe('a runtime at another place', () => {
  it('starts its own components when it leads, and the one that led ends those that it left', async () => {
    await mustApply(instance.client, supervisedOperator('moves'));
    await waitFor(() => running(here.path).some((id) => id.startsWith('moves.')), { what: 'it to run here' });
    second = startProcess('src/processes/operator-runtime.ts', {
      name: 'second operator-runtime',
      env: { OPSTREAM_NATS_URL: instance.server.url, OPSTREAM_LEASE_TTL: '1s', ...settings(there.path) },
    });
    const [first] = instance.of('operator-runtime');
    // Not dead, only silent: its lease ends.
    first?.signal('SIGSTOP');
    await waitFor(() => running(there.path).some((id) => id.startsWith('moves.')), {
      what: 'it to run there',
      timeoutMs: 30_000,
    });
    assert.ok(running(here.path).some((id) => id.startsWith('moves.')));
    first?.signal('SIGCONT');
    await waitFor(() => running(here.path).length === 0, { what: 'nothing to run here', timeoutMs: 30_000 });
    assert.ok(running(there.path).some((id) => id.startsWith('moves.')));
  });
});
