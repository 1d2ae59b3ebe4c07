// Two command-handlers, a resource and a tighter schema at the same moment, two hundred times: whatever both accept is told afterwards.

import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import type { JsonObject } from '../../src/core/json.ts';
import { mustApply, operatorNamed } from '../support/manifests.ts';
import { leakGuard } from '../support/processes.ts';
import { startInstance, type RunningInstance } from '../support/running-instance.ts';
import { conditionOf } from '../support/supervised-operator.ts';
import { waitFor } from '../support/wait-for.ts';

leakGuard();

const OPERATORS = 10;
const TYPES = 20;
let instance: RunningInstance;
before(async () => {
  instance = await startInstance({ copies: { 'command-handler': 2 } });
});
after(() => instance.stop());

const typeName = (index: number): string => `kind-${index}`;
const schema = (type: string): string =>
  JSON.stringify({ type: 'object', properties: { size: { type } }, required: ['size'] });

/** With the first `tight` types taking integers only. */
const raced = (name: string, tight: number): JsonObject => {
  const manifest = operatorNamed(name) as { operator: JsonObject & { resources: readonly JsonObject[] } };
  const plain = manifest.operator.resources.find((type) => type['name'] === 'dataset') ?? {};
  const resources = Array.from({ length: TYPES }, (_, index) => ({
    ...{ ...plain, name: typeName(index) },
    specSchema: { jsonSchema: schema(index < tight ? 'integer' : 'string') },
    natsApi: {
      command: { stream: `${name}-channel`, subject: `${name}.${typeName(index)}` },
      query: { subject: `${name}.${typeName(index)}.query`, replySubject: `${name}.${typeName(index)}.reply` },
    },
  }));
  return { ...manifest, operator: { ...manifest.operator, resources } } as JsonObject;
};
const resourceOf = (operator: string, index: number): JsonObject => ({
  ...{ name: `${operator}-${index}`, version: 'v1alpha', type: 'resource', workspace: 'public' },
  resource: { operator, type: typeName(index), spec: { size: 'large' } },
});

it('tells every resource that was accepted by the schema before, and no other', async () => {
  const { client } = instance;
  const misfits = new Map<string, string[]>();
  let refusals = 0;
  const race = async (operator: string): Promise<void> => {
    await mustApply(client, raced(operator, 0));
    const late: string[] = [];
    misfits.set(operator, late);
    for (let round = 0; round < TYPES; round += 1) {
      const [resource, change] = await Promise.all([
        client.send('apply', resourceOf(operator, round)),
        client.send('apply', raced(operator, round + 1)),
      ]);
      if (change.accepted && resource.accepted) late.push(`${operator}-${round}`);
      refusals += Number(!resource.accepted);
      if (change.accepted) continue;
      // The census saw the resource: it is the change that has to wait.
      refusals += 1;
      assert.equal(change.rejection?.code, 'SCHEMA_BREAKS_RESOURCES');
      const mended = { ...resourceOf(operator, round) } as JsonObject & { resource: JsonObject };
      const deleted = await client.send('delete', {
        type: 'resource',
        workspace: 'public',
        name: String(mended['name']),
      });
      assert.ok(deleted.accepted);
      await mustApply(client, raced(operator, round + 1));
    }
  };
  const operators = Array.from({ length: OPERATORS }, (_, index) => `race-${index}`);
  await Promise.all(operators.map(race));
  assert.equal([...misfits.values()].flat().length + refusals, OPERATORS * TYPES);
  for (const operator of operators) {
    const late = misfits.get(operator) ?? [];
    const wanted = late.length === 0 ? 'True' : 'False';
    const told = await waitFor(
      async () => {
        const condition = await conditionOf(client, operator, 'ResourcesValid');
        return condition?.status === wanted && condition.observedGeneration > TYPES ? condition : undefined;
      },
      { what: `${operator} to be told ${wanted}`, timeoutMs: 40_000 },
    );
    if (late.length > 0) assert.match(told.message, new RegExp(`^${late.length} resource`));
    for (const name of late.slice(0, 20)) assert.ok(told.message.includes(`public/${name}`));
    for (const name of late) await client.send('delete', { type: 'resource', workspace: 'public', name });
  }
  for (const operator of operators) {
    await waitFor(async () => (await conditionOf(client, operator, 'ResourcesValid'))?.status === 'True', {
      what: `${operator} to be mended`,
      timeoutMs: 40_000,
    });
  }
});
