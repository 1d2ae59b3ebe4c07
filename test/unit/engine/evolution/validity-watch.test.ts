// What is told of resources that slipped past a change of their operator: when it is looked, what is kept, what is not looked at again.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Entity, OperatorStatus } from '../../../../src/messages/entity.ts';
import type { OperatorDocument } from '../../../../src/messages/queries.ts';
import { createValidityWatch } from '../../../../src/engine/evolution/validity-watch.ts';
import { operatorManifest } from '../../../support/fixtures.ts';
import { silentLog } from '../../../support/silent-log.ts';
import { waitFor } from '../../../support/wait-for.ts';

const manifestWith = (type: string, tags: readonly string[] = []) => {
  const plain = operatorManifest({ name: 'op' });
  const [first] = plain.operator.resources;
  if (first === undefined) throw new Error('no type');
  const specSchema = {
    ...first.specSchema,
    jsonSchema: JSON.stringify({ type: 'object', properties: { size: { type } } }),
  };
  return { ...plain, tags, operator: { ...plain.operator, resources: [{ ...first, specSchema }] } };
};
const documentOf = (generation: number, type: string, tags?: readonly string[]): OperatorDocument => ({
  ...{ name: 'op', uid: 'u-1', generation, createdAt: '', updatedAt: '', createdBy: '', updatedBy: '' },
  ...{ sequence: generation, manifest: manifestWith(type, tags) as never },
});
const typeName = manifestWith('string').operator.resources[0]?.name ?? '';

const world = (first: OperatorDocument, last?: OperatorStatus) => {
  let operator = first;
  let looks = 0;
  const sizes = new Map<string, unknown>();
  const stop = new AbortController();
  const watch = createValidityWatch({
    census: {
      judgeAll: async (_operator, judge) => {
        looks += 1;
        return [...sizes].flatMap(([name, size]) => {
          const entity = {
            manifest: { name, workspace: 'public', resource: { type: typeName, operator: 'op', spec: { size } } },
          } as unknown as Entity;
          const found = judge(entity);
          return found === undefined ? [] : [{ entity, found }];
        });
      },
    },
    ...{ graceMs: 5, current: () => operator, onTold: () => undefined, lastStatus: async () => last },
    clock: {
      nowMs: () => Date.now(),
      sleep: (ms: number) => new Promise((done) => setTimeout(done, ms)),
    } as never,
    ...{ log: silentLog, signal: stop.signal },
  });
  const until = (status: string) =>
    waitFor(() => watch.toldOf(operator).find((told) => told.status === status), { what: status });
  return {
    ...{ watch, sizes, until, stop: () => stop.abort(), looks: () => looks },
    change: (next: OperatorDocument) => {
      operator = next;
      watch.attend('op');
    },
    told: () => watch.toldOf(operator),
  };
};

describe('the watch of resources after a change', () => {
  it('says nothing of a first generation', () => {
    const { watch, told, looks } = world(documentOf(1, 'string'));
    watch.attend('op');
    assert.deepEqual([told(), looks()], [[], 0]);
  });

  it('tells what slipped through, with a bounded list, and takes it back when it is mended', async () => {
    const { watch, sizes, change, until, told, stop } = world(documentOf(1, 'string'));
    watch.attend('op');
    for (let index = 0; index < 25; index += 1) sizes.set(`late-${String(index).padStart(2, '0')}`, 'large');
    change(documentOf(2, 'integer'));
    assert.deepEqual(told(), []);
    const bad = await until('False');
    assert.match(bad.message, /^25 resource\(s\).*public\/late-00: .*public\/late-19.*and 5 more$/);
    for (const name of sizes.keys()) sizes.set(name, 3);
    await until('True');
    stop();
  });

  it('does not look when nothing can break, nor when it was seen to be fine', async () => {
    const first = world(documentOf(1, 'string'));
    first.watch.attend('op');
    first.change(documentOf(2, 'string', ['new']));
    assert.equal(first.told()[0]?.status, 'True');
    assert.equal(first.looks(), 0);

    const fine = (observedGeneration: number) =>
      ({
        status: 'active',
        conditions: [{ type: 'ResourcesValid', status: 'True', reason: 'r', message: 'm', observedGeneration }],
      }) as unknown as OperatorStatus;
    const again = world(documentOf(3, 'string'), fine(3));
    again.watch.attend('op');
    await again.until('True');
    assert.equal(again.looks(), 0);
    const unseen = world(documentOf(3, 'integer'), fine(2));
    unseen.sizes.set('late', 'large');
    unseen.watch.attend('op');
    await unseen.until('False');
    unseen.stop();
  });
});
