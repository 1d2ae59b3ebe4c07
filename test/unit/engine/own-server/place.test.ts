import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  isServer,
  serverInstance,
  serverProblem,
  serverWish,
  withoutServer,
  withServer,
} from '../../../../src/engine/own-server/place.ts';
import type { JsonValue } from '../../../../src/core/json.ts';
import { documentFromValue } from '../../../../src/manifest/document.ts';
import { validateManifest } from '../../../../src/manifest/validate.ts';
import type { OperatorDocument } from '../../../../src/messages/queries.ts';
import { operatorManifest } from '../../../support/fixtures.ts';

const computes = new Map([
  ['runnable-default', 'process'],
  ['elsewhere', 'external'],
]);
const operator = (compute?: string): OperatorDocument => {
  const manifest = operatorManifest();
  const config = compute === undefined ? {} : { natsClusterConfig: { name: 'adf-nats', compute } };
  return {
    ...{ name: 'adf-operator', uid: 'u-1', generation: 1, createdAt: '', updatedAt: '', createdBy: '', updatedBy: '' },
    ...{ sequence: 1, manifest: { ...manifest, operator: { ...manifest.operator, ...config } } },
  };
};
const componentsOf = (one: OperatorDocument): readonly string[] =>
  withServer(one, serverWish(one, computes)).manifest.operator.components.map(({ name }) => name);

describe('the server of an operator', () => {
  it('is its own when somebody here can start it', () => {
    const one = operator('runnable-default');
    assert.deepEqual(serverWish(one, computes), { location: 'own', name: 'adf-nats', compute: 'runnable-default' });
    assert.deepEqual(componentsOf(one), ['adf-controller', 'adf-nats']);
  });

  it('is the shared one when nobody starts anything, or none is asked for', () => {
    assert.equal(serverWish(operator('elsewhere'), computes)?.location, 'shared');
    assert.deepEqual(componentsOf(operator('elsewhere')), ['adf-controller']);
    assert.equal(serverWish(operator(), computes), undefined);
    assert.deepEqual(componentsOf(operator()), ['adf-controller']);
  });

  it('is none of the components in the manifest that those are given, which is valid as it was stored', () => {
    const stored = operator('runnable-default');
    const given = withoutServer(withServer(stored, serverWish(stored, computes)));
    assert.deepEqual(given, stored);
    const document = documentFromValue(given.manifest as unknown as JsonValue);
    assert.ok(document.ok && validateManifest(document.value, { defaultWorkspace: 'public', actor: 'a' }).ok);
  });

  it('is wanted where the compute is unknown too: that is an obstacle to be told', () => {
    assert.equal(serverWish(operator('typo'), computes)?.location, 'own');
  });

  it('is told to be impossible where no process can be started', () => {
    const drivers = new Map([...computes, ['boxes', 'container']]);
    assert.equal(serverProblem('runnable-default', drivers), undefined);
    assert.match(serverProblem('boxes', drivers) ?? '', /compute "boxes" means the driver "container": name one/);
    assert.match(serverProblem('typo', drivers) ?? '', /compute "typo" is not known/);
  });

  it('is one instance, whatever else changes of the operator', () => {
    const one = operator('runnable-default');
    const place = { configPath: '/data/nats-server.conf', port: 4333 };
    const instance = serverInstance(one, 'adf-nats', place);
    const changed = serverInstance({ ...one, generation: 9, sequence: 99 }, 'adf-nats', place);
    assert.deepEqual(changed, instance);
    assert.deepEqual(instance.arguments, ['-c', '/data/nats-server.conf']);
    const [component, server] = withServer(one, serverWish(one, computes)).manifest.operator.components;
    assert.deepEqual(
      [component, server].map((each) => each !== undefined && isServer(one, each)),
      [false, true],
    );
  });
});
