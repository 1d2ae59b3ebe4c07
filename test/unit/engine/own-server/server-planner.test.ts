// A component that cannot reach its operator's own server is not planned, and why is told.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { withOwnServers } from '../../../../src/engine/own-server/server-planner.ts';
import { noSecrets } from '../../../../src/engine/supervision/plan-inputs.ts';
import { createPlanner, type Plan } from '../../../../src/engine/supervision/planner.ts';
import { serverInstance, serverWish, withServer } from '../../../../src/engine/own-server/place.ts';
import type { Vault } from '../../../../src/engine/ports/vault.ts';
import type { OperatorDocument } from '../../../../src/messages/queries.ts';
import { silentLog } from '../../../../src/program/logger.ts';
import { operatorManifest } from '../../../support/fixtures.ts';

const computes = new Map([
  ['runnable-default', 'process'],
  ['boxes', 'container'],
  ['elsewhere', 'external'],
]);

const operator = (compute: string, serverCompute?: string): OperatorDocument => {
  const manifest = operatorManifest();
  const components = manifest.operator.components.map((one) => ({ ...one, compute }));
  const server = serverCompute === undefined ? {} : { natsClusterConfig: { name: 'adf-nats', compute: serverCompute } };
  const one: OperatorDocument = {
    ...{ name: 'adf-operator', uid: 'u-1', generation: 1, createdAt: '', updatedAt: '', createdBy: '', updatedBy: '' },
    ...{ sequence: 1, manifest: { ...manifest, operator: { ...manifest.operator, components, ...server } } },
  };
  return withServer(one, serverWish(one, computes));
};

/** Of each component, its server among them. */
const plansOf = async (one: OperatorDocument, isolated: readonly string[]): Promise<readonly Plan[]> => {
  const drivers = new Set(['process', 'container']);
  const planner = createPlanner({
    ...{ prefix: 'opstream', computes, drivers, log: silentLog },
    access: async () => ({ environment: { OPSTREAM_NATS_URL: 'nats://127.0.0.1:4333' }, credentials: {} }),
    secrets: async () => noSecrets,
    vault: {} as Vault,
    localOf: () => undefined,
    slowDigest: () => '',
    digest: () => 'abc',
  });
  const within = withOwnServers(planner, {
    ...{ computes, isolated: new Set(isolated), drivers, log: silentLog },
    server: async (of, { name }) => serverInstance(of, name, { configPath: '/data/nats-server.conf', port: 4333 }),
  });
  return Promise.all(one.manifest.operator.components.map((component) => within.plan(one, component)));
};
const kindsOf = (plans: readonly Plan[]): readonly string[] => plans.map(({ kind }) => kind);

describe('a component in a network of its own', () => {
  it("is not started beside its operator's own server, and says why and what to do", async () => {
    const [component, server] = await plansOf(operator('boxes', 'runnable-default'), ['container']);
    assert.equal(component?.kind, 'obstacle');
    assert.ok(component.kind === 'obstacle');
    assert.equal(component.obstacle.code, 'ComputeUnsuitable');
    const { message } = component.obstacle;
    assert.match(message, /^compute "boxes" means containers in a network of their own, .* at 127\.0\.0\.1 .*: /);
    for (const way of ['--network host', 'OPSTREAM_CONTAINER_RUN_FLAGS', '"process"', 'natsClusterConfig.compute'])
      assert.ok(message.includes(way), message);
    assert.equal(server?.kind, 'instances');
  });

  it('is started where the server is the shared one, or nobody asks for another', async () => {
    assert.deepEqual(kindsOf(await plansOf(operator('boxes', 'elsewhere'), ['container'])), ['instances']);
    assert.deepEqual(kindsOf(await plansOf(operator('boxes'), ['container'])), ['instances']);
  });
});

describe('a component on the network of the machine', () => {
  it('is started beside the server, in a container or as a process', async () => {
    const both = ['instances', 'instances'];
    assert.deepEqual(kindsOf(await plansOf(operator('boxes', 'runnable-default'), [])), both);
    assert.deepEqual(kindsOf(await plansOf(operator('runnable-default', 'runnable-default'), ['container'])), both);
  });

  it('may be one that nobody starts', async () => {
    const external = operator('elsewhere', 'runnable-default');
    assert.deepEqual(kindsOf(await plansOf(external, ['container'])), ['external', 'instances']);
  });
});
