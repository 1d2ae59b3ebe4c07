// What the planner refuses to plan for what a compute's driver needs.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { noSecrets } from '../../../../src/engine/supervision/plan-inputs.ts';
import { createPlanner, type Plan } from '../../../../src/engine/supervision/planner.ts';
import type { Vault } from '../../../../src/engine/ports/vault.ts';
import type { ComponentSpec } from '../../../../src/messages/manifest-types.ts';
import type { OperatorDocument } from '../../../../src/messages/queries.ts';
import { silentLog } from '../../../../src/program/logger.ts';
import { operatorManifest } from '../../../support/fixtures.ts';

const operator: OperatorDocument = {
  ...{ name: 'adf-operator', uid: 'u-1', generation: 1, createdAt: '', updatedAt: '', createdBy: '', updatedBy: '' },
  ...{ sequence: 1, manifest: operatorManifest() },
};
const planner = createPlanner({
  ...{ prefix: 'opstream', drivers: new Set(['process', 'container']), log: silentLog },
  computes: new Map([
    ['runnable-default', 'process'],
    ['boxes', 'container'],
    ['elsewhere', 'external'],
  ]),
  access: async () => ({ environment: {}, credentials: {} }),
  secrets: async () => noSecrets,
  vault: {} as Vault,
  localOf: (image) => image,
  slowDigest: () => '',
  digest: () => 'abc',
});
const planOf = (change: Partial<ComponentSpec>): Promise<Plan> =>
  planner.plan(operator, {
    ...{ name: 'c', type: 'worker', compute: 'runnable-default', command: ['/opt/c'], replicas: 1, ...change },
  });

describe('a component without an image', () => {
  it('runs as a process by its command', async () => {
    const plan = await planOf({});
    assert.ok(plan.kind === 'instances');
    assert.deepEqual(
      plan.desired.map(({ image, command }) => [image, command]),
      [[undefined, ['/opt/c']]],
    );
  });

  it('is not planned for a driver that starts images, and says what to do', async () => {
    const plan = await planOf({ compute: 'boxes' });
    assert.ok(plan.kind === 'obstacle');
    assert.deepEqual(plan.obstacle, {
      code: 'ComputeUnsuitable',
      message:
        'compute "boxes" means the driver "container", which starts images, and the component names none: give it an "image", or a compute that means "process"',
    });
    assert.equal((await planOf({ compute: 'boxes', image: 'i:1' })).kind, 'instances');
  });

  it('is started by somebody else all the same', async () =>
    assert.equal((await planOf({ compute: 'elsewhere' })).kind, 'external'));
});
