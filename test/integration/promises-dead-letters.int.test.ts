// P9 on a real server: whatever lies in a stream, the processes stay the same ones, what cannot be processed is kept with its reason, and
// everything else goes on.

import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import { encodeJson } from '../../src/core/decode.ts';
import type { JsonObject } from '../../src/core/json.ts';
import type { Rejection } from '../../src/core/rejection.ts';
import { createAppender } from '../../src/jetstream/appender.ts';
import { createRequester } from '../../src/jetstream/requester.ts';
import { createStreamReader } from '../../src/jetstream/stream-reader.ts';
import { resourceRef } from '../../src/messages/subjects.ts';
import { outcomeOf, publishDurably } from '../support/durable-door.ts';
import { datasetOf, mustApply } from '../support/manifests.ts';
import { leakGuard } from '../support/processes.ts';
import { eventIn, type RunningInstance } from '../support/running-instance.ts';
import { startUnshaken, type Unshaken } from '../support/unshaken-instance.ts';
import { waitFor } from '../support/wait-for.ts';

leakGuard();

const text = (value: string): Uint8Array => new TextEncoder().encode(value);
let unshaken: Unshaken;
let instance: RunningInstance;
before(async () => {
  unshaken = await startUnshaken();
  instance = unshaken.instance;
});
after(() => unshaken.stop());
afterEach(() => unshaken.mustWork());

const deadLetters = async (): Promise<readonly JsonObject[]> =>
  (await instance.messages(instance.names.streams.dead)).map(eventIn);
const untilDead = (source: string, subject: string): Promise<JsonObject> =>
  waitFor(async () => (await deadLetters()).find((one) => one['source'] === source && one['subject'] === subject), {
    what: `a dead letter of ${source} about ${subject}`,
  });

describe('P9 what cannot be processed is kept and stops nothing', () => {
  it('P9 durable commands: binary, broken YAML, a verb that is none', async () => {
    await publishDurably(instance, 'apply', new Uint8Array([0, 255, 254, 1, 2, 3]), 'binary');
    await publishDurably(instance, 'apply', text('name: [unclosed\n\tx'), 'broken');
    await publishDurably(instance, 'explode', text('{}'), 'no-verb');
    await publishDurably(instance, 'apply', datasetOf('op', 'behind-garbage', {}), 'behind');
    assert.equal((await outcomeOf(instance, 'behind')).accepted, true);
    for (const id of ['binary', 'broken']) {
      const outcome = await outcomeOf(instance, id);
      assert.equal(outcome.accepted, false);
      assert.ok((outcome.rejection?.message.length ?? 0) > 10);
    }
    const letter = await untilDead('command-handler', 'opstream.cmd.explode');
    assert.match(String(letter['reason']), /expected one of apply/);
    assert.equal(letter['data'], '{}');
    await waitFor(
      async () =>
        (await createStreamReader(instance.connection, instance.names.streams.commands).readLast('opstream.cmd.*')) ===
        undefined,
      {
        what: 'the queue to be empty',
      },
    );
  });

  it('P9 durable commands whose headers are wrong: the outcome is under the id, or under the place in the queue, and both are told', async () => {
    const ask = createRequester(instance.connection);
    const publish = async (headers: Readonly<Record<string, string>>): Promise<number> => {
      const { data } = await ask.request('opstream.cmd.apply', encodeJson(datasetOf('op', 'headers', {})), { headers });
      return (JSON.parse(new TextDecoder().decode(data)) as { readonly seq: number }).seq;
    };
    await publish({ 'Opstream-Command-Id': 'Good-Id', 'Opstream-Dry-Run': 'perhaps' });
    const known = await outcomeOf(instance, 'good-id');
    assert.match(JSON.stringify(known.rejection), /Opstream-Dry-Run/);
    const place = `cmd-${await publish({ 'Opstream-Command-Id': 'My Command!' })}`;
    const elsewhere = await outcomeOf(instance, place);
    assert.equal(elsewhere.commandId, place);
    assert.match(JSON.stringify(elsewhere.rejection), new RegExp(`My Command!|${place}`));
    assert.match(elsewhere.rejection?.message ?? '', new RegExp(`outcome of command "${place}"`));
    for (const body of [text('My Command!'), encodeJson({ commandId: 'My Command!' })]) {
      const { data } = await ask.request(instance.names.query('outcome'), body);
      const { error } = JSON.parse(new TextDecoder().decode(data)) as { readonly error: Rejection };
      assert.equal(error.code, 'QUERY_INVALID');
      assert.match(error.message, /cmd-<sequence>/);
    }
    const { data } = await ask.request(instance.names.query('outcome'), text('Good-Id'));
    assert.deepEqual(JSON.parse(new TextDecoder().decode(data)), { receipt: known });
  });

  const forgeries: readonly (readonly [string, (name: string) => Uint8Array])[] = [
    ['not-json', () => text('{"type":')],
    ['binary', () => new Uint8Array([255, 0, 128])],
    ['empty', () => new Uint8Array()],
    ['another-type', () => forged('io.opstream.resource.exploded.v1', {})],
    ['no-manifest', () => forged('io.opstream.resource.declared.v1', { uid: 'u' })],
    ['empty-manifest', () => forged('io.opstream.resource.declared.v1', { uid: 'u', manifest: {} })],
    [
      'odd-manifest',
      () => forged('io.opstream.resource.declared.v1', { uid: 'u', manifest: { resource: 7, name: [] } }),
    ],
    [
      'change-of-nothing',
      () => forged('io.opstream.resource.changed.v1', { patch: [{ op: 'add', path: '/a/b', value: 1 }] }),
    ],
    ['odd-patch', () => forged('io.opstream.resource.changed.v1', { patch: [null, 7, { op: 'nonsense' }] })],
    ['run-of-nothing', () => forged('io.opstream.resource.run-requested.v1', { run: {} })],
  ];
  const forged = (type: string, data: JsonObject): Uint8Array =>
    encodeJson({
      specversion: '1.0',
      id: `forged-${Math.random()}`,
      type,
      time: '2026-01-01T00:00:00Z',
      generation: 1,
      data,
    });

  for (const [name, make] of forgeries) {
    it(`P9 an event that nobody decided: ${name}`, async () => {
      const subject = instance.names.event(resourceRef('public', `forged-${name}`));
      const appender = createAppender(instance.connection, instance.names.streams.events);
      await appender.append([{ subject, id: `forged-${name}`, data: make(name) }]);
      await appender.close();
      await unshaken.mustWork();
      const isOfNothing = /of-nothing|odd-patch/.test(name);
      if (!isOfNothing) await untilDead('projector', subject);
    });
  }

  it('P9 an event that breaks a resource that is there, and one that breaks an operator', async () => {
    await mustApply(instance.client, datasetOf('op', 'to-be-broken', { value: 1 }));
    const appender = createAppender(instance.connection, instance.names.streams.events);
    const patch = [{ op: 'replace', path: '/not/there', value: 1 }];
    const broken = instance.names.event(resourceRef('public', 'to-be-broken'));
    await appender.append([
      { subject: broken, id: 'breaks-1', data: forged('io.opstream.resource.changed.v1', { patch }) },
    ]);
    const gutted = [{ op: 'remove', path: '/resource' }];
    await appender.append([
      { subject: broken, id: 'breaks-2', data: forged('io.opstream.resource.changed.v1', { patch: gutted }) },
    ]);
    const operator = instance.names.event({ kind: 'operator', workspace: '_', name: 'forged-op' });
    await appender.append([
      {
        subject: operator,
        id: 'breaks-3',
        data: forged('io.opstream.operator.registered.v1', { uid: 'u', manifest: {} }),
      },
    ]);
    await appender.close();
    await unshaken.mustWork();
    await untilDead('projector', broken);
  });

  it('P9 garbage on the subject of a resource: it is set aside, and the resource goes on', async () => {
    const target = { type: 'resource', workspace: 'public', name: 't1' };
    await mustApply(instance.client, datasetOf('op', 't1', { value: 1 }));
    const { nc } = instance.connection;
    nc.publish('opstream.event.05.resource.public.t1', text('garbage'));
    // Valid, but of another shard and of another thing.
    const subject = 'opstream.event.05.resource.public.t1';
    const [first] = await instance.messages(instance.names.streams.events, [subject]);
    nc.publish('opstream.event.06.resource.public.t1', first?.data);
    nc.publish('opstream.event.05.resource.public.t1', text('more garbage'));
    await untilDead('projector', 'opstream.event.06.resource.public.t1');
    await untilDead('projector', 'opstream.event.05.resource.public.t1');
    const patch = [{ op: 'replace', path: '/resource/spec/value', value: 2 }];
    const patched = await instance.client.send('patch', { ...target, patch });
    assert.deepEqual([patched.accepted, patched.entity?.generation], [true, 2]);
    nc.publish('opstream.event.05.resource.public.t1', text('again'));
    const applied = await mustApply(instance.client, datasetOf('op', 't1', { value: 3 }));
    const minSequence = applied.events[0]?.sequence ?? 0;
    const shown = await instance.client.query('get', { ...target, minSequence, waitMs: 8000 });
    assert.ok(shown.ok && shown.value.type === 'resource');
    assert.equal(shown.value.entity.generation, 3);
    const history = await instance.client.query('history', target);
    assert.ok(history.ok);
    const reasons = history.value.entries.flatMap(({ setAside }) => setAside ?? []);
    assert.deepEqual(reasons, ['not a JSON object', 'not a JSON object', 'not a JSON object']);
    assert.equal((await instance.client.send('delete', target)).accepted, true);
    await waitFor(async () => !(await instance.client.query('get', target)).ok, { what: 't1 to be gone' });
  });

  it('P9 statuses that are none', async () => {
    const subject = instance.names.status({ operator: 'op', workspace: 'public', name: 'forged' });
    const appender = createAppender(instance.connection, instance.names.streams.status);
    const bodies = [
      text('nonsense'),
      new Uint8Array([255]),
      forged('io.opstream.entity.observed.v1', { status: 'deleted' }),
    ];
    for (const [index, data] of bodies.entries()) await appender.append([{ subject, id: `status-${index}`, data }]);
    await appender.close();
    await waitFor(
      async () => (await deadLetters()).filter((one) => one['subject'] === subject).length >= bodies.length,
      { what: 'three dead letters' },
    );
  });
});
