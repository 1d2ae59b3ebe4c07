// An operator that needs no code, as its user sees it: one secret, one manifest, one resource. The operator-runtime starts the component.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { findNatsServer } from '../../scripts/nats-server.mjs';
import { endComponents } from '../../src/compute/instance-records.ts';
import { startStandIn, type StandIn } from '../../src/stand-ins/azure-data-factory/server.ts';
import { temporaryFolder } from '../support/children.ts';
import { mustApply } from '../support/manifests.ts';
import { seedSpec } from '../unit/operators/azure-data-factory/support.ts';
import { leakGuard } from '../support/processes.ts';
import { startInstance, type RunningInstance } from '../support/running-instance.ts';
import { componentOf } from '../support/supervised-operator.ts';
import { waitFor } from '../support/wait-for.ts';

leakGuard();

let instance: RunningInstance;
let standIn: StandIn;
const data = temporaryFolder();
const text = readFileSync(
  join(import.meta.dirname, '../../src/operators/http/manifests/azure-data-factory.yaml'),
  'utf8',
);

before(async () => {
  standIn = await startStandIn({ queuedMs: 50, runMs: 200 });
  instance = await startInstance({
    env: {
      OPSTREAM_COMPUTES: 'runnable-default=process',
      OPSTREAM_DATA: data.path,
      OPSTREAM_NATS_SERVER: await findNatsServer(),
      OPSTREAM_SECRET_KEYS: `k1:${Buffer.alloc(32, 7).toString('base64')}`,
    },
  });
});
after(async () => {
  await instance.stop();
  await endComponents(data.path, 500);
  await standIn.close();
  data.remove();
});

test('one manifest is an operator', { timeout: 60_000 }, async () => {
  const { tenantId, clientId, clientSecret, subscriptionId } = standIn.options;
  await mustApply(instance.client, {
    name: 'azure',
    version: 'v1',
    type: 'secret',
    secret: {
      type: 'key-value',
      acl: 'r',
      data: {
        AZURE_TENANT_ID: tenantId,
        AZURE_CLIENT_ID: clientId,
        AZURE_CLIENT_SECRET: clientSecret,
        AZURE_SUBSCRIPTION_ID: subscriptionId,
      },
    },
  });
  const here = text
    .replace('https://login.microsoftonline.com', standIn.loginUrl)
    .replace('https://management.azure.com\n', `${standIn.url}\n`)
    .replace('pollInterval: 5s', 'pollInterval: 100ms');
  const applied = await instance.client.send('apply', new TextEncoder().encode(here));
  assert.ok(applied.accepted, JSON.stringify(applied.rejection));
  await waitFor(async () => (await componentOf(instance.client, 'azure-pipelines'))?.state === 'Running', {
    what: 'the component',
    timeoutMs: 20_000,
  });
  await mustApply(instance.client, {
    name: 'nightly',
    version: 'v1alpha',
    type: 'resource',
    resource: {
      operator: 'azure-pipelines',
      type: 'pipeline-run',
      spec: seedSpec,
    },
  });
  let seen: unknown;
  await waitFor(
    async () => {
      const answer = await instance.client.query('get', { type: 'resource', name: 'nightly', workspace: 'public' });
      seen = answer.ok ? answer.value : answer.error;
      return answer.ok && answer.value.type === 'resource' && answer.value.status?.runtime === 'succeeded';
    },
    { what: 'the run', timeoutMs: 20_000 },
  ).catch((error: unknown) => assert.fail(`${String(error)} ${JSON.stringify(seen)}`));
});

test('it works on a NATS server of its own too', { timeout: 60_000 }, async () => {
  const own = text
    .replaceAll('azure-pipelines', 'lonely-pipelines')
    .replace('OPERATOR_MAX_WORKERS: 8', 'METRIC_PORT: 0')
    .replace('\noperator:\n', '\noperator:\n  natsClusterConfig: { name: lonely-nats, compute: runnable-default }\n');
  const applied = await instance.client.send('apply', new TextEncoder().encode(own));
  assert.ok(applied.accepted, JSON.stringify(applied.rejection));
  // It is ready when it does its work: the port says so.
  let last: unknown;
  await waitFor(
    async () => {
      const component = await componentOf(instance.client, 'lonely-pipelines');
      last = component;
      return component?.state === 'Running';
    },
    { what: 'the component', timeoutMs: 20_000 },
  ).catch((error: unknown) => assert.fail(`${String(error)} ${JSON.stringify(last)}`));
});

test('a program that does not compile is refused with its place', { timeout: 20_000 }, async () => {
  const broken = text.replace('state: .response.body.status', "state: '.response.body.'");
  const refused = await instance.client.send('apply', new TextEncoder().encode(broken));
  assert.equal(refused.rejection?.code, 'JQ_INVALID');
  assert.deepEqual(
    refused.rejection?.details.map(({ pointer }) => pointer),
    ['/operator/resources/0/http/run/read/state'],
  );
  assert.ok((refused.rejection?.details[0]?.line ?? 0) > 1);
});

test('a field that an http section does not have is refused with its place', { timeout: 20_000 }, async () => {
  const broken = text.replace('          start:\n', '          begin:\n');
  const refused = await instance.client.send('apply', new TextEncoder().encode(broken));
  assert.equal(refused.rejection?.code, 'MANIFEST_INVALID');
  const pointers = refused.rejection?.details.map(({ pointer }) => pointer) ?? [];
  assert.ok(
    pointers.some((pointer) => pointer?.startsWith('/operator/resources/0/http/run')),
    JSON.stringify(refused.rejection),
  );
});
