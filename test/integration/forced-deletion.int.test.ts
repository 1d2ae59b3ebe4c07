// Operators that go by force, and what becomes of their resources: orphaned, released, adopted. On a real server with a component of the SDK
// that comes and goes, and operator-runtimes and projectors that are killed in between.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { encodeJson } from '../../src/core/decode.ts';
import { createAppender } from '../../src/jetstream/appender.ts';
import { createKeyValueStore } from '../../src/jetstream/key-value-store.ts';
import type { StatusEvent } from '../../src/messages/entity.ts';
import { viewKeys } from '../../src/messages/subjects.ts';
import { entities, operators } from '../../src/views/desired-state.ts';
import { entityStatuses, operatorStatuses } from '../../src/views/observed-state.ts';
import { startDatasetComponent, type DatasetComponent } from '../support/dataset-component.ts';
import { comparedView } from '../support/compared-view.ts';
import { datasetOf, mustApply, operatorNamed } from '../support/manifests.ts';
import { leakGuard } from '../support/processes.ts';
import { eventIn, startInstance, type RunningInstance } from '../support/running-instance.ts';
import { waitFor } from '../support/wait-for.ts';

leakGuard();

let instance: RunningInstance;
let component: DatasetComponent;
before(async () => {
  instance = await startInstance({ copies: { 'operator-runtime': 2, projector: 2, 'command-handler': 2 } });
  await mustApply(instance.client, operatorNamed('op'));
  component = startDatasetComponent(instance, 'op');
});
after(async () => {
  await component.stop();
  await instance.stop();
});

const get = async (name: string, type = 'resource') => {
  const where = type === 'resource' ? { workspace: 'public' } : {};
  const answer = await instance.client.query('get', { type, name, ...where });
  if (!answer.ok) assert.equal(answer.error.code, 'NOT_FOUND');
  return answer.ok ? answer.value : undefined;
};
const until = (what: string, isTrue: () => Promise<boolean>) => waitFor(isTrue, { what, timeoutMs: 20_000 });
const untilStatus = (name: string, status: string, type?: string) =>
  until(`${name} ${status}`, async () => (await get(name, type))?.summary.status === status);
const untilGone = (name: string, type?: string) =>
  until(`${name} gone`, async () => (await get(name, type)) === undefined);

const statusesOf = async (name: string): Promise<readonly StatusEvent[]> =>
  (await instance.messages(instance.names.streams.status, [`opstream.status.*.op.public.${name}`])).map(
    (message) => eventIn(message) as unknown as StatusEvent,
  );
const untilReleasedInViews = async (name: string): Promise<void> => {
  await until(`the release of ${name} in OPSTREAM_STATUS`, async () => {
    const last = (await statusesOf(name)).at(-1);
    return last?.data.conditions.some(({ reason }) => reason === 'Released') === true;
  });
  const store = createKeyValueStore(instance.connection, instance.names.buckets.entities);
  await until(`no documents of ${name}`, async () => {
    const found = await store.getMany([viewKeys.entity('public', name), viewKeys.entityStatus('public', name)]);
    return found.every((entry) => entry === undefined);
  });
};
const killLeader = async (program: 'operator-runtime' | 'projector'): Promise<void> => {
  const [leader] = instance.of(program).filter((copy) => copy.lines.some(({ msg }) => msg === 'lease acquired'));
  await instance.kill9(program, leader);
  await instance.start(program);
};

const verify = (projectionOf: typeof entities) => comparedView(instance, projectionOf);

describe('an operator that is deleted with force', { timeout: 120_000 }, () => {
  let uidOfB = '';

  it('is refused without it, and with it says what it leaves behind', async () => {
    for (const name of ['a', 'b', 'c']) await mustApply(instance.client, datasetOf('op', name, { first: true }));
    for (const name of ['a', 'b', 'c']) await untilStatus(name, 'active');
    const target = { type: 'operator', name: 'op' };
    const refused = await instance.client.send('delete', target);
    assert.equal(refused.rejection?.code, 'OPERATOR_HAS_RESOURCES');
    assert.equal(refused.rejection.details.length, 3);
    await component.stop();
    const receipt = await instance.client.send('delete', { ...target, force: true });
    assert.equal(receipt.accepted, true);
    assert.deepEqual(
      receipt.leftBehind?.items.map(({ name, status }) => `${name} ${status}`),
      ['a active', 'b active', 'c active'],
    );
    await killLeader('operator-runtime');
    await untilGone('op', 'operator');
    const [gone] = (await instance.messages(instance.names.streams.events, ['opstream.event.*.operator._.op'])).slice(
      -1,
    );
    assert.ok(gone);
    const { type, data } = eventIn(gone) as unknown as { type: string; data: { leftBehind?: { total: number } } };
    assert.deepEqual([type, data.leftBehind?.total], ['io.opstream.operator.deleted.v1', 3]);
  });

  it('leaves orphans: declared, stalled, listed as such, and nothing can be run or applied', async () => {
    const answer = await get('b');
    assert.equal(answer?.type, 'resource');
    assert.ok(answer?.type === 'resource');
    uidOfB = answer.entity.uid;
    assert.deepEqual([answer.summary.status, answer.summary.orphaned], ['error', true]);
    const stalled = answer.status?.conditions.find(({ type }) => type === 'Stalled');
    assert.deepEqual([stalled?.status, stalled?.reason], ['True', 'OperatorGone']);
    const list = await instance.client.query('list', { orphaned: true, operator: 'op' });
    assert.equal(list.ok && list.value.total, 3);
    assert.equal(
      (await instance.client.send('apply', datasetOf('op', 'b', { x: 1 }))).rejection?.code,
      'OPERATOR_NOT_FOUND',
    );
  });

  it('lets go of one only after its deletion was asked for, and cleans the views though everybody is killed', async () => {
    assert.equal((await instance.client.send('release', { name: 'a' })).rejection?.code, 'NOT_RELEASABLE');
    const deletion = await instance.client.send('delete', { name: 'a' });
    assert.deepEqual(
      deletion.warnings?.map(({ code }) => code),
      ['OPERATOR_GONE'],
    );
    await untilStatus('a', 'deleting');
    const receipt = await instance.client.send('release', { name: 'a' }, { actor: 'rocket' });
    assert.equal(receipt.accepted, true);
    assert.equal(receipt.leftBehind?.total, 1);
    await Promise.all([killLeader('operator-runtime'), killLeader('projector')]);
    await untilReleasedInViews('a');
    assert.equal(await get('a'), undefined);
    const finals = (await statusesOf('a')).filter(({ data }) => data.status === 'deleted');
    assert.equal(finals.length, 1);
    assert.match(finals[0]?.data.message ?? '', /released by rocket/);
  });

  it('gives its resources to the next operator of that name, which looks after them as they are wanted now', async () => {
    assert.equal((await instance.client.send('suspend', { name: 'c' })).accepted, true);
    await mustApply(instance.client, operatorNamed('op'));
    component = startDatasetComponent(instance, 'op');
    await untilStatus('b', 'active');
    await untilStatus('c', 'suspended');
    const answer = await get('b');
    assert.equal(answer?.type === 'resource' && answer.entity.uid, uidOfB);
    const list = await instance.client.query('list', { orphaned: true });
    assert.equal(list.ok && list.value.total, 0);
    // The component knows them from before, so that their statuses do not tell whether they were sent.
    const adopted = async () =>
      (await instance.messages('op-channel', ['op.dataset']))
        .map(eventIn)
        .flatMap(({ id, subject }) => (String(id).startsWith('adopt-') ? [String(subject)] : []));
    await until('what is wanted is sent', async () => (await adopted()).length > 1);
    assert.deepEqual([...(await adopted())].sort(), ['resource.public.b', 'resource.public.c']);
    await mustApply(instance.client, datasetOf('op', 'b', { second: true }));
    const generation = (await get('b'))?.summary.generation;
    await until('b observed', async () => (await get('b'))?.summary.observedGeneration === generation);
  });

  it('what a component says late about a released resource does not count, and the name can be declared again', async () => {
    const [late] = (await statusesOf('a')).filter(({ data }) => data.status === 'active').slice(-1);
    assert.ok(late);
    const again = await mustApply(instance.client, datasetOf('op', 'a', { again: true }));
    await untilStatus('a', 'active');
    assert.ok((again.entity?.generation ?? 0) > 1);
    const subject = instance.names.status({ operator: 'op', workspace: 'public', name: 'a' });
    const statuses = createAppender(instance.connection, instance.names.streams.status);
    const [sequence = 0] = await statuses.append([
      { subject, id: 'late-1', data: encodeJson({ ...late, id: 'late-1', data: { ...late.data, status: 'error' } }) },
    ]);
    await statuses.close();
    const store = createKeyValueStore(instance.connection, instance.names.buckets.entities);
    await until('the late status in the view', async () => {
      const entry = await store.get(viewKeys.entityStatus('public', 'a'));
      return entry !== undefined && new TextDecoder().decode(entry.data).includes(`"sequence":${sequence}`);
    });
    const answer = await get('a');
    assert.equal(answer?.type, 'resource');
    assert.deepEqual([answer?.summary.status, answer?.status], ['pending', undefined]);
    await mustApply(instance.client, datasetOf('op', 'a', { heals: true }));
    await untilStatus('a', 'active');
  });
});

describe('a resource that is deleted with force', { timeout: 60_000 }, () => {
  it('is forgotten by its living component, which neither deletes nor reports anything any more', async () => {
    await mustApply(instance.client, datasetOf('op', 'forced', { value: 1 }));
    await untilStatus('forced', 'active');
    const receipt = await instance.client.send('delete', { name: 'forced', force: true });
    assert.deepEqual(
      receipt.events.map(({ type }) => type),
      ['io.opstream.resource.released.v1'],
    );
    await untilReleasedInViews('forced');
    const before = (await statusesOf('forced')).length;
    const wanted = await instance.messages('op-channel', ['op.dataset']);
    const commands = wanted.map(eventIn).filter(({ subject }) => subject === 'resource.public.forced');
    assert.deepEqual(
      commands.map(({ data }) => (data as { command: string }).command),
      ['apply', 'release'],
    );
    // The component has taken everything up to a later command.
    await mustApply(instance.client, datasetOf('op', 'after-forced', {}));
    await untilStatus('after-forced', 'active');
    assert.equal((await statusesOf('forced')).length, before);
    await mustApply(instance.client, datasetOf('op', 'forced', { value: 2 }));
    await untilStatus('forced', 'active');
  });

  it('leaves views that are the fold of their streams', async () => {
    for (const projectionOf of [operators, operatorStatuses, entities, entityStatuses]) {
      const { differences, unsettled } = await verify(projectionOf);
      assert.equal(unsettled, 0);
      assert.deepEqual(differences, []);
    }
  });
});
