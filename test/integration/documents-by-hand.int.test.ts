// What people do to the buckets of the views by hand: no document can stop a process or a query, what does not fit is told, and the projector
// puts right what it finds different.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { JsonObject } from '../../src/core/json.ts';
import { isFault } from '../../src/core/fault.ts';
import { createKeyValueStore } from '../../src/jetstream/key-value-store.ts';
import { datasetOf, mustApply, operatorNamed } from '../support/manifests.ts';
import { leakGuard } from '../support/processes.ts';
import { programs, startInstance, type RunningInstance } from '../support/running-instance.ts';
import { waitFor } from '../support/wait-for.ts';

leakGuard();

let instance: RunningInstance;
before(async () => {
  instance = await startInstance();
  await mustApply(instance.client, operatorNamed('op'));
});
after(() => instance.stop());

const targetOf = (name: string) => ({ type: 'resource', workspace: 'public', name });

/** As `nats kv put` and `nats kv del` do it. */
const byHand = async (bucket: string, key: string, value: unknown): Promise<void> => {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  const data = value === undefined ? undefined : new TextEncoder().encode(text);
  await createKeyValueStore(instance.connection, bucket).commit([{ key, data }]);
};

const entityOf = async (name: string, minSequence?: number): Promise<JsonObject | undefined> => {
  const query = { ...targetOf(name), ...(minSequence === undefined ? {} : { minSequence, waitMs: 8000 }) };
  const answer = await instance.client.query('get', query);
  return answer.ok && answer.value.type === 'resource' ? (answer.value.entity as unknown as JsonObject) : undefined;
};

const patched = async (name: string, value: number): Promise<number> => {
  const patch = [{ op: 'replace', path: '/resource/spec/value', value }];
  const receipt = await instance.client.send('patch', { ...targetOf(name), patch });
  assert.equal(receipt.accepted, true);
  return receipt.events[0]?.sequence ?? 0;
};

const specOf = (entity: JsonObject | undefined): unknown =>
  ((entity?.['manifest'] as JsonObject | undefined)?.['resource'] as JsonObject | undefined)?.['spec'];

const WHOLE = { uid: 'u', generation: 1, sequence: 1, createdAt: '', updatedAt: '', createdBy: '', updatedBy: '' };

describe('documents that nobody projected', () => {
  it('stop no process and no query, and are told', async () => {
    await mustApply(instance.client, datasetOf('op', 'good', { value: 1 }));
    const { entities, operators, secrets } = instance.names.buckets;
    const oddities: readonly unknown[] = ['{}', 'garbage', '[]', '7', { sequence: 3 }, { ...WHOLE, manifest: {} }];
    for (const [index, odd] of oddities.entries()) {
      await byHand(entities, `entity.public.zz-${index}`, odd);
      await byHand(entities, `status.public.zz-${index}`, odd);
      await byHand(operators, `operator.zz-${index}`, odd);
      await byHand(operators, `status.zz-${index}`, odd);
      await byHand(secrets, `secret.public.zz-${index}`, odd);
    }
    await byHand(entities, 'entity.public', '{}');
    await byHand(entities, 'what.is.this', '{}');
    const mustAnswer = async (): Promise<void> => {
      const list = await instance.client.query('list', {});
      assert.ok(list.ok);
      assert.deepEqual(
        list.value.items.map(({ name }) => name),
        ['op', 'good'],
      );
      assert.equal(list.value.damaged, oddities.length * 5);
      assert.deepEqual(specOf(await entityOf('good')), { value: 1 });
      // Not readable is not absent.
      await assert.rejects(
        instance.client.query('get', targetOf('zz-0')),
        (error) => isFault(error, 'VIEW_DAMAGED') && /zz-0 cannot be read.*opstream rebuild/.test(error.message),
      );
    };
    await waitFor(
      async () => {
        const list = await instance.client.query('list', {});
        return list.ok && list.value.damaged === oddities.length * 5;
      },
      { what: 'the damage to be told' },
    );
    await mustAnswer();
    for (const program of programs) await instance.replace(program);
    const sequence = (await mustApply(instance.client, datasetOf('op', 'later', { value: 1 }))).events[0]?.sequence;
    assert.deepEqual(specOf(await entityOf('later', sequence)), { value: 1 });
    await instance.client.send('delete', { ...targetOf('later'), force: true });
    await waitFor(async () => (await entityOf('later')) === undefined, { what: 'later to be gone' });
    await mustAnswer();
    for (const program of programs)
      for (const { lines } of instance.of(program)) assert.ok(!lines.some(({ level }) => level === 'fatal'), program);
  });
});

describe('a document that was', () => {
  const ways: readonly (readonly [string, (bucket: string, key: string, entity: JsonObject) => Promise<void>])[] = [
    ['removed', (bucket, key) => byHand(bucket, key, undefined)],
    ['made unreadable', (bucket, key) => byHand(bucket, key, '{}')],
    ['changed', (bucket, key, entity) => byHand(bucket, key, { ...entity, generation: 77, suspended: true })],
    ['sent ahead', (bucket, key, entity) => byHand(bucket, key, { ...entity, sequence: 999_999 })],
  ];
  for (const [what, harm] of ways) {
    for (const isRestarted of [false, true]) {
      it(`${what} by hand is put right with the next event, ${isRestarted ? 'by the next projector' : 'at once'}`, async () => {
        const name = `${what.replaceAll(' ', '-')}-${String(isRestarted)}`;
        const first = await mustApply(instance.client, datasetOf('op', name, { value: 1 }));
        const entity = await entityOf(name, first.events[0]?.sequence);
        assert.ok(entity !== undefined);
        await harm(instance.names.buckets.entities, `entity.public.${name}`, entity);
        if (what === 'removed')
          await assert.rejects(
            instance.client.query('get', targetOf(name)),
            /no document of resource\.public\.removed/,
          );
        if (isRestarted) await instance.replace('projector');
        const sequence = await patched(name, 2);
        const mended = await entityOf(name, sequence);
        assert.deepEqual(specOf(mended), { value: 2 });
        assert.deepEqual(
          [mended?.['generation'], mended?.['suspended'], mended?.['sequence'], mended?.['createdAt']],
          [2, false, sequence, entity['createdAt']],
        );
      });
    }
  }
});
