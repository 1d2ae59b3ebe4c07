// Which schema a spec is held against: the one of the operator as the command sees it, and never one that was only tried.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { together } from '../../../support/manifests.ts';
import { memoryEvents, memoryHandler } from '../../../support/memory-handler.ts';

const operatorWith = (minimum: number) => ({
  name: 'shop',
  version: 'v1alpha',
  type: 'operator',
  operator: {
    components: [{ name: 'controller', type: 'worker', compute: 'external', image: 'none', replicas: 1 }],
    resources: [
      {
        name: 'db',
        specSchema: {
          jsonSchema: JSON.stringify({ type: 'object', properties: { port: { type: 'integer', minimum } } }),
        },
      },
    ],
    enabledWorkspaces: ['public'],
  },
});
const db = (name: string, port: number) => ({
  name,
  version: 'v1alpha',
  type: 'resource',
  workspace: 'public',
  resource: { operator: 'shop', type: 'db', spec: { port } },
});

describe('a spec', () => {
  it('is not held against a schema that a dry run, or a refused command, has tried', async () => {
    for (const tried of [
      { isDryRun: true, port: 90 },
      { isDryRun: false, port: 1 },
    ]) {
      const handler = memoryHandler(memoryEvents());
      await handler.send('apply', operatorWith(0));
      const { isDryRun, port } = tried;
      const trial = await handler.send('apply', together([operatorWith(80), db('a', port)]), { isDryRun });
      assert.equal(trial.accepted, isDryRun);
      // The same generation, with another schema.
      assert.equal((await handler.send('apply', operatorWith(5))).accepted, true);
      const receipt = await handler.send('apply', db('a', 10));
      assert.equal(receipt.accepted, true, JSON.stringify(receipt.rejection));
      assert.equal((await handler.send('apply', db('b', 4))).rejection?.code, 'SPEC_INVALID');
    }
  });
});
